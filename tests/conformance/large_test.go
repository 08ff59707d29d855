package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

func logLines(tb testing.TB, path string) []string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestLarge asks for single bytes on both sides of 2 and 4 GiB, and for what lies across, in sparse files.
func TestLarge(t *testing.T) {
	const gib = int64(1) << 30
	size := 5*gib + 3
	site := newSite(t)
	// The bytes around each border are other than zero, and each other than its neighbours.
	marks := map[int64]byte{}
	for i, border := range []int64{2 * gib, 4 * gib, 2*gib - 4096, 4*gib + 4096, size - 1} {
		for d := int64(-2); d <= 2; d++ {
			if border+d < size {
				marks[border+d] = byte(1 + 16*i + int(d) + 2)
			}
		}
	}
	for _, directory := range []string{"", "dynamic"} {
		file, err := os.Create(filepath.Join(site, directory, "large"))
		if err == nil {
			err = file.Truncate(size)
		}
		for at, mark := range marks {
			if err == nil {
				_, err = file.WriteAt([]byte{mark}, at)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		stamp(t, filepath.Join(site, directory, "large"), modified)
	}
	expect := func(first, last int64) string {
		b := bytes.Repeat([]byte{0}, int(last-first+1))
		for at, mark := range marks {
			if at >= first && at <= last {
				b[at-first] = mark
			}
		}
		return string(b)
	}
	s := harness.StartServe(t, harness.Options{}, site)
	count := 0
	for _, target := range []string{"/large", "/dynamic/large"} {
		t.Run("RFC 9110 8.6 length "+target, func(t *testing.T) {
			a := fetch(t, s.Address, "HEAD", target)
			if a.get("Content-Length") != fmt.Sprint(size) || a.get("ETag") != fmt.Sprintf(`"%x-%x"`, modified.UnixNano(), size) {
				t.Error(a)
			}
		})
		t.Run("RFC 9110 14.1.2 borders "+target, func(t *testing.T) {
			c := dial(t, s.Address)
			check := func(value string, first, last int64) {
				t.Helper()
				c.send(get(target, "Range: bytes="+value))
				a := c.response("GET")
				if want := fmt.Sprintf("bytes %d-%d/%d", first, last, size); a.status != 206 || a.get("Content-Range") != want {
					t.Fatalf("%s: %v", value, a)
				}
				if a.body != expect(first, last) {
					t.Fatalf("%s: other bytes", value)
				}
				count++
			}
			for _, border := range []int64{2 * gib, 4 * gib} {
				for d := int64(-4097); d <= 4097; d++ {
					if d > 3 && d < 4095 || d < -3 && d > -4095 {
						continue
					}
					check(fmt.Sprintf("%d-%d", border+d, border+d), border+d, border+d)
				}
				check(fmt.Sprintf("%d-%d", border-1, border), border-1, border)
				check(fmt.Sprintf("%d-%d", border-70_000, border+1_500_000), border-70_000, border+1_500_000)
				check(fmt.Sprintf("%d-%d", border-1_500_000, border+70_000), border-1_500_000, border+70_000)
			}
			check("-1", size-1, size-1)
			check("-3", size-3, size-1)
			check(fmt.Sprintf("%d-", size-1), size-1, size-1)
		})
		t.Run("RFC 9110 14.6 parts on both sides "+target, func(t *testing.T) {
			a := fetch(t, s.Address, "GET", target, fmt.Sprintf("Range: bytes=%d-%d, %d-%d, -1", 2*gib-1, 2*gib, 4*gib-1, 4*gib))
			boundary := strings.TrimPrefix(a.get("Content-Type"), "multipart/byteranges; boundary=")
			var want strings.Builder
			for _, first := range []int64{2*gib - 1, 4*gib - 1, size - 1} {
				last := min(first+1, size-1)
				fmt.Fprintf(&want, "\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s",
					boundary, first, last, size, expect(first, last))
			}
			fmt.Fprintf(&want, "\r\n--%s--\r\n", boundary)
			if a.status != 206 || a.body != want.String() {
				t.Error(a)
			}
		})
		t.Run("RFC 9110 15.5.17 behind the end "+target, func(t *testing.T) {
			a := fetch(t, s.Address, "GET", target, fmt.Sprintf("Range: bytes=%d-", size))
			if a.status != 416 || a.get("Content-Range") != fmt.Sprintf("bytes */%d", size) {
				t.Error(a)
			}
		})
		t.Run("RFC 9112 9.6 a client that leaves "+target, func(t *testing.T) {
			for range 20 {
				c := dial(t, s.Address)
				c.send(get(target))
				if _, err := c.r.Peek(100); err != nil {
					t.Fatal(err)
				}
				_ = c.Close()
			}
		})
	}
	alive(t, s)
	fmt.Printf("conformance: %d ranges around 2 and 4 GiB\n", count)
}
