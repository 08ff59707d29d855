package fileserver_test

import (
	"fmt"
	"testing"

	"aws/internal/kernel"
	"aws/internal/rate"
)

// TestLimits has the limits that responses of routes get. A file has the limit of its own path, whatever path it is sent for.
func TestLimits(t *testing.T) {
	s := newSites(t, `
[[site]]
hosts = ["a"]
root = "/a"
list = true
try = ["{path}", "/fallback.txt"]
limit-rate-total = "10MiB"
error-pages = { 404 = "/a/404.html" }
[[site.route]]
path = "/slow/"
limit-rate = "2MiB"
[[site.route]]
path = "/slow/free/"
limit-rate = 0
limit-rate-total = 0
[[site.route]]
path = "/own/"
limit-rate-total = "1MiB"
try = ["{path}"]
[[site.route]]
path = "/gone/"
respond = 410
limit-rate = 4096
[[site.route]]
match = "*.iso"
dynamic = true
limit-rate = "1MiB"
[[site.route]]
match = "fallback.txt"
limit-rate = "5MiB"
[[site]]
hosts = ["b"]
root = "/b"
`)
	s.add(t, "a/ static", "f", "f.gz", "slow/f", "slow/index.html", "slow/free/f", "own/f", "fallback.txt")
	s.add(t, "a/ dynamic", "x.iso", "own/x.iso")
	s.add(t, "b/ static", "f")
	limits := map[string]*rate.Limit{}
	for _, c := range []struct {
		method, host, path, field string
		ofConn                    int64
		total                     string // a name for each total; empty: none
	}{
		{"GET", "a", "/f", "", 0, "site"},
		{"GET", "a", "/f", "Accept-Encoding: gzip\n", 0, "site"},
		{"GET", "a", "/f", "Range: bytes=0-1,4-5\n", 0, "site"},
		{"GET", "a", "/f", "If-None-Match: *\n", 0, "site"},
		{"GET", "a", "/nothing", "", 5 << 20, "site"},
		{"GET", "a", "/slow/nothing", "", 5 << 20, "site"},
		{"GET", "a", "/slow/f", "", 2 << 20, "site"},
		{"GET", "a", "/slow/", "", 2 << 20, "site"},
		{"POST", "a", "/slow/", "", 0, "site"},
		{"OPTIONS", "a", "/slow/f", "", 2 << 20, "site"},
		{"GET", "a", "/slow/free/f", "", 0, ""},
		{"GET", "a", "/own/f", "", 0, "own"},
		{"GET", "a", "/own/", "", 0, "own"},
		{"GET", "a", "/own/nothing", "", 0, "own"},
		{"GET", "a", "/own/x.iso", "", 1 << 20, "own"},
		{"GET", "a", "/x.iso", "", 1 << 20, "site"},
		{"GET", "a", "/gone/x", "", 4096, "site"},
		{"GET", "b", "/f", "", 0, ""},
		{"GET", "c", "/f", "", 0, ""},
	} {
		e := s.Do(t, fmt.Sprintf("%s %s HTTP/1.1\nHost: %s\n%s\n", c.method, c.path, c.host, c.field))
		what := c.method + " " + c.host + c.path + " " + c.field
		if e.Limit == nil {
			if c.ofConn != 0 || c.total != "" {
				t.Errorf("%s has no limit", what)
			}
			continue
		}
		if e.Limit.OfConn != c.ofConn || (e.Limit.Total == nil) != (c.total == "") {
			t.Errorf("%s: %+v", what, e.Limit)
		}
		if c.total == "" {
			continue
		}
		if before := limits[c.total]; before == nil {
			limits[c.total] = e.Limit
		} else if before.Total != e.Limit.Total {
			t.Errorf("%s: the total is another one than that of %s", what, c.total)
		}
	}
	if limits["site"].Total == limits["own"].Total {
		t.Error("a route with a total of its own shares that of the site")
	}
}

// TestSymlinkMounts has what is looked up under which policy of links: each has a root and a mount of its own, so that the cache
// keeps what was opened under one of them from the others.
func TestSymlinkMounts(t *testing.T) {
	s := newSites(t, `
[[site]]
hosts = ["a"]
root = "/a"
list = true
index = ["index.html"]
try = ["{path}", "/strict/fallback"]
[[site.route]]
path = "/strict/"
symlinks = "never"
[[site.route]]
path = "/strict/loose/"
symlinks = "within-root"
[[site.route]]
match = "*.gz"
symlinks = "same-owner"
[[site.route]]
match = "*.iso"
dynamic = true
symlinks = "same-owner"
`)
	byRoot := func(path string) kernel.Root {
		e := s.Do(t, "GET "+path+" HTTP/1.1\nHost: a\n\n")
		if e.Mount == nil {
			t.Fatalf("%s: no mount", path)
		}
		return e.Mount.Root
	}
	loose, strict, owner := byRoot("/f"), byRoot("/strict/f"), byRoot("/f.iso")
	if loose == strict || loose == owner || strict == owner {
		t.Errorf("roots %d, %d, %d: policies share a root", loose, strict, owner)
	}
	for path, want := range map[string]kernel.Root{
		"/": loose, "/strict": strict, "/strict/": strict, "/strict/a/b": strict, "/strict/loose/f": loose, "/strict/f.iso": owner, "/strict/f.gz": owner,
		"/strict/loose/f.iso": owner, "/strictly": loose,
	} {
		if got := byRoot(path); got != want {
			t.Errorf("%s: root %d, want %d", path, got, want)
		}
	}
	// What is there below one root is not there below another one.
	add := func(path, name string) {
		e := s.Do(t, "GET "+path+" HTTP/1.1\nHost: a\n\n")
		s.AddFile(e.Mount, name, 10, 3600e9)
	}
	add("/f", "f")
	add("/f", "f.gz") // the sibling, below the root of the file
	add("/f", "strict/f")
	add("/f", "strict/fallback")
	s.do(t, []siteExchange{
		{host: "a", path: "/f", want: "200 f"},
		{host: "a", path: "/f", fields: []string{"Accept-Encoding: gzip"}, want: "200 f", header: "Vary: -"}, // f.gz has a stricter policy
		{host: "a", path: "/strict/f", want: "404 404 Not Found"},
		{host: "a", path: "/nothing", want: "404 404 Not Found"},
	})
	add("/strict/f", "strict/f")
	add("/strict/f", "strict/fallback")
	s.do(t, []siteExchange{
		{host: "a", path: "/strict/f", want: "200 strict/f"},
		{host: "a", path: "/nothing", want: "200 strict/fallback"},
	})
}
