package dropin

import (
	"strings"
	"testing"
	"time"

	"aws/internal/connstate"
	"aws/internal/handler"
	"aws/internal/handler/handlertest"
	"aws/internal/kernel"
	"aws/internal/request"
)

func newSite(t testing.TB) *handlertest.Site {
	t.Helper()
	h, err := New(-1, "site")
	if err != nil {
		t.Fatal(err)
	}
	s := handlertest.NewSite(h)
	for _, m := range h.Mounts() {
		directory := strings.Trim(m.Prefix, "/")
		s.AddFile(m, directory+"/a.html", 100, time.Hour)
		s.AddFile(m, directory+"/new", 10, 0)
		s.AddFile(m, directory+"/empty", 0, time.Hour)
		s.AddClass(m, directory+"/dir", kernel.Directory)
		s.AddClass(m, directory+"/denied", kernel.Denied)
		s.AddClass(m, directory+"/broken", kernel.Fault)
		s.AddClass(m, directory+"/full", kernel.Exhausted)
	}
	return s
}

// TestDropIn has the two responses that there are: 200 with the file, or 404, and the connection is closed.
func TestDropIn(t *testing.T) {
	s := newSite(t)
	for _, test := range []struct {
		text   string
		status int
		file   string
		to     int64
	}{
		{"GET /static/a.html HTTP/1.1\nHost: x\n\n", 200, "static/a.html", 100},
		{"GET /dynamic/a.html HTTP/1.1\nHost: x\n\n", 200, "dynamic/a.html", 100},
		{"GET /static/a.html HTTP/1.0\n\n", 200, "static/a.html", 100},
		{"GET /static/a.html HTTP/1.1\n\n", 200, "static/a.html", 100},
		{"HEAD /static/a.html HTTP/1.1\nHost: x\n\n", 200, "static/a.html", 0},
		{"GET /static/empty HTTP/1.1\nHost: x\n\n", 200, "static/empty", 0},
		{"GET /static/new HTTP/1.1\nHost: x\n\n", 200, "static/new", 10},
		{"GET /static/%61.html HTTP/1.1\nHost: x\n\n", 200, "static/a.html", 100},
		{"GET /static/a.html HTTP/1.1\nHost: x\nRange: bytes=0-9\nIf-None-Match: *\n\n", 200, "static/a.html", 100},
		{"GET /static/a.html HTTP/1.1\nHost: x\nConnection: keep-alive\n\n", 200, "static/a.html", 100},
		{"GET /static/none HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/dir HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/dir/ HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/denied HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/broken HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/full HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/" + strings.Repeat("n", 300) + " HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /static/../../etc/passwd HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET /elsewhere HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"GET / HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"POST /static/a.html HTTP/1.1\nHost: x\nContent-Length: 0\n\n", 404, "", 0},
		{"OPTIONS * HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"FETCH /static/a.html HTTP/1.1\nHost: x\n\n", 404, "", 0},
		{"garbage\n\n", 404, "", 0},
	} {
		e := s.Do(t, test.text)
		if int(e.Status) != test.status || e.File != test.file || e.To != test.to {
			t.Errorf("%.40q: %d with %d bytes of %q, want %d with %d of %q", test.text, e.Status, e.To, e.File, test.status, test.to, test.file)
		}
		if e.KeepAlive || e.Header.Get("Connection") != "close" || e.Header.Get("Date") == "" || e.Header.Get("Server") != "aws" {
			t.Errorf("%.40q: kept %v, %q", test.text, e.KeepAlive, e.Header)
		}
		if modified := e.Header.Get("Last-Modified"); (modified != "") != (test.status == 200 && test.file != "static/new") {
			t.Errorf("%.40q: Last-Modified %q", test.text, modified)
		}
	}
}

// TestBodies has requests with a body, which the loop discards.
func TestBodies(t *testing.T) {
	s := newSite(t)
	for text, want := range map[string]bool{
		"GET /static/a.html HTTP/1.1\nHost: x\nContent-Length: 5\n\n12345":                   true,
		"GET /static/a.html HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n":          true,
		"GET /static/a.html HTTP/1.1\nHost: x\nContent-Length: 0\n\n":                        false,
		"POST /static/a.html HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n": true,
	} {
		if e := s.Do(t, text); e.HasBody != want {
			t.Errorf("%q: a body: %v", text, e.HasBody)
		}
	}
}

// TestPending has a file that has to be waited for.
func TestPending(t *testing.T) {
	s := newSite(t)
	s.Pending = true
	if e := s.Do(t, "GET /static/a.html HTTP/1.1\nHost: x\n\n"); e.Decided {
		t.Error("the request is decided")
	}
}

// TestWithoutAResponse has connections that end without a response.
func TestWithoutAResponse(t *testing.T) {
	s := newSite(t)
	var r handler.Response
	var req request.Request
	if s.Responder().Busy(&r, s.Files()) || s.Responder().Expire(&r, connstate.StateReading, &req, s.Files()) || len(r.Head) > 0 {
		t.Errorf("%q is sent", r.Head)
	}
}
