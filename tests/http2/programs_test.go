package http2

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// run runs a program that has to succeed, and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return stdout.String()
}

// TestPrograms fetches files with the clients that people use.
func TestPrograms(t *testing.T) {
	s := serve(t, newRoot(t))
	secure, plain := "https://"+s.Address, "http://"+s.Plain
	t.Run("curl", func(t *testing.T) {
		for _, args := range [][]string{{"-k", "--http2", secure}, {"--http2-prior-knowledge", plain}} {
			base := args[len(args)-1]
			args = append(args[:len(args)-1], "-sS", "-o", filepath.Join(t.TempDir(), "out"), "-w", "%{http_version} %{http_code} %{size_download}")
			for name, content := range contents {
				got := run(t, "curl", append(args, base+"/"+name)...)
				want := fmt.Sprintf("2 200 %d", len(content))
				if name == "dir/sub/index.html" || name == "index.html" {
					want = got[:len("2 200")] + want[len("2 200"):]
				}
				file, err := os.ReadFile(args[len(args)-3])
				if err != nil && len(content) > 0 {
					t.Fatal(err)
				}
				if got != want || len(content) > 0 && !bytes.Equal(file, content) {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			if got := run(t, "curl", append(args, "-r", "5-9", base+"/large")...); got != "2 206 5" {
				t.Errorf("a range: %s", got)
			}
			if got := run(t, "curl", append(args, "-d", strings.Repeat("x", 100_000), base+"/small")...); !strings.HasPrefix(got, "2 405") {
				t.Errorf("POST: %s", got)
			}
		}
	})
	t.Run("curl in parallel", func(t *testing.T) {
		out := t.TempDir()
		args := []string{"-k", "--http2", "-sS", "-Z", "--parallel-max", "50"}
		for i := range 50 {
			args = append(args, "-o", filepath.Join(out, strconv.Itoa(i)), secure+"/dynamic/large")
		}
		run(t, "curl", args...)
		for i := range 50 {
			file, err := os.ReadFile(filepath.Join(out, strconv.Itoa(i)))
			if err != nil || !bytes.Equal(file, contents["dynamic/large"]) {
				t.Fatalf("file %d: %d bytes, %v", i, len(file), err)
			}
		}
	})
	t.Run("nghttp", func(t *testing.T) {
		got := run(t, "nghttp", "-s", "-n", secure+"/large", secure+"/small", secure+"/dynamic/large", secure+"/page")
		if n := strings.Count(got, " 200 "); n != 4 {
			t.Errorf("%d responses:\n%s", n, got)
		}
	})
	t.Run("h2load", func(t *testing.T) {
		for _, base := range []string{secure, plain} {
			got := run(t, "h2load", "-n", "20000", "-c", "8", "-m", "32", base+"/small", base+"/page", base+"/dynamic/small")
			if !strings.Contains(got, "20000 succeeded, 0 failed, 0 errored, 0 timeout") || !strings.Contains(got, "status codes: 20000 2xx") {
				t.Error(got)
			}
		}
	})
}

// TestAccessLog looks at the protocol in the log.
func TestAccessLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := serve(t, newRoot(t), "--access-log", log)
	both(t, func(t *testing.T, secure bool) {
		c, base := client(t, s, secure)
		for _, name := range []string{"small", "dynamic/large", "empty"} {
			if err := fetch(t.Context(), c, base, name); err != nil {
				t.Fatal(err)
			}
		}
	})
	harness.Eventually(t, patience, "the log has six lines", func() error {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		for name, size := range map[string]string{"small": "100", "dynamic/large": strconv.Itoa(2 << 20), "empty": "-"} {
			if n := strings.Count(string(text), fmt.Sprintf(`"GET /%s HTTP/2.0" 200 %s `, name, size)); n != 2 {
				return fmt.Errorf("%d lines for %s:\n%s", n, name, text)
			}
		}
		return nil
	})
}
