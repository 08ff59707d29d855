package fileserver

import (
	"strings"
	"testing"
)

// TestConditionals has conditions that hold, and conditions that don't.
func TestConditionals(t *testing.T) {
	s := newSite(t, nil)
	first := s.Do(t, get("/page.html"))
	tag, modified := first.Header.Get("Etag"), first.Header.Get("Last-Modified")
	const earlier = "Sun, 15 Jun 2025 14:06:39 GMT"
	for _, test := range []struct {
		name   string
		method string
		fields []string
		status int
		to     int64
	}{
		{"the same tag", "GET", []string{"If-None-Match: " + tag}, 304, 0},
		{"the same tag, HEAD", "HEAD", []string{"If-None-Match: " + tag}, 304, 0},
		{"the same tag among others", "GET", []string{`If-None-Match: "a", W/` + tag}, 304, 0},
		{"in two lines", "GET", []string{`If-None-Match: "a"`, "If-None-Match: " + tag}, 304, 0},
		{"any tag", "GET", []string{"If-None-Match: *"}, 304, 0},
		{"another tag", "GET", []string{`If-None-Match: "a"`}, 200, 1000},
		{"not modified", "GET", []string{"If-Modified-Since: " + modified}, 304, 0},
		{"modified", "GET", []string{"If-Modified-Since: " + earlier}, 200, 1000},
		{"since twice", "GET", []string{"If-Modified-Since: " + modified, "If-Modified-Since: " + modified}, 200, 1000},
		{"a tag goes before a date", "GET", []string{`If-None-Match: "a"`, "If-Modified-Since: " + modified}, 200, 1000},
		{"match", "GET", []string{"If-Match: " + tag}, 200, 1000},
		{"no match", "GET", []string{`If-Match: "a"`}, 412, 0},
		{"a weak tag does not match", "GET", []string{"If-Match: W/" + tag}, 412, 0},
		{"unmodified", "GET", []string{"If-Unmodified-Since: " + modified}, 200, 1000},
		{"not unmodified", "GET", []string{"If-Unmodified-Since: " + earlier}, 412, 0},
		{"a range of the same", "GET", []string{"If-Range: " + tag, "Range: bytes=0-9"}, 206, 10},
		{"a range of another", "GET", []string{`If-Range: "a"`, "Range: bytes=0-9"}, 200, 1000},
		{"not modified goes before a range", "GET", []string{"If-None-Match: " + tag, "Range: bytes=0-9"}, 304, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := s.Do(t, write(test.method, "/page.html", test.fields...))
			if int(e.Status) != test.status || e.To != test.to {
				t.Errorf("%d with %d bytes, want %d with %d", e.Status, e.To, test.status, test.to)
			}
			if test.status == 304 {
				checkFields(t, e.Header, map[string]string{"Etag": tag, "Content-Type": "-", "Last-Modified": modified})
			}
		})
	}
	if e := s.Do(t, get("/none", "If-None-Match: *")); e.Status != 404 {
		t.Errorf("a condition on nothing: %d", e.Status)
	}
	if e := s.Do(t, get("/new.txt", "If-Modified-Since: Sun, 15 Jun 2025 15:06:40 GMT")); e.Status != 200 {
		t.Errorf("a file of this second: %d", e.Status)
	}
}

// TestRanges has ranges of a file of 1000 bytes.
func TestRanges(t *testing.T) {
	s := newSite(t, func(o *Options) { o.RangesMax = 3 })
	for _, test := range []struct {
		value    string
		status   int
		from, to int64
		content  string // Content-Range
	}{
		{"bytes=0-0", 206, 0, 1, "bytes 0-0/1000"},
		{"bytes=10-19", 206, 10, 20, "bytes 10-19/1000"},
		{"bytes=990-", 206, 990, 1000, "bytes 990-999/1000"},
		{"bytes=-10", 206, 990, 1000, "bytes 990-999/1000"},
		{"bytes=-2000", 206, 0, 1000, "bytes 0-999/1000"},
		{"bytes=0-5,6-9", 206, 0, 10, "bytes 0-9/1000"},
		{"bytes=1000-", 416, 0, 0, "bytes */1000"},
		{"bytes=-0", 416, 0, 0, "bytes */1000"},
		{"bytes=5-2", 200, 0, 1000, "-"},
		{"lines=1-2", 200, 0, 1000, "-"},
		{"bytes=0-1,10-11,20-21,30-31", 200, 0, 1000, "-"},
	} {
		t.Run(test.value, func(t *testing.T) {
			e := s.Do(t, get("/page.html", "Range: "+test.value))
			if int(e.Status) != test.status || e.From != test.from || e.To != test.to {
				t.Errorf("%d with [%d, %d), want %d with [%d, %d)", e.Status, e.From, e.To, test.status, test.from, test.to)
			}
			checkFields(t, e.Header, map[string]string{"Content-Range": test.content})
		})
	}
	if e := s.Do(t, write("HEAD", "/page.html", "Range: bytes=0-9")); e.Status != 200 || e.Header.Get("Content-Length") != "1000" {
		t.Errorf("HEAD: %d", e.Status)
	}
	if e := s.Do(t, get("/page.html", "Range: bytes=0-9", "Range: bytes=0-9")); e.Status != 200 {
		t.Errorf("two fields: %d", e.Status)
	}
	if e := s.Do(t, get("/empty", "Range: bytes=0-9")); e.Status == 206 || e.To != 0 {
		t.Errorf("of an empty file: %d", e.Status)
	}
}

// TestSeveralRanges has a response in parts, of a static file and of a dynamic one.
func TestSeveralRanges(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/page.html", "/dynamic/d.bin"} {
		e := s.Do(t, get(path, "Range: bytes=0-9,100-109,-10"))
		mediaType := e.Header.Get("Content-Type")
		boundary, ok := strings.CutPrefix(mediaType, "multipart/byteranges; boundary=")
		if e.Status != 206 || !ok || e.From != 0 || e.To != 10 || len(e.Parts) != 3 {
			t.Fatalf("%s: %d, %q, [%d, %d), %d parts", path, e.Status, mediaType, e.From, e.To, len(e.Parts))
		}
		if p := e.Parts[0]; p.From != 100 || p.To != 110 {
			t.Errorf("%s: second part [%d, %d)", path, p.From, p.To)
		}
		if p := e.Parts[2]; p.From != p.To || !strings.HasSuffix(string(e.PartText), "--"+boundary+"--\r\n") {
			t.Errorf("%s: the end is %q", path, e.PartText)
		}
		if !strings.Contains(e.Memory, "--"+boundary+"\r\n") || !strings.Contains(e.Memory, "Content-Range: bytes 0-9/") {
			t.Errorf("%s: the first part begins with %q", path, e.Memory)
		}
		checkFields(t, e.Header, map[string]string{"Content-Range": "-"})
	}
}
