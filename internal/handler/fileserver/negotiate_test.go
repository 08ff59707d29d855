package fileserver

import (
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/response"
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

// TestForms negotiates between a file, its siblings, and the forms that the server makes.
func TestForms(t *testing.T) {
	const wants = "Accept-Encoding: gzip, br, zstd"
	for _, test := range []struct {
		name    string
		change  func(o *Options)
		target  string
		fields  []string
		outcome handler.Outcome // of Compressed
		asked   string          // the form that is asked for
		file    string          // that is sent; "": a form
		coding  string
		varies  bool
	}{
		{"a form", nil, "/text.css", []string{wants}, handler.OutcomeDone, "text.css.zst", "", "zstd", true},
		{"no form", nil, "/text.css", []string{wants}, handler.OutcomeRefused, "text.css.zst", "text.css", "", true},
		{"the other coding", nil, "/text.css", []string{"Accept-Encoding: gzip"}, handler.OutcomeDone, "text.css.gz", "", "gzip", true},
		{"weights", nil, "/text.css", []string{"Accept-Encoding: gzip, br;q=0.9, zstd;q=0"}, handler.OutcomeDone, "text.css.gz", "", "gzip", true},
		{"no Accept-Encoding", nil, "/text.css", nil, handler.OutcomeDone, "", "text.css", "", true},
		{"identity alone", nil, "/text.css", []string{"Accept-Encoding: identity"}, handler.OutcomeDone, "", "text.css", "", true},
		{"no identity", nil, "/text.css", []string{"Accept-Encoding: identity;q=0, br"}, handler.OutcomeDone, "text.css.br", "", "br", true},
		{"no identity, and no form", nil, "/text.css", []string{"Accept-Encoding: identity;q=0, br"}, handler.OutcomeRefused, "text.css.br", "text.css", "", true},
		{"nothing is acceptable", nil, "/text.css", []string{"Accept-Encoding: *;q=0"}, handler.OutcomeDone, "", "text.css", "", true},
		{"a sibling precedes", nil, "/sibling.css", []string{wants}, handler.OutcomeDone, "", "sibling.css.gz", "gzip", true},
		{"unless its weight is lower", nil, "/sibling.css", []string{"Accept-Encoding: gzip;q=0.5, br"}, handler.OutcomeDone, "sibling.css.br", "", "br", true},
		{"a sibling in place of a form", nil, "/sibling.css", []string{"Accept-Encoding: gzip;q=0.5, br"}, handler.OutcomeRefused, "sibling.css.br", "sibling.css.gz", "gzip", true},
		{"siblings are off", func(o *Options) { o.Precompress = false }, "/sibling.css", []string{wants}, handler.OutcomeDone, "sibling.css.zst", "", "zstd", true},
		{"compression is off", func(o *Options) { o.Compress = false }, "/text.css", []string{wants}, handler.OutcomeDone, "", "text.css", "", false},
		{"too small", nil, "/small.css", []string{wants}, handler.OutcomeDone, "", "small.css", "", false},
		{"too large", nil, "/large.css", []string{wants}, handler.OutcomeDone, "", "large.css", "", false},
		{"the largest", nil, "/largest.css", []string{wants}, handler.OutcomeDone, "largest.css.zst", "", "zstd", true},
		{"not text", nil, "/image.png", []string{wants}, handler.OutcomeDone, "", "image.png", "", false},
		{"compressed already", nil, "/sibling.css.gz", []string{wants}, handler.OutcomeDone, "", "sibling.css.gz", "", false},
		{"no-transform", func(o *Options) { o.CacheControl = []Glob{{"*.css", "max-age=1, no-transform"}} }, "/text.css", []string{wants}, handler.OutcomeDone, "", "text.css", "", false},
		{"no-transform everywhere", func(o *Options) { o.Fields = []Field{{"Cache-Control", "no-transform"}} }, "/text.css", []string{wants}, handler.OutcomeDone, "", "text.css", "", false},
		{"a dynamic file", nil, "/dynamic/text.css", []string{wants}, handler.OutcomeDone, "dynamic/text.css.zst", "", "zstd", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, func(o *Options) {
				o.Precompress, o.Compress = true, true
				if test.change != nil {
					test.change(o)
				}
			})
			for name, size := range map[string]int64{
				"text.css": 5000, "sibling.css": 5000, "sibling.css.gz": 2000, "small.css": 1023, "large.css": response.CompressMaxBytes + 1,
				"largest.css": response.CompressMaxBytes, "image.png": 5000,
			} {
				s.AddFile(s.static, name, size, time.Hour)
			}
			s.AddFile(s.dynamic, "dynamic/text.css", 5000, time.Hour)
			s.Compression = test.outcome
			var heads [2]textproto.MIMEHeader
			for i, method := range []string{"GET", "HEAD"} {
				s.Compressions = nil
				e := s.Do(t, strings.Replace(get(test.target, test.fields...), "GET", method, 1))
				if e.Status != 200 || e.File != test.file || strings.Join(s.Compressions, " ") != test.asked {
					t.Errorf("%s: %d, %q, and %q is asked for", method, e.Status, e.File, s.Compressions)
				}
				vary := "-"
				if test.varies {
					vary = "Accept-Encoding"
				}
				checkFields(t, e.Header, map[string]string{"Content-Encoding": orNone(test.coding), "Vary": vary, "Accept-Ranges": "bytes"})
				heads[i] = e.Header
			}
			if !reflect.DeepEqual(heads[0], heads[1]) {
				t.Errorf("GET: %v, HEAD: %v", heads[0], heads[1])
			}
		})
	}
}

// TestPendingForm waits for a form.
func TestPendingForm(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Compress = true })
	s.AddFile(s.static, "text.css", 5000, time.Hour)
	s.Compression = handler.OutcomePending
	if e := s.Do(t, get("/text.css", "Accept-Encoding: br")); e.Decided {
		t.Error("it is decided")
	}
}

// TestValidatorsOfForms has conditions and ranges of a form, which are those of its own bytes and tag.
func TestValidatorsOfForms(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Compress = true })
	s.AddFile(s.static, "text.css", 5000, time.Hour)
	const br = "Accept-Encoding: br"
	plain, coded := s.Do(t, get("/text.css")), s.Do(t, get("/text.css", br))
	plainTag, tag := plain.Header.Get("Etag"), coded.Header.Get("Etag")
	if want := strings.TrimSuffix(plainTag, `"`) + `-br1"`; tag != want {
		t.Fatalf("ETag %s, want %s", tag, want)
	}
	if plain.Header.Get("Last-Modified") != coded.Header.Get("Last-Modified") || coded.Header.Get("Content-Length") != "2500" {
		t.Errorf("%v", coded.Header)
	}
	for _, test := range []struct {
		fields []string
		status response.Status
		length string
	}{
		{[]string{br, "If-None-Match: " + tag}, 304, ""},
		{[]string{br, "If-None-Match: " + plainTag}, 200, "2500"},
		{[]string{"If-None-Match: " + tag}, 200, "5000"},
		{[]string{br, "If-Match: " + plainTag}, 412, ""},
		{[]string{br, "If-Match: " + tag}, 200, "2500"},
		{[]string{br, "Range: bytes=2400-"}, 206, "100"},
		{[]string{br, "Range: bytes=2500-"}, 416, "0"},
		{[]string{br, "Range: bytes=0-9", "If-Range: " + tag}, 206, "10"},
		{[]string{br, "Range: bytes=0-9", "If-Range: " + plainTag}, 200, "2500"},
		{[]string{"Range: bytes=0-9", "If-Range: " + tag}, 200, "5000"},
	} {
		e := s.Do(t, get("/text.css", test.fields...))
		if e.Status != test.status || test.length != "" && e.Header.Get("Content-Length") != test.length || e.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %d, %v", test.fields, e.Status, e.Header)
		}
	}
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
