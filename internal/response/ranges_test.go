package response

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

func TestParseRanges_9110_14_2(t *testing.T) {
	for _, c := range []struct {
		name, value string // RFC 9110 section first
		size        int64
		want        string // the ranges as start+length, or the verdict
	}{
		{"14.1.2 first bytes", "bytes=0-499", 10000, "0+500"},
		{"14.1.2 second bytes", "bytes=500-999", 10000, "500+500"},
		{"14.1.2 suffix", "bytes=-500", 10000, "9500+500"},
		{"14.1.2 open", "bytes=9500-", 10000, "9500+500"},
		{"14.1.2 first and last byte", "bytes=0-0,-1", 10000, "0+1 9999+1"},
		{"14.1.2 several", "bytes= 0-999, 4500-5499, -1000", 10000, "0+1000 4500+1000 9000+1000"},
		{"14.1.2 touching", "bytes=500-600,601-999", 10000, "500+500"},
		{"14.1.2 overlapping", "bytes=500-700,601-999", 10000, "500+500"},
		{"14.1.2 beyond the end", "bytes=0-99999", 10000, "0+10000"},
		{"14.1.2 suffix beyond the start", "bytes=-99999", 10000, "0+10000"},
		{"14.1.2 whole", "bytes=0-", 10000, "0+10000"},
		{"14.1.2 last byte", "bytes=9999-9999", 10000, "9999+1"},
		{"14.1.2 number beyond an int64", "bytes=5-99999999999999999999", 10, "5+5"},
		{"14.1.2 suffix beyond an int64", "bytes=-99999999999999999999", 10, "0+10"},
		{"14.1.2 start beyond an int64", "bytes=99999999999999999999-", 10, "unsatisfiable"},
		{"14.1.2 largest file", "bytes=9223372036854775806-", 1<<63 - 1, "9223372036854775806+1"},
		{"14.1.2 first after the end", "bytes=10-", 10, "unsatisfiable"},
		{"14.1.2 suffix of nothing", "bytes=-0", 10, "unsatisfiable"},
		{"14.1.2 one of two", "bytes=10-,3-4", 10, "3+2"},
		{"14.1 unit in capitals", "BYTES=0-1", 10, "0+2"},
		{"14.2 other unit", "lines=0-1", 10, "ignored"},
		{"14.2 unit alone", "bytes", 10, "ignored"},
		{"14.2 no range", "bytes=", 10, "ignored"},
		{"5.6.1 only commas", "bytes=,,", 10, "ignored"},
		{"5.6.1 empty elements", "bytes=,0-1, ,3-4,", 10, "0+2 3+2"},
		{"14.1.1 last before first", "bytes=2-1", 10, "ignored"},
		{"14.1.1 last before first beyond the end", "bytes=20-11", 10, "ignored"},
		{"14.1.1 one malformed of two", "bytes=0-1,x", 10, "ignored"},
		{"14.1.1 no dash", "bytes=1", 10, "ignored"},
		{"14.1.1 only a dash", "bytes=-", 10, "ignored"},
		{"14.1.1 two dashes", "bytes=1-2-3", 10, "ignored"},
		{"14.1.1 negative suffix", "bytes=--1", 10, "ignored"},
		{"14.1.1 sign", "bytes=+1-2", 10, "ignored"},
		{"14.1.1 space before the dash", "bytes=1 -2", 10, "ignored"},
		{"14.1.1 space after the dash", "bytes=1- 2", 10, "ignored"},
		{"14.1.1 space before the equals sign", "bytes =1-2", 10, "ignored"},
		{"14.2 empty representation", "bytes=0-", 0, "ignored"},
		{"14.2 suffix of an empty representation", "bytes=-1", 0, "ignored"},
		{"14.2 as many as allowed", "bytes=0-0,2-2,4-4,6-6", 10, "0+1 2+1 4+1 6+1"},
		{"14.2 more than allowed", "bytes=0-0,2-2,4-4,6-6,8-8", 10, "ignored"},
		{"14.2 more than allowed though one", "bytes=0-,0-,0-,0-,0-", 10, "ignored"},
		{"15.3.7.2 order kept", "bytes=8-8,0-0,4-4", 10, "8+1 0+1 4+1"},
		{"15.3.7.2 joined in the first's place", "bytes=8-8,0-2,5-5,3-3", 10, "8+1 0+4 5+1"},
		{"15.3.7.2 bridge", "bytes=6-8,0-2,9-9,3-5", 10, "0+10"},
		{"15.3.7.2 the same twice", "bytes=1-2,1-2", 10, "1+2"},
		{"15.3.7.2 inside another", "bytes=3-4,0-9", 10, "0+10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := Range{7, 7}
			ranges, verdict := ParseRanges([]Range{kept}, []byte(c.value), c.size, 4)
			if ranges[0] != kept {
				t.Fatal("what was in dst is gone")
			}
			var words []string
			for _, r := range ranges[1:] {
				words = append(words, fmt.Sprintf("%d+%d", r.Start, r.Length))
			}
			got := strings.Join(words, " ")
			if (got != "") != (verdict == RangesSatisfiable) {
				t.Fatalf("%v with %q", verdict, got)
			}
			if got == "" {
				got = verdict.String()
			}
			if got != c.want {
				t.Errorf("%q of %d: %s, want %s", c.value, c.size, got, c.want)
			}
		})
	}
}

func TestContentRange_9110_14_4(t *testing.T) {
	got := string(AppendContentRange(nil, Range{42, 1192}, 1234))
	got += ", " + string(AppendUnsatisfiedRange(nil, 1234))
	if want := "bytes 42-1233/1234, bytes */1234"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// appendMultipart writes a whole body, as the loop does with the file's bytes in between.
func appendMultipart(dst, boundary []byte, mediaType string, ranges []Range, content []byte) []byte {
	for _, r := range ranges {
		dst = AppendPartHead(dst, boundary, mediaType, r, int64(len(content)))
		dst = append(dst, content[r.Start:r.Start+r.Length]...)
	}
	return AppendPartsEnd(dst, boundary)
}

// checkMultipart reads the body with package mime/multipart and compares it, and its length.
func checkMultipart(t *testing.T, mediaType string, ranges []Range, content []byte) {
	t.Helper()
	boundary := AppendBoundary(nil, 0x0123456789abcdef, 0xfedcba9876543210)
	if string(boundary) != "0123456789abcdeffedcba9876543210" || len(boundary) != BoundaryBytes {
		t.Fatalf("boundary %q", boundary)
	}
	body := appendMultipart(nil, boundary, mediaType, ranges, content)
	if n := MultipartBytes(ranges, mediaType, int64(len(content))); n != int64(len(body)) {
		t.Fatalf("%v: MultipartBytes says %d, the body has %d", ranges, n, len(body))
	}
	if !bytes.HasPrefix(body, append([]byte("\r\n--"), boundary...)) {
		t.Fatalf("%v: no empty line before the first part: %.60q", ranges, body)
	}
	base, params, err := mime.ParseMediaType(string(AppendMultipartType(nil, boundary)))
	if err != nil || base != "multipart/byteranges" {
		t.Fatalf("%q: %v", base, err)
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for _, r := range ranges {
		part, err := reader.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(part)
		if err != nil || !bytes.Equal(got, content[r.Start:r.Start+r.Length]) {
			t.Fatalf("%v: %d bytes, %v", r, len(got), err)
		}
		wantRange := string(AppendContentRange(nil, r, int64(len(content))))
		if part.Header.Get("Content-Range") != wantRange || part.Header.Get("Content-Type") != mediaType {
			t.Fatalf("%v: %v", r, part.Header)
		}
	}
	if _, err := reader.NextRawPart(); err != io.EOF {
		t.Fatalf("after the last part: %v", err)
	}
}

func TestMultipart_9110_14_6(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1100)
	for _, mediaType := range []string{"", "text/plain; charset=utf-8"} {
		checkMultipart(t, mediaType, []Range{{0, 1}}, content)
		checkMultipart(t, mediaType, []Range{{0, 9}, {9, 1}, {10, 1}, {98, 2}, {9999, 1001}}, content)
	}
}

// FuzzParseRanges: the ranges lie inside, do not meet, add up to no more than the size, and hold exactly the
// bytes that the specifications name; and their multipart form can be read.
func FuzzParseRanges(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-,0-1, 3-3", "bytes=2-1", "bytes=0-0,-1,4-7,1-3"} {
		f.Add([]byte(s), uint16(10), uint8(8))
	}
	f.Fuzz(func(t *testing.T, value []byte, size uint16, rangesMax uint8) {
		ranges, verdict := ParseRanges(nil, value, int64(size), int(rangesMax))
		if (len(ranges) > 0) != (verdict == RangesSatisfiable) || len(ranges) > int(rangesMax) {
			t.Fatalf("%q: %v with %v", value, verdict, ranges)
		}
		if verdict == RangesIgnored {
			return
		}
		want, got := make([]bool, size), make([]bool, size)
		for spec := range strings.SplitSeq(string(value[len("bytes="):]), ",") {
			r, ok := parseRange(trim([]byte(spec)), int64(size))
			if !ok && len(trim([]byte(spec))) > 0 {
				t.Fatalf("%q: %v with %q", value, verdict, spec)
			}
			for i := range r.Length {
				want[r.Start+i] = true
			}
		}
		for i, r := range ranges {
			for _, other := range ranges[:i] {
				if meets(r, other) {
					t.Fatalf("%q: %v and %v meet", value, r, other)
				}
			}
			for i := range r.Length {
				got[r.Start+i] = true
			}
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("%q of %d: %v", value, size, ranges)
		}
		if verdict == RangesSatisfiable && size < 2000 {
			checkMultipart(t, "text/plain", ranges, make([]byte, size))
		}
	})
}

func BenchmarkParseRanges(b *testing.B) {
	value := []byte("bytes=1048576-2097151")
	var ranges [4]Range
	b.ReportAllocs()
	for b.Loop() {
		ParseRanges(ranges[:0], value, 1<<30, 4)
	}
}
