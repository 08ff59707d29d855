package conformance

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

const allowed = "GET, HEAD, OPTIONS"

func TestMethods(t *testing.T) {
	s := serve(t)
	cases := []exchange{
		{rule: "RFC 9110 9.3.1 GET", send: getTen, want: "200", body: ten, fields: map[string]string{"Content-Length": "10", "Accept-Ranges": "bytes", "ETag": tag(10), "Last-Modified": modifiedText}},
		{rule: "RFC 9110 9.3.2 HEAD", send: headTen, want: "HEAD 200", fields: map[string]string{"Content-Length": "10", "Accept-Ranges": "bytes", "ETag": tag(10), "Last-Modified": modifiedText}},
		{rule: "RFC 9110 9.3.2 HEAD of what is not there", send: request("HEAD", "/absent"), want: "HEAD 404"},
		{rule: "RFC 9110 9.3.2 HEAD of a directory", send: request("HEAD", "/directory"), want: "HEAD 301"},
		{rule: "RFC 9110 9.3.2 HEAD of a dynamic file", send: request("HEAD", "/dynamic/big"), want: "HEAD 200", fields: map[string]string{"Content-Length": fmt.Sprint(len(big))}},
		{rule: "RFC 9110 9.3.7 OPTIONS of a file", send: request("OPTIONS", "/ten"), want: "204", empty: true, fields: map[string]string{"Allow": allowed}},
		{rule: "RFC 9110 9.3.7 OPTIONS with a body", send: request("OPTIONS", "/ten", "Content-Length: 2") + "ab", want: "204", empty: true},
		{rule: "RFC 9110 9.3.7 OPTIONS of what is not there", send: request("OPTIONS", "/absent"), want: "404"},
		{rule: "RFC 9110 9.1 methods are case-sensitive", send: request("get", "/ten"), want: "501"},
		{rule: "RFC 9110 15.6.2 an unknown method", send: request("BREW", "/ten"), want: "501"},
		{rule: "RFC 9110 15.6.2 an unknown method on what is not there", send: request("BREW", "/absent"), want: "501"},
		{rule: "RFC 9112 3 a method too long", send: request(strings.Repeat("M", 100), "/ten"), want: "501", then: closed},
		{rule: "RFC 9110 9.3.6 CONNECT", send: "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", want: "405"},
		{rule: "RFC 9110 9.3.6 CONNECT without a port", send: "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", want: "400", then: closed},
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "MKCOL", "LOCK", "QUERY"} {
		for _, target := range []string{"/ten", "/dynamic/ten", "/directory/", "/absent"} {
			cases = append(cases, exchange{
				rule: "RFC 9110 15.5.6 " + method + " of " + target, send: request(method, target, "Content-Length: 3") + "abc",
				want: "405", fields: map[string]string{"Allow": allowed},
			})
		}
	}
	table(t, s, "methods", cases)
}

// TestPaths: what a target stands for, and what it must not reach.
func TestPaths(t *testing.T) {
	s := serve(t)
	ok := func(rule, target, body string) exchange {
		return exchange{rule: rule, send: get(target), want: "200", body: body}
	}
	no := func(rule, target, status string) exchange {
		return exchange{rule: rule, send: get(target), want: status, see: func(t *testing.T, a *response) {
			if strings.Contains(a.String(), "/tmp") || strings.Contains(a.body, secret) {
				t.Errorf("it reveals: %v", a)
			}
		}}
	}
	cases := []exchange{
		ok("RFC 3986 2.1 an escaped letter", "/%74%65n", ten),
		ok("RFC 3986 2.1 an escaped space", "/a%20space", "a space"),
		ok("RFC 3986 2.1 plus is plus", "/a+b", "plus"),
		ok("RFC 3986 2.1 an escaped plus", "/a%2bb", "plus"),
		ok("RFC 3986 2.1 an escaped plus in capitals", "/a%2Bb", "plus"),
		ok("RFC 3986 2.1 an escaped percent", "/a%25b", "percent"),
		ok("RFC 3986 2.1 an escaped question mark", "/a%3fb", "question"),
		ok("RFC 3986 2.1 an escaped hash", "/a%23b", "hash"),
		ok("RFC 3986 2.1 escaped UTF-8", "/%c3%bcmlaut", "umlaut"),
		ok("RFC 3986 2.1 bytes that are not UTF-8", "/%ff%fe", "no UTF-8"),
		ok("RFC 3986 2.1 an escaped line end", "/line%0aend", "line end"),
		ok("RFC 3986 2.1 a quote", "/quote%22it", "quote"),
		ok("RFC 3986 3.3 a semicolon", "/semi;colon", "semicolon"),
		ok("RFC 3986 3.3 a backslash", "/back\\slash", "backslash"),
		ok("RFC 3986 3.4 a query", "/ten?a=b&c", ten),
		ok("RFC 3986 3.4 an odd query", "/ten?%zz/../?/%00", ten),
		ok("RFC 3986 3.4 an empty query", "/ten?", ten),
		ok("RFC 3986 5.2.4 a dot segment", "/./directory/./ten", ten),
		ok("RFC 3986 5.2.4 a double dot segment", "/directory/../ten", ten),
		ok("RFC 3986 5.2.4 escaped dots", "/directory/%2e%2e/ten", ten),
		ok("RFC 3986 5.2.4 an escaped slash", "/directory%2ften", ten),
		ok("RFC 3986 6.2.2 slashes in a row", "//directory///ten", ten),
		ok("RFC 3986 3.3 far below", "/deep/a/b/c/d/e/f/g/h/i/j/k/l/m/n/file", "deep"),
		ok("a link inside", "/inside", ten),
		no("RFC 3986 2.1 a broken escape", "/%zz", "400"),
		no("RFC 3986 2.1 a cut escape", "/ten%", "400"),
		no("RFC 3986 2.1 another cut escape", "/ten%2", "400"),
		no("RFC 3986 2.1 an escaped NUL", "/ten%00", "400"),
		no("RFC 3986 5.2.4 above the root", "/../outside.txt", "400"),
		no("RFC 3986 5.2.4 above the root, escaped", "/%2e%2e/outside.txt", "400"),
		no("RFC 3986 5.2.4 above the root, slash escaped", "/..%2foutside.txt", "400"),
		no("RFC 3986 5.2.4 above the root from below", "/directory/../../outside.txt", "400"),
		no("RFC 3986 5.2.4 above the root, twice escaped", "/%252e%252e/outside.txt", "404"),
		no("RFC 3986 5.2.4 above the mount", "/dynamic/../../outside.txt", "400"),
		no("RFC 3986 5.2.4 by backslash", "/..\\outside.txt", "404"),
		no("RFC 9110 15.5.5 a link out", "/climbs", "404"),
		no("RFC 9110 15.5.5 an absolute link out", "/absolute", "404"),
		ok("an absolute link within the root", "/absolute-inside", ten),
		no("RFC 9110 15.5.5 a link to itself", "/loop", "404"),
		no("RFC 9110 15.5.5 nothing", "/absent", "404"),
		no("RFC 9110 15.5.5 nothing in no directory", "/absent/absent", "404"),
		no("RFC 9110 15.5.5 a file as a directory", "/ten/", "404"),
		no("RFC 9110 15.5.5 below a file", "/ten/ten", "404"),
		no("RFC 9110 15.5.5 a directory without index", "/bare/", "404"),
		no("RFC 9110 15.5.5 a name too long", "/"+strings.Repeat("n", 300), "404"),
		no("RFC 9110 15.5.5 a path too long", strings.Repeat("/nnnnnnnnn", 500), "404"),
		no("RFC 9110 15.5.5 three dots", "/...", "404"),
		no("a name with a dot in front", "/.hidden", "404"),
		no("a name with a dot in front, escaped", "/%2ehidden", "404"),
		no("below a name with a dot in front", "/.directory/file", "404"),
		no("RFC 8615 3 other dots below .well-known", "/.well-known/.more/hidden", "404"),
		ok("RFC 8615 3 .well-known", "/.well-known/thing", "well known\n"),
	}
	table(t, s, "paths", cases)
	table(t, serve(t, "--dotfiles"), "paths with --dotfiles", []exchange{
		ok("--dotfiles a name with a dot in front", "/.hidden", secret),
		ok("--dotfiles below a name with a dot in front", "/.directory/file", secret),
		no("--dotfiles above the root", "/../outside.txt", "400"),
	})
}

func TestDirectories(t *testing.T) {
	index := "<p>the directory's index</p>\n"
	table(t, serve(t), "directories", []exchange{
		{rule: "the root's index", send: get("/"), want: "200", body: "<p>the index</p>\n", fields: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		{rule: "a directory's index", send: get("/directory/"), want: "200", body: index},
		{rule: "a directory's index with a query", send: get("/directory/?a"), want: "200", body: index},
		{rule: "a directory's index by its name", send: get("/directory/index.html"), want: "200", body: index},
		{rule: "RFC 9110 14.2 a range of an index", send: get("/directory/", "Range: bytes=0-2"), want: "206", body: "<p>"},
		{rule: "RFC 9110 13.1.2 a condition on an index", send: get("/directory/", "If-None-Match: "+tag(len(index))), want: "304"},
		{rule: "RFC 9110 15.4.2 no slash", send: get("/directory"), want: "301", fields: map[string]string{"Location": "directory/"}},
		{rule: "RFC 9110 15.4.2 no slash and a query", send: get("/directory?a=b&c=%20"), want: "301", fields: map[string]string{"Location": "directory/?a=b&c=%20"}},
		{rule: "RFC 9110 15.4.2 no slash, dot segments", send: get("/bare/../directory"), want: "301", fields: map[string]string{"Location": "directory/"}},
		{rule: "RFC 9110 15.4.2 never to another host", send: get("//directory"), want: "301", fields: map[string]string{"Location": "directory/"}},
		{rule: "RFC 9110 15.4.2 a mount without its slash", send: get("/dynamic"), want: "301", fields: map[string]string{"Location": "dynamic/"}},
		{rule: "RFC 9110 15.4.2 a link to a directory", send: get("/bare/elsewhere"), want: "301", fields: map[string]string{"Location": "elsewhere/"}},
		{rule: "RFC 9110 15.5.5 a directory without index", send: get("/bare/"), want: "404"},
	})
	table(t, serve(t, "--index", "default.htm", "--index", "index.html"), "directories with --index", []exchange{
		{rule: "--index the first", send: get("/other/"), want: "200", body: "<p>another index</p>\n"},
		{rule: "--index the second", send: get("/directory/"), want: "200", body: index},
		{rule: "--index none", send: get("/bare/"), want: "404"},
	})
	table(t, serve(t, "--spa", "/index.html"), "directories with --spa", []exchange{
		{rule: "--spa a file", send: getTen, want: "200", body: ten},
		{rule: "--spa nothing", send: get("/some/route?x"), want: "200", body: "<p>the index</p>\n", fields: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		{rule: "--spa HEAD", send: request("HEAD", "/some/route"), want: "HEAD 200"},
		{rule: "--spa a condition", send: get("/some/route", "If-None-Match: "+tag(17)), want: "304"},
		{rule: "--spa still refuses", send: get("/../x"), want: "400"},
		{rule: "--spa POST", send: request("POST", "/some/route"), want: "405"},
	})
}

func TestErrorPages(t *testing.T) {
	site := newSite(t)
	page := filepath.Join(t.TempDir(), "missing.html")
	harness.WriteFile(t, page, []byte("<p>not here</p>\n"))
	s := harness.StartServe(t, harness.Options{}, site, "--error-page", "404="+page)
	table(t, s, "error pages", []exchange{
		{rule: "RFC 9110 15.5 a page of one's own", send: get("/absent"), want: "404", body: "<p>not here</p>\n", fields: map[string]string{"Content-Type": "text/html; charset=utf-8", "ETag": "", "Last-Modified": "", "Accept-Ranges": ""}},
		{rule: "RFC 9110 9.3.2 HEAD of it", send: request("HEAD", "/absent"), want: "HEAD 404", fields: map[string]string{"Content-Length": "16"}},
		{rule: "RFC 9110 14.2 no range of it", send: get("/absent", "Range: bytes=0-1"), want: "404", body: "<p>not here</p>\n"},
		{rule: "RFC 9110 13.2.1 no conditions on it", send: get("/absent", "If-None-Match: *"), want: "404", body: "<p>not here</p>\n"},
		{rule: "RFC 9110 13.2.1 no preconditions on it", send: get("/absent", "If-Match: \"x\""), want: "404", body: "<p>not here</p>\n"},
		{rule: "RFC 9110 15.5 the others have a short text", send: request("POST", "/ten"), want: "405", body: "405 Method Not Allowed\n", fields: map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{rule: "RFC 9110 15.5 a refused one", send: get("/ten", "Host: x"), want: "400", body: "400 Bad Request\n", then: closed},
	})
}

// TestForbidden: a file that is there, but that the server may not open.
func TestForbidden(t *testing.T) {
	site := newSite(t)
	for _, name := range []string{"locked", "dynamic/locked", "shut/file"} {
		harness.WriteFile(t, filepath.Join(site, name), []byte(secret))
		if err := os.Chmod(filepath.Join(site, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	var flags []string
	if os.Geteuid() == 0 {
		flags = []string{"--user", "nobody"}
	}
	s := harness.StartServe(t, harness.Options{}, site, flags...)
	table(t, s, "forbidden", []exchange{
		{rule: "RFC 9110 15.5.4 static", send: get("/locked"), want: "403", body: "403 Forbidden\n"},
		{rule: "RFC 9110 15.5.4 dynamic", send: get("/dynamic/locked"), want: "403"},
		{rule: "RFC 9110 15.5.4 in a directory", send: get("/shut/file"), want: "403"},
		{rule: "RFC 9110 15.5.4 HEAD", send: request("HEAD", "/locked"), want: "HEAD 403"},
		{rule: "RFC 9110 15.5.4 a range", send: get("/locked", "Range: bytes=0-1"), want: "403"},
	})
}

func TestLimits(t *testing.T) {
	target := func(n int) string { return "/" + strings.Repeat("a", n-1) }
	fields := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("X-%d: y", i)
		}
		return list
	}
	// head is a request whose head has n bytes.
	head := func(n int) string {
		blank := len(get("/ten", "X: "))
		return get("/ten", "X: "+strings.Repeat("y", n-blank))
	}
	cases := func(targetMax, headMax, fieldsMax int) []exchange {
		return []exchange{
			{rule: "RFC 9110 15.5.15 the longest target", send: get(target(targetMax)), want: "404"},
			{rule: "RFC 9110 15.5.15 a target too long", send: get(target(targetMax + 1)), want: "414", then: closed},
			{rule: "RFC 9110 15.5.15 a target longer than a head may be", send: get(target(headMax + 100)), want: "414", then: closed},
			{rule: "RFC 9110 15.5.15 a target without end", send: "GET " + target(headMax+100), want: "414", then: closed},
			{rule: "RFC 6585 5 the longest head", send: head(headMax), want: "200"},
			{rule: "RFC 6585 5 a head too long", send: head(headMax + 1), want: "431", then: closed},
			{rule: "RFC 6585 5 a head without end", send: "GET /ten HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", headMax), want: "431", then: closed},
			{rule: "RFC 6585 5 most fields", send: get("/ten", fields(fieldsMax-1)...), want: "200"},
			{rule: "RFC 6585 5 too many fields", send: get("/ten", fields(fieldsMax)...), want: "431", then: closed},
			{rule: "RFC 6585 5 a known field too often", send: get("/ten", strings.Split(strings.Repeat("Accept: a\n", 40), "\n")[:40]...), want: "431", then: closed},
		}
	}
	table(t, serve(t), "limits", cases(8<<10, 32<<10, 200))
	table(t, serve(t, "--max-target-bytes", "100", "--max-header-bytes", "2000", "--max-header-fields", "50"), "limits by flags", cases(100, 2000, 50))
	table(t, serve(t, "--max-ranges", "3"), "limit of ranges", []exchange{
		{rule: "RFC 9110 14.2 most ranges", send: get("/ten", "Range: bytes=0-0,2-2,4-4"), want: "206"},
		{rule: "RFC 9110 14.2 too many ranges", send: get("/ten", "Range: bytes=0-0,2-2,4-4,6-6"), want: "200", body: ten},
	})
}

// TestDeadlines: those who are late get a response, if there is something to respond to.
func TestDeadlines(t *testing.T) {
	s := serve(t, "--read-header-timeout", "200ms", "--keepalive-timeout", "300ms", "--defer-accept=false")
	t.Run("RFC 9110 15.5.9 half a head", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send("GET /ten HTTP/1.1\r\nHost: ")
		if a := c.response("GET"); a.status != 408 || !a.closes() || a.body != "408 Request Timeout\n" {
			t.Error(a)
		}
		c.expectEnd()
	})
	t.Run("RFC 9110 15.5.9 half of a second head", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send(getTen + "GET")
		if a := c.response("GET"); a.status != 200 {
			t.Error(a)
		}
		if a := c.response("GET"); a.status != 408 || !a.closes() {
			t.Error(a)
		}
		c.expectEnd()
	})
	t.Run("RFC 9112 9.5 nothing", func(t *testing.T) {
		dial(t, s.Address).expectEnd()
	})
	t.Run("RFC 9112 9.5 nothing more", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send(getTen)
		c.response("GET")
		c.expectEnd()
	})
	t.Run("RFC 9112 9.5 empty lines alone are nothing", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send("\r\n")
		c.expectEnd()
	})
	t.Run("RFC 9112 9.5 half a body", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send(post("/ten", "Content-Length: 5\r\n", "12"))
		if a := c.response("POST"); a.status != 405 {
			t.Error(a)
		}
		c.expectEnd()
	})
	alive(t, s)
}

// TestSendDeadline: a client that takes nothing is reset, so that what it has does not look whole.
func TestSendDeadline(t *testing.T) {
	site := newSite(t)
	large := filepath.Join(site, "large")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 64<<20); err != nil {
		t.Fatal(err)
	}
	s := harness.StartServe(t, harness.Options{}, site, "--send-timeout", "300ms")
	base := s.Descriptors(t)["socket"]
	c := dial(t, s.Address)
	c.send(get("/large"))
	harness.Eventually(t, patience, "the connection is accepted", func() error {
		if n := s.Descriptors(t)["socket"]; n <= base {
			return harness.Errorf("%d sockets", n)
		}
		return nil
	})
	harness.Eventually(t, patience, "the connection is given up", func() error {
		if n := s.Descriptors(t)["socket"]; n > base {
			return harness.Errorf("%d sockets, %d at first", n, base)
		}
		return nil
	})
	a, err := readResponse(c.r, "GET")
	if err == nil {
		t.Errorf("%d %d bytes arrived", a.status, len(a.body))
	}
	alive(t, s)
}

// TestShutdown: transfers end, idle connections are closed, and the exit status is 0.
func TestShutdown(t *testing.T) {
	s := serve(t)
	idle, busy := dial(t, s.Address), dial(t, s.Address)
	idle.send(getTen)
	idle.response("GET")
	busy.send(strings.Repeat(get("/big"), 12))
	first := busy.response("GET")
	s.Signal(t, os.Interrupt)
	idle.expectEnd()
	if first.status != 200 || first.body != big {
		t.Errorf("%d, %d bytes", first.status, len(first.body))
	}
	for {
		a, err := readResponse(busy.r, "GET")
		if err != nil {
			if a != nil {
				t.Errorf("a response was cut short: %v", err)
			}
			break
		}
	}
	if status := s.Wait(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestListen(t *testing.T) {
	site := newSite(t)
	socket := filepath.Join(t.TempDir(), "socket")
	s := harness.StartServe(t, harness.Options{}, site, "--listen", "unix:"+socket, "--listen", "[::1]:0")
	check := func(t *testing.T, address string) {
		c := dial(t, address)
		c.send(getTen)
		if a := c.response("GET"); a.status != 200 || a.body != ten {
			t.Error(a)
		}
	}
	t.Run("IPv4", func(t *testing.T) { check(t, s.Address) })
	t.Run("unix socket", func(t *testing.T) { check(t, socket) })
	t.Run("IPv6", func(t *testing.T) {
		_, rest, ok := strings.Cut(s.Output(), "http://[::1]:")
		if !ok {
			t.Fatal("no address printed")
		}
		port, _, _ := strings.Cut(rest, "/")
		check(t, net.JoinHostPort("::1", port))
	})
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	t.Run("a unix socket that was left behind", func(t *testing.T) {
		s := harness.StartServe(t, harness.Options{}, site, "--listen", "unix:"+socket)
		check(t, socket)
		s.Stop(t)
	})
}

func TestMounts(t *testing.T) {
	site := newSite(t)
	more := filepath.Join(t.TempDir(), "more")
	harness.WriteFile(t, filepath.Join(more, "ten"), []byte(ten))
	harness.WriteFile(t, filepath.Join(more, "sub/file"), []byte("of more"))
	s := harness.StartServe(t, harness.Options{}, site,
		"--static", "/more/="+more, "--dynamic", "/quick="+more, "--static", "/more/directory/="+filepath.Join(site, "directory"))
	table(t, s, "mounts", []exchange{
		{rule: "mounts the root", send: getTen, want: "200", body: ten},
		{rule: "mounts static", send: get("/more/sub/file"), want: "200", body: "of more"},
		{rule: "mounts dynamic", send: get("/quick/sub/file"), want: "200", body: "of more"},
		{rule: "mounts the longest prefix", send: get("/more/directory/ten"), want: "200", body: ten},
		{rule: "mounts a prefix ends at a slash", send: get("/moreover"), want: "404"},
		{rule: "mounts no slash", send: get("/more"), want: "301", fields: map[string]string{"Location": "more/"}},
		{rule: "mounts no slash, dynamic", send: get("/quick?q"), want: "301", fields: map[string]string{"Location": "quick/?q"}},
		{rule: "mounts from one to another by dots", send: get("/more/../ten"), want: "200", body: ten},
		{rule: "mounts ROOT/dynamic is a directory like any other", send: get("/dynamic/ten"), want: "200", body: ten},
	})
}

// TestChanges: a file that changes under way is not sent as if it had not.
func TestChanges(t *testing.T) {
	site := newSite(t)
	s := harness.StartServe(t, harness.Options{}, site)
	for _, directory := range []string{"", "dynamic"} {
		path := "/" + filepath.Join(directory, "changing")
		name := filepath.Join(site, path)
		t.Run("RFC 9110 8.8.1 a new file gets new validators "+path, func(t *testing.T) {
			tags := map[string]bool{}
			for i, text := range []string{"one", "two", "three"} {
				harness.WriteFile(t, name+".new", []byte(text))
				stamp(t, name+".new", modified.Add(time.Duration(i)))
				if err := os.Rename(name+".new", name); err != nil {
					t.Fatal(err)
				}
				harness.Eventually(t, patience, "the new file is served", func() error {
					a := fetch(t, s.Address, "GET", path)
					if a.body != text {
						return harness.Errorf("%v", a)
					}
					tags[a.get("ETag")] = true
					return nil
				})
			}
			if len(tags) != 3 {
				t.Errorf("entity tags %v", tags)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(t, patience, "the file is gone", func() error {
				if a := fetch(t, s.Address, "GET", path); a.status != 404 {
					return harness.Errorf("%v", a)
				}
				return nil
			})
		})
		t.Run("RFC 9112 8 a file that shrinks "+path, func(t *testing.T) {
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(name, 256<<20); err != nil {
				t.Fatal(err)
			}
			var a *response
			harness.Eventually(t, patience, "the file is served", func() error {
				if a = fetch(t, s.Address, "HEAD", path); a.status != 200 {
					return harness.Errorf("%v", a)
				}
				return nil
			})
			c := dial(t, s.Address)
			c.send(get(path))
			if _, err := c.r.Peek(1); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(name, 1<<20); err != nil {
				t.Fatal(err)
			}
			if a, err := readResponse(c.r, "GET"); err == nil {
				t.Errorf("%d bytes arrived of a file that lost them", len(a.body))
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		})
	}
	alive(t, s)
}

// TestFlags: mistakes in the command line are named, and the exit status is 2.
func TestFlags(t *testing.T) {
	site := newSite(t)
	for _, c := range []struct {
		name  string
		flags []string
		want  string
		exit  int
	}{
		{"a header without colon", []string{"--header", "X"}, "Name: value", 2},
		{"a header that breaks the line", []string{"--header", "X: a\r\nB: c"}, "Name: value", 2},
		{"a mount without a directory", []string{"--static", "/x/="}, "PREFIX=DIR", 2},
		{"a mount without a prefix", []string{"--dynamic", site}, "PREFIX=DIR", 2},
		{"a mount of what is not there", []string{"--static", "/x/=" + site + "/absent"}, "absent", 1},
		{"a media type that is none", []string{"--mime", "foo=bar"}, "EXT=TYPE", 2},
		{"a pattern that is none", []string{"--mime", "[=text/plain"}, "[", 2},
		{"an error page for a success", []string{"--error-page", "200=" + site + "/ten"}, "STATUS=FILE", 2},
		{"an error page that is not there", []string{"--error-page", "404=" + site + "/absent"}, "absent", 1},
		{"no loops", []string{"--loops", "0"}, "--loops", 2},
		{"an address that is none", []string{"--listen", "nowhere"}, "--listen", 2},
		{"a flag that is none", []string{"--nonsense"}, "nonsense", 2},
		{"two roots", []string{site}, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := harness.Launch(t, harness.Options{
				Path: harness.AWS(t), Args: append([]string{"serve", site, "--listen", "127.0.0.1:0"}, c.flags...),
			})
			if exit := s.Wait(t); exit != c.exit || !strings.Contains(s.Output(), c.want) || !strings.HasPrefix(s.Output(), "aws: ") {
				t.Errorf("exit status %d: %s", exit, s.Output())
			}
		})
	}
}

// TestOrdinaryClient asks with the standard library's client, whose connections are kept.
func TestOrdinaryClient(t *testing.T) {
	s := serve(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for i := range 200 {
		resp, err := client.Get("http://" + s.Address + []string{"/ten", "/dynamic/big", "/absent", "/directory"}[i%4])
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := []int{200, 200, 404, 200}[i%4]; resp.StatusCode != want {
			t.Fatalf("request %d: %s", i, resp.Status)
		}
	}
}
