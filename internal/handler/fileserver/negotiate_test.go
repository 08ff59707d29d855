package fileserver

import (
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
)

// TestNegotiate has files with siblings, and what is sent to whom.
func TestNegotiate(t *testing.T) {
	all := "Accept-Encoding: gzip, br, zstd"
	for _, test := range []struct {
		name     string
		siblings map[string]time.Duration // the ages of page.html's; page.html is an hour old
		fields   []string
		file     string
		coding   string
		vary     string
	}{
		{name: "none", fields: []string{all}, file: "page.html"},
		{
			name: "the best", siblings: map[string]time.Duration{".gz": time.Hour, ".br": time.Hour, ".zst": time.Hour}, fields: []string{all},
			file: "page.html.zst", coding: "zstd", vary: "Accept-Encoding",
		},
		{
			name: "the only one", siblings: map[string]time.Duration{".gz": time.Hour}, fields: []string{all},
			file: "page.html.gz", coding: "gzip", vary: "Accept-Encoding",
		},
		{
			name: "by weight", siblings: map[string]time.Duration{".gz": time.Hour, ".br": time.Hour}, fields: []string{"Accept-Encoding: br;q=0.5, gzip"},
			file: "page.html.gz", coding: "gzip", vary: "Accept-Encoding",
		},
		{
			name: "not acceptable", siblings: map[string]time.Duration{".gz": time.Hour}, fields: []string{"Accept-Encoding: br"},
			file: "page.html", vary: "Accept-Encoding",
		},
		{
			name: "nothing is acceptable", siblings: map[string]time.Duration{".gz": time.Hour}, fields: []string{"Accept-Encoding: *;q=0"},
			file: "page.html", vary: "Accept-Encoding",
		},
		{
			name: "no Accept-Encoding", siblings: map[string]time.Duration{".gz": time.Hour},
			file: "page.html", vary: "Accept-Encoding",
		},
		{
			name: "older than the file", siblings: map[string]time.Duration{".gz": 2 * time.Hour, ".br": 30 * time.Minute}, fields: []string{all},
			file: "page.html.br", coding: "br", vary: "Accept-Encoding",
		},
		{name: "all are older", siblings: map[string]time.Duration{".gz": 2 * time.Hour}, fields: []string{all}, file: "page.html"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, func(o *Options) { o.Precompress = true })
			for suffix, age := range test.siblings {
				s.AddFile(s.static, "page.html"+suffix, 300, age)
			}
			for range 2 { // the second time it is known whether there are siblings
				e := s.Do(t, get("/page.html", test.fields...))
				if e.Status != 200 || e.File != test.file {
					t.Errorf("%d, %q, want %q", e.Status, e.File, test.file)
				}
				checkFields(t, e.Header, map[string]string{
					"Content-Encoding": orNone(test.coding), "Vary": orNone(test.vary), "Content-Type": "text/html; charset=utf-8",
				})
			}
		})
	}
}

func orNone(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

// TestSiblingsOfTheFallback has a fallback with a sibling, and one of an index.
func TestSiblingsOfTheFallback(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Precompress, o.SPA = true, "/page.html" })
	s.AddFile(s.static, "page.html.br", 300, time.Hour)
	s.AddFile(s.static, "dir/index.txt.gz", 30, time.Hour)
	if e := s.Do(t, get("/route", "Accept-Encoding: br")); e.File != "page.html.br" || e.Status != 200 {
		t.Errorf("%d, %q", e.Status, e.File)
	}
	if e := s.Do(t, get("/dir/", "Accept-Encoding: gzip")); e.File != "dir/index.txt.gz" || e.To != 30 {
		t.Errorf("%d, %q", e.Status, e.File)
	}
	s.AddClass(s.static, "page.html.zst", kernel.Fault)
	if e := s.Do(t, get("/page.html", "Accept-Encoding: zstd, br")); e.File != "page.html.br" {
		t.Errorf("a sibling that can't be read: %q", e.File)
	}
}

// TestETagsOfSiblings has forms whose tags differ, and conditions on them.
func TestETagsOfSiblings(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Precompress = true })
	s.AddFile(s.static, "page.html.br", 300, time.Hour)
	plain, coded := s.Do(t, get("/page.html")), s.Do(t, get("/page.html", "Accept-Encoding: br"))
	tag := coded.Header.Get("Etag")
	if tag == "" || tag == plain.Header.Get("Etag") {
		t.Fatalf("ETag %q, and %q", tag, plain.Header.Get("Etag"))
	}
	part := s.Do(t, get("/page.html", "Accept-Encoding: br", "Range: bytes=0-9"))
	if part.Status != 206 || part.File != "page.html.br" || part.Header.Get("Etag") != tag {
		t.Errorf("a range: %d of %q, %q", part.Status, part.File, part.Header.Get("Etag"))
	}
	checkFields(t, part.Header, map[string]string{"Content-Range": "bytes 0-9/300", "Content-Encoding": "br", "Vary": "Accept-Encoding"})
	if e := s.Do(t, get("/page.html", "Accept-Encoding: br", "If-None-Match: "+tag)); e.Status != 304 {
		t.Errorf("status %d for the same form", e.Status)
	}
	if e := s.Do(t, get("/page.html", "If-None-Match: "+tag)); e.Status != 200 {
		t.Errorf("status %d for another form", e.Status)
	}
	e := s.Do(t, get("/page.html", "If-Match: "+tag))
	if e.Status != 412 {
		t.Errorf("status %d for another form", e.Status)
	}
	checkFields(t, e.Header, map[string]string{"Vary": "Accept-Encoding"})
}

// TestSiblingsOfFewer has a sibling that fewer users may have than the file.
func TestSiblingsOfFewer(t *testing.T) {
	s := newSite(t, func(o *Options) {
		o.Precompress = true
		o.Access = []*docroot.AccessRule{{Prefix: "/page.html.br/", Users: users(t)}}
	})
	s.AddFile(s.static, "page.html.br", 300, time.Hour)
	if e := s.Do(t, get("/page.html", "Accept-Encoding: br")); e.File != "page.html" {
		t.Errorf("%q is sent", e.File)
	}
}
