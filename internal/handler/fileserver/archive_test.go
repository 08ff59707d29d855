package fileserver

import (
	"mime"
	"testing"

	"aws/internal/archive"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// TestArchiveHeads has the head of an archive, for each method and version, and what gets none.
func TestArchiveHeads(t *testing.T) {
	s := newSite(t, func(o *Options) { o.List, o.Archive = true, []string{"zip"} })
	for name, c := range map[string]struct {
		request  string
		status   int
		archives bool
	}{
		"GET":            {get("/list/?archive=zip"), 200, true},
		"with a sort":    {get("/list/?sort=size&archive=zip"), 200, true},
		"a condition":    {get("/list/?archive=zip", "If-None-Match: \"x\"", "Range: bytes=0-1"), 200, true},
		"another format": {get("/list/?archive=tar.gz"), 200, false},
		"an index":       {get("/dir/?archive=zip"), 200, false},
		"a file":         {get("/page.html?archive=zip"), 200, false},
	} {
		e := s.Do(t, c.request)
		if int(e.Status) != c.status || (e.Generator != nil) != c.archives {
			t.Errorf("%s: %d, %v", name, e.Status, e.Header)
		}
		if c.archives {
			checkFields(t, e.Header, map[string]string{
				"Content-Type": "application/zip", "Content-Disposition": `attachment; filename="list.zip"`, "Cache-Control": "no-store",
				"Accept-Ranges": "none", "Transfer-Encoding": "chunked", "Etag": "", "Last-Modified": "",
			})
		}
	}
	for _, class := range []kernel.Class{kernel.Absent, kernel.Denied, kernel.Exhausted, kernel.Fault} {
		s.Made = []kernel.Class{class}
		if e := s.Do(t, get("/list/?archive=zip")); e.Status < 400 || e.Generator != nil {
			t.Errorf("%v: %d", class, e.Status)
		}
	}
	s.Outcome = handler.OutcomeRefused
	if e := s.Do(t, get("/list/?archive=zip")); e.Status != 503 || e.Header.Get("Retry-After") == "" {
		t.Errorf("refused: %d", e.Status)
	}
	off := newSite(t, func(o *Options) { o.List = true })
	if e := off.Do(t, get("/list/?archive=zip")); e.Generator != nil || e.File == "" {
		t.Errorf("off: %d", e.Status)
	}
}

// TestArchivesMax refuses more archives than there may be, until one is closed. HEAD counts as none.
func TestArchivesMax(t *testing.T) {
	s := newSite(t, func(o *Options) { o.List, o.Archive = true, []string{"zip"} })
	server := s.Responder().(*responder).server
	server.archives.Store(archivesMax)
	if e := s.Do(t, get("/list/?archive=zip")); e.Status != 503 || e.Header.Get("Retry-After") == "" {
		t.Errorf("%d", e.Status)
	}
	if e := s.Do(t, "HEAD /list/?archive=zip HTTP/1.1\nHost: x\n\n"); e.Status != 200 || e.Header.Get("Transfer-Encoding") != "chunked" {
		t.Errorf("HEAD: %d %v", e.Status, e.Header)
	}
	server.archives.Store(archivesMax - 1)
	for range 3 { // Do closes it
		if e := s.Do(t, get("/list/?archive=zip")); e.Status != 200 {
			t.Errorf("%d", e.Status)
		}
	}
	if e := s.Do(t, "GET /list/?archive=zip HTTP/1.0\nConnection: keep-alive\n\n"); e.Chunked || e.KeepAlive {
		t.Errorf("HTTP/1.0: %v", e.Header)
	}
	if n := server.archives.Load(); n != archivesMax-1 {
		t.Errorf("%d archives are in progress", n)
	}
}

// TestDisposition has names, which the parser of mime reads back.
func TestDisposition(t *testing.T) {
	for path, want := range map[string]string{
		"/": "files", "/a/": "a", "/a/b c/": "b c", "/größe/": "größe", "/a\"b\\c/": "a_b_c", "/100%/": "100%", "/a\nb/": "a_b",
		"/日本/": "日本", "/...x/": "...x", "/a\xffb/": "a_b", "/a;b/": "a;b", "/c:d/": "c_d",
	} {
		value := string(appendDisposition(nil, topOf(path)+".zip"))
		kind, parameters, err := mime.ParseMediaType(value)
		if err != nil || kind != "attachment" || parameters["filename"] != want+".zip" {
			t.Errorf("%q: %q is %q, %v", path, value, parameters, err)
		}
		for i := range len(value) {
			if value[i] < ' ' || value[i] > '~' {
				t.Errorf("%q: %q is not ASCII", path, value)
			}
		}
	}
}

// TestFormatsOf ignores what is not a format.
func TestFormatsOf(t *testing.T) {
	if s := formatsOf([]string{"zip", "rar"}); !s.Has(archive.Zip) || s.Has(archive.TarGz) {
		t.Error(s)
	}
}
