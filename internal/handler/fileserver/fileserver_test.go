package fileserver

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/handlertest"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// testSite is a file server with made-up files: / is static, /dynamic/ a part of the same root, and /other/ another root.
type testSite struct {
	*handlertest.Site
	static, dynamic, other *docroot.Mount
}

func newSite(t testing.TB, change func(o *Options)) *testSite {
	t.Helper()
	s := &testSite{
		static:  &docroot.Mount{Prefix: "/", Strip: 1, Root: -1},
		dynamic: &docroot.Mount{Prefix: "/dynamic/", Strip: 1, Root: -1, Kind: docroot.Dynamic},
		other:   &docroot.Mount{Prefix: "/a/other/", Strip: len("/a/other/"), Root: -2},
	}
	o := Options{Mounts: []*docroot.Mount{s.static, s.dynamic, s.other}, Index: []string{"index.html", "index.txt"}}
	if change != nil {
		change(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Site = handlertest.NewSite(h)
	s.AddFile(s.static, "page.html", 1000, time.Hour)
	s.AddFile(s.static, "empty", 0, time.Hour)
	s.AddFile(s.static, "new.txt", 10, 0)
	s.AddFile(s.static, "tomorrow.txt", 10, -24*time.Hour)
	s.AddFile(s.static, "dir/index.txt", 70, time.Hour)
	s.AddFile(s.dynamic, "dynamic/d.bin", 5000, time.Hour)
	s.AddFile(s.other, "o", 20, time.Hour)
	s.AddFile(s.static, ".secret", 20, time.Hour)
	s.AddFile(s.static, ".well-known/acme", 20, time.Hour)
	s.AddFile(s.static, ".well-known/.x", 20, time.Hour)
	s.AddClass(s.static, "dir", kernel.Directory)
	s.AddClass(s.static, "denied", kernel.Denied)
	s.AddClass(s.static, "broken", kernel.Fault)
	s.AddClass(s.static, "full", kernel.Exhausted)
	return s
}

// get writes a request as a browser would, with further fields.
func get(target string, fields ...string) string { return write("GET", target, fields...) }

func write(method, target string, fields ...string) string {
	return method + " " + target + " HTTP/1.1\nHost: x\n" + strings.Join(append(fields, ""), "\n") + "\n"
}

// TestMethodsAndPaths has what a method and a path lead to.
func TestMethodsAndPaths(t *testing.T) {
	long := strings.Repeat("n", 300)
	for _, test := range []struct {
		name   string
		change func(o *Options)
		text   string
		status int
		file   string // whose bytes are sent
		to     int64
		want   map[string]string // fields of the response; "-": it has no such field
	}{
		{name: "GET", text: get("/page.html"), status: 200, file: "page.html", to: 1000, want: map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Length": "1000", "Accept-Ranges": "bytes", "Connection": "-", "Server": "aws",
			"Date": "Sun, 15 Jun 2025 15:06:40 GMT", "Last-Modified": "Sun, 15 Jun 2025 14:06:40 GMT", "X-Content-Type-Options": "nosniff", "Vary": "-",
		}},
		{name: "HEAD", text: write("HEAD", "/page.html"), status: 200, file: "page.html", want: map[string]string{"Content-Length": "1000"}},
		{name: "an empty file", text: get("/empty"), status: 200, file: "empty", want: map[string]string{"Content-Length": "0"}},
		{name: "just written", text: get("/new.txt"), status: 200, file: "new.txt", to: 10, want: map[string]string{"Last-Modified": "-"}},
		{
			name: "from the future", text: get("/tomorrow.txt"), status: 200, file: "tomorrow.txt", to: 10,
			want: map[string]string{"Last-Modified": "Sun, 15 Jun 2025 15:06:40 GMT"},
		},
		{name: "dynamic", text: get("/dynamic/d.bin"), status: 200, file: "dynamic/d.bin", to: 5000},
		{name: "another root", text: get("/a/other/o"), status: 200, file: "o", to: 20},
		{name: "an absolute target", text: get("http://x/page.html"), status: 200, file: "page.html", to: 1000},
		{name: "escapes and dots", text: get("/none/%2e./p%61ge.html"), status: 200, file: "page.html", to: 1000},
		{name: "HTTP/1.0", text: "GET /page.html HTTP/1.0\n\n", status: 200, file: "page.html", to: 1000, want: map[string]string{"Connection": "close"}},
		{
			name: "HTTP/1.0, kept", text: "GET /page.html HTTP/1.0\nConnection: keep-alive\n\n", status: 200, file: "page.html", to: 1000,
			want: map[string]string{"Connection": "keep-alive"},
		},
		{name: "close", text: get("/page.html", "Connection: close"), status: 200, file: "page.html", to: 1000, want: map[string]string{"Connection": "close"}},
		{name: "OPTIONS of a file", text: write("OPTIONS", "/page.html"), status: 204, want: map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
		{name: "OPTIONS of nothing", text: write("OPTIONS", "/none"), status: 404},
		{name: "OPTIONS of all", text: write("OPTIONS", "*"), status: 204, want: map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
		{name: "GET of all", text: get("*"), status: 400},
		{name: "POST", text: write("POST", "/page.html"), status: 405, want: map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
		{name: "DELETE", text: write("DELETE", "/page.html"), status: 405},
		{name: "PROPFIND", text: write("PROPFIND", "/page.html"), status: 405},
		{name: "an unknown method", text: write("FETCH", "/page.html"), status: 501, want: map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
		{name: "https", text: get("https://x/page.html"), status: 421},
		{name: "nothing", text: get("/none"), status: 404, want: map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{name: "nothing, HEAD", text: write("HEAD", "/none"), status: 404, want: map[string]string{"Content-Length": "14"}},
		{name: "denied", text: get("/denied"), status: 403},
		{name: "a disk that fails", text: get("/broken"), status: 500},
		{name: "no descriptors", text: get("/full"), status: 503, want: map[string]string{"Retry-After": "1"}},
		{name: "a name that no file can have", text: get("/" + long), status: 404},
		{name: "out of the root", text: get("/../page.html"), status: 400},
		{name: "a NUL", text: get("/a%00b"), status: 400},
		{name: "a dot file", text: get("/.secret"), status: 404},
		{name: "beneath a dot directory", text: get("/.git/config"), status: 404},
		{name: ".well-known", text: get("/.well-known/acme"), status: 200, file: ".well-known/acme", to: 20},
		{name: "a dot file in .well-known", text: get("/.well-known/.x"), status: 404},
		{
			name: "dot files, served", change: func(o *Options) { o.DotFiles = true }, text: get("/.secret"),
			status: 200, file: ".secret", to: 20,
		},
		{name: "a directory without its slash", text: get("/dir"), status: 301, want: map[string]string{"Location": "dir/"}},
		{name: "with a query", text: get("/dir?a=b"), status: 301, want: map[string]string{"Location": "dir/?a=b"}},
		{name: "a mount without its slash", text: get("/a/other"), status: 301, want: map[string]string{"Location": "other/"}},
		{
			name: "a mount without its slash, with a fallback", change: func(o *Options) { o.SPA = "/page.html" }, text: get("/a/other"),
			status: 301, want: map[string]string{"Location": "other/"},
		},
		{name: "a part of a root without its slash is not a mount of its own", text: get("/dynamic"), status: 404},
		{name: "the second index", text: get("/dir/"), status: 200, file: "dir/index.txt", to: 70},
		{name: "a directory without an index", text: get("/"), status: 404},
		{
			name: "the fallback", change: func(o *Options) { o.SPA = "/page.html" }, text: get("/some/route"),
			status: 200, file: "page.html", to: 1000,
		},
		{
			name: "the fallback of a directory", change: func(o *Options) { o.SPA = "/page.html" }, text: get("/some/route/"),
			status: 200, file: "page.html", to: 1000,
		},
		{
			name: "a directory goes before the fallback", change: func(o *Options) { o.SPA = "/page.html" }, text: get("/dir"),
			status: 301, want: map[string]string{"Location": "dir/"},
		},
		{name: "a fallback that is not there", change: func(o *Options) { o.SPA = "/none" }, text: get("/some/route"), status: 404},
		{name: "a fallback that is a directory", change: func(o *Options) { o.SPA = "/dir" }, text: get("/some/route"), status: 404},
		{name: "denied goes before the fallback", change: func(o *Options) { o.SPA = "/page.html" }, text: get("/denied"), status: 403},
		{name: "an expectation", text: get("/page.html", "Expect: 200-ok"), status: 417},
		{
			name: "100-continue", text: get("/page.html", "Expect: 100-continue", "Content-Length: 5"),
			status: 200, file: "page.html", to: 1000, want: map[string]string{"Connection": "close"},
		},
		{name: "a small body", text: get("/page.html", "Content-Length: 5") + "12345", status: 200, file: "page.html", to: 1000},
		{
			name: "a large body", change: func(o *Options) { o.Body.BytesMax = 4 }, text: get("/page.html", "Content-Length: 5"),
			status: 413, want: map[string]string{"Connection": "close"},
		},
		{name: "a body that is larger than the default", text: get("/page.html", "Content-Length: 1048577"), status: 413},
		{
			name: "a broken chunk", text: get("/page.html", "Transfer-Encoding: chunked") + "x\n",
			status: 400, want: map[string]string{"Connection": "close"},
		},
		{name: "CORS", change: func(o *Options) { o.CORS = true }, text: get("/page.html"), status: 200, file: "page.html", to: 1000, want: map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Content-Range, ETag, Accept-Ranges, Content-Length",
		}},
		{name: "preflight, also for nothing", change: func(o *Options) { o.CORS = true }, text: write("OPTIONS", "/none"), status: 204, want: map[string]string{
			"Access-Control-Allow-Methods": "GET, HEAD, OPTIONS", "Access-Control-Max-Age": "86400",
		}},
		{
			name: "preflight with a field of the options", text: write("OPTIONS", "/none"), status: 204,
			change: func(o *Options) { o.CORS, o.Fields = true, []Field{{"Access-Control-Max-Age", "5"}} },
			want:   map[string]string{"Access-Control-Max-Age": "5"},
		},
		{
			name: "fields of the options", text: get("/none"), status: 404,
			change: func(o *Options) { o.Fields = []Field{{"X-A", "b"}, {"Server", "mine"}, {"Cache-Control", "no-store"}} },
			want:   map[string]string{"X-A": "b", "Server": "mine", "Cache-Control": "no-store"},
		},
		{
			name: "globs", text: get("/page.html"), status: 200, file: "page.html", to: 1000,
			change: func(o *Options) {
				o.CacheControl, o.TypeGlobs = []Glob{{"/*.html", "max-age=5"}}, []Glob{{"*.html", "application/xhtml+xml"}}
			},
			want: map[string]string{"Cache-Control": "max-age=5", "Content-Type": "application/xhtml+xml"},
		},
		{
			name: "an error page", text: get("/none"), status: 404,
			change: func(o *Options) {
				o.ErrorPages = map[response.Status]ErrorPage{404: {Type: "text/html", Body: []byte("<p>none")}}
			},
			want: map[string]string{"Content-Type": "text/html", "Content-Length": "7"},
		},
		{name: "a malformed head", text: "GET /page.html HTTP/1.1\nHost : x\n\n", status: 400, want: map[string]string{"Connection": "close"}},
		{name: "a version that is not known", text: "GET / HTTP/2.0\nHost: x\n\n", status: 505},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, test.change)
			e := s.Do(t, test.text)
			if int(e.Status) != test.status || e.File != test.file || e.To != test.to {
				t.Errorf("%d with %d bytes of %q, want %d with %d of %q", e.Status, e.To, e.File, test.status, test.to, test.file)
			}
			checkFields(t, e.Header, test.want)
		})
	}
}

// checkFields compares fields of a response with what is wanted; "-": there is none.
func checkFields(t *testing.T, got textproto.MIMEHeader, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := strings.Join(got.Values(name), "|"); got != value && (value != "-" || got != "") {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

// TestPending has requests that have to wait: nothing is held, and the response is not decided.
func TestPending(t *testing.T) {
	s := newSite(t, func(o *Options) { o.List = true })
	s.Pending = true
	for _, text := range []string{get("/page.html"), get("/dir/"), write("OPTIONS", "/page.html")} {
		if e := s.Do(t, text); e.Decided {
			t.Errorf("%q is decided", text)
		}
	}
	s.Pending, s.Outcome = false, handler.OutcomePending
	if e := s.Do(t, get("/")); e.Decided {
		t.Error("a listing that is not there yet is sent")
	}
}

// TestLookedUpAtOnce has which names are asked for, and in which order.
func TestLookedUpAtOnce(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Precompress, o.SPA = true, "/app.html" })
	for _, test := range []struct {
		text  string
		names []string
	}{
		{get("/page.html"), []string{"page.html", "page.html.zst", "page.html.br", "page.html.gz"}},
		{get("/page.html"), []string{"page.html"}}, // it has no siblings, as is known now
		{get("/page.html", "Accept-Encoding: br"), []string{"page.html", "page.html.zst", "page.html.br", "page.html.gz"}},
		{write("OPTIONS", "/page.html"), []string{"page.html"}},
		{get("/none"), []string{"none", "app.html"}},
		{get("/none/"), []string{"none/index.html", "none/index.txt", "app.html"}},
		{get("/dir"), []string{"dir"}},
		{get("/a/other"), []string{"a/other"}},
		{get("/.secret"), nil},
		{write("POST", "/page.html"), nil},
	} {
		s.Asked = nil
		s.Do(t, test.text)
		if !slices.Equal(s.Asked, test.names) {
			t.Errorf("%q asks for %q, want %q", test.text, s.Asked, test.names)
		}
	}
}

// TestIndexBelowANearerMount has an index in a directory of its own, which another mount covers.
func TestIndexBelowANearerMount(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Index = []string{"a/other/o"} })
	if e := s.Do(t, get("/")); e.Status != 200 || e.File != "o" || e.Mount != s.static {
		t.Errorf("%d, %q, %v", e.Status, e.File, e.Mount)
	}
}

// TestSmallFiles has content that is sent from memory, but not for a dynamic file, a range, or a HEAD.
func TestSmallFiles(t *testing.T) {
	s := newSite(t, nil)
	s.Small = map[string]string{"new.txt": "0123456789", "dynamic/d.bin": "x"}
	if e := s.Do(t, get("/new.txt")); e.Memory != "0123456789" || e.To != 0 {
		t.Errorf("%q and %d bytes of the file", e.Memory, e.To)
	}
	if e := s.Do(t, write("HEAD", "/new.txt")); e.Memory != "" {
		t.Errorf("HEAD: %q", e.Memory)
	}
	if e := s.Do(t, get("/dynamic/d.bin")); e.Memory != "" || e.To != 5000 {
		t.Errorf("dynamic: %q and %d bytes of the file", e.Memory, e.To)
	}
	if e := s.Do(t, get("/new.txt", "Range: bytes=2-3")); e.Memory != "" || e.From != 2 || e.To != 4 {
		t.Errorf("a range: %q and [%d, %d)", e.Memory, e.From, e.To)
	}
}

// TestWithoutARequest has what is decided though there is no complete request.
func TestWithoutARequest(t *testing.T) {
	s := newSite(t, nil)
	for _, test := range []struct {
		name   string
		decide func(r *handler.Response, req *request.Request) bool
		status response.Status
		memory string
	}{
		{"busy", func(r *handler.Response, _ *request.Request) bool { return s.Responder().Busy(r, s.Files()) }, 503, ""},
		{"slow", func(r *handler.Response, req *request.Request) bool {
			return s.Responder().Expire(r, connstate.StateReading, req, s.Files())
		}, 408, "408 Request Timeout\n"},
		{"slow disk", func(r *handler.Response, req *request.Request) bool {
			return s.Responder().Expire(r, connstate.StateOpening, req, s.Files())
		}, 503, "503 Service Unavailable\n"},
	} {
		var req request.Request
		req.Reset(nil)
		e := &handlertest.Exchange{}
		e.Reset()
		e.Decided = test.decide(&e.Response, &req)
		method := request.MethodGet
		if test.memory == "" {
			method = request.MethodHead
		}
		s.Verify(t, e, method)
		if e.Status != test.status || !e.Linger || e.KeepAlive || e.Memory != test.memory {
			t.Errorf("%s: %d, %q, lingering %v, kept %v", test.name, e.Status, e.Memory, e.Linger, e.KeepAlive)
		}
	}
}

// TestShutdown has a server that is shutting down: no connection is kept.
func TestShutdown(t *testing.T) {
	s := newSite(t, nil)
	s.Ending = true
	if e := s.Do(t, get("/page.html")); e.KeepAlive {
		t.Error("the connection is kept")
	}
}

// TestOptions has options that can't be.
func TestOptions(t *testing.T) {
	mount := func() *docroot.Mount { return &docroot.Mount{Prefix: "/", Strip: 1} }
	for name, o := range map[string]Options{
		"two mounts of one prefix":    {Mounts: []*docroot.Mount{mount(), mount()}},
		"a rule without a slash":      {Access: []*docroot.AccessRule{{Prefix: "x"}}},
		"a pattern that is malformed": {TypeGlobs: []Glob{{"[", "text/plain"}}},
		"a pattern without a start":   {CacheControl: []Glob{{"a/*.html", "no-cache"}}},
		"a value with a line break":   {CacheControl: []Glob{{"*.html", "a\r\nb"}}},
		"a field of the server's":     {Fields: []Field{{"Content-Length", "5"}}},
		"a name that is not a token":  {Fields: []Field{{"X Y", "5"}}},
		"two Cache-Controls":          {Fields: []Field{{"Cache-Control", "no-cache"}, {"cache-control", "no-store"}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Precompress, o.SPA = true, "/page.html" })
	s.AddFile(s.static, "page.html.br", 300, time.Hour)
	var r handler.Response
	for _, text := range []string{get("/page.html", "Accept-Encoding: br"), get("/page.html", "Range: bytes=1-5"), get("/dir/")} {
		head := []byte(strings.ReplaceAll(text, "\n", "\r\n"))
		files := &quiet{Files: s.Files()}
		var req request.Request
		decide := func() {
			req.Reset(nil)
			req.Parse(head)
			r.Reset()
			if !s.Responder().Respond(&r, &req, head, files) {
				t.Fatal("not decided")
			}
		}
		decide()
		if n := testing.AllocsPerRun(100, decide); n > 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}

// quiet remembers the outcome of the first look-up and the time, so that only the handler may allocate.
type quiet struct {
	handler.Files
	moment *handler.Moment
	lookup *handler.Lookup
	found  []*docroot.File
}

func (q *quiet) Moment() handler.Moment {
	if q.moment == nil {
		m := q.Files.Moment()
		q.moment = &m
	}
	return *q.moment
}

func (q *quiet) LookUp(l *handler.Lookup) bool {
	if q.lookup == nil {
		q.Files.LookUp(l)
		q.lookup = &handler.Lookup{Class: l.Class, File: l.File}
		q.found = slices.Clone(l.Siblings)
	}
	l.Class, l.File = q.lookup.Class, q.lookup.File
	l.Siblings = append(l.Siblings[:0], q.found...)
	return true
}

func (q *quiet) Release(*docroot.File)      {}
func (q *quiet) Small(*docroot.File) []byte { return nil }
