package fileserver_test

import "testing"

// TestFields has header fields, cache rules, types and error pages by route.
func TestFields(t *testing.T) {
	s := newSites(t, `
[defaults]
headers.set = { X-Frame-Options = "DENY" }
[[site]]
hosts = ["a"]
root = "/a"
list = true
cache-control = "public, max-age=300"
error-pages = { 404 = "/a/404.html", 403 = "/a/403.txt" }
headers = { set = { Server = "mine", X-A = "1" }, add = { Link = ["<a>", "<b>"] } }
media-types = { md = "text/markdown", "*.tar.x" = "application/x-tar" }
[[site.route]]
path = "/assets/"
cache-control = "immutable"
headers = { set = { X-A = "2", Content-Security-Policy = "default-src 'self'" }, remove = ["x-frame-options", "X-Content-Type-Options"] }
error-pages = { 404 = "/a/assets.html" }
[[site.route]]
match = "*.css"
cache-control = "no-cache"
charset = "iso-8859-1"
[[site.route]]
path = "/none/"
cache-control = ""
charset = ""
[[site]]
hosts = ["b"]
root = "/b"
dotfiles = true
precompressed = false
[[site.route]]
match = "*.iso"
dynamic = true
`)
	s.add(t, "a/ static", "f.html", "assets/f.html", "assets/f.css", "none/f.txt", "f.css", "r.md", "x.tar.x", ".secret", "f.html.gz")
	s.add(t, "b/ static", "f.html", "f.html.gz", ".secret")
	s.add(t, "b/ dynamic", "d/x.iso")
	s.do(t, []siteExchange{
		{host: "a", path: "/f.html", want: "200 f.html", header: "Server: mine | X-A: 1 | X-Frame-Options: DENY | Link: <a> + <b> | Cache-Control: public, max-age=300 | X-Content-Type-Options: nosniff"},
		{host: "a", path: "/assets/f.html", want: "200 assets/f.html", header: "Server: mine | X-A: 2 | X-Frame-Options: - | X-Content-Type-Options: - | Cache-Control: immutable"},
		{host: "a", path: "/assets/f.css", want: "200 assets/f.css", header: "X-A: 2 | Cache-Control: no-cache | Content-Type: text/css; charset=iso-8859-1"},
		{host: "a", path: "/f.css", want: "200 f.css", header: "X-A: 1 | Cache-Control: no-cache"},
		{host: "a", path: "/none/f.txt", want: "200 none/f.txt", header: "Cache-Control: - | Content-Type: text/plain"},
		{host: "a", path: "/r.md", want: "200 r.md", header: "Content-Type: text/markdown; charset=utf-8"},
		{host: "a", path: "/x.tar.x", want: "200 x.tar.x", header: "Content-Type: application/x-tar"},
		{host: "a", path: "/nothing", want: "404 /a/404.html", header: "Content-Type: text/html; charset=utf-8 | Server: mine | Cache-Control: -"},
		{host: "a", path: "/assets/nothing", want: "404 /a/assets.html", header: "X-A: 2"},
		{host: "a", path: "/.secret", want: "404 /a/404.html"},
		{host: "a", path: "/f.html", fields: []string{"Accept-Encoding: gzip"}, want: "200 f.html.gz", header: "Vary: Accept-Encoding"},
		{host: "b", path: "/f.html", fields: []string{"Accept-Encoding: gzip"}, want: "200 f.html", header: "Vary: - | X-Frame-Options: DENY | Server: aws"},
		{host: "b", path: "/.secret", want: "200 .secret"},
		{host: "b", path: "/d/x.iso", want: "200 d/x.iso"},
		{host: "b", path: "/nothing", want: "404 404 Not Found"},
		{method: "HEAD", host: "a", path: "/assets/", want: "200 assets/\x00name, ascending.html", header: "Content-Security-Policy: default-src 'self'"},
	})
}

// TestOrigins has lists of origins, which may read.
func TestOrigins(t *testing.T) {
	s := newSites(t, `
[[site]]
hosts = ["a"]
default = true
root = "/a"
cors = { origins = ["https://app.example", "null"], methods = ["GET"], credentials = true, max-age = "1h" }
[[site.route]]
path = "/all/"
cors = true
[[site.route]]
path = "/off/"
cors = false
`)
	s.add(t, "a/ static", "f", "all/f", "off/f", "f.gz")
	app, evil := []string{"Origin: https://app.example"}, []string{"Origin: https://evil.example"}
	s.do(t, []siteExchange{
		{host: "a", path: "/f", want: "200 f", header: "Access-Control-Allow-Origin: - | Vary: Accept-Encoding, Origin"},
		{host: "a", path: "/f", fields: app, want: "200 f", header: "Access-Control-Allow-Origin: https://app.example | Access-Control-Allow-Credentials: true | Vary: Accept-Encoding, Origin"},
		{host: "a", path: "/f", fields: evil, want: "200 f", header: "Access-Control-Allow-Origin: - | Access-Control-Allow-Credentials: - | Vary: Accept-Encoding, Origin"},
		{host: "a", path: "/nothing", fields: app, want: "404 404 Not Found", header: "Access-Control-Allow-Origin: https://app.example | Vary: Origin"},
		{host: "a", path: "/f", fields: append(app, "If-None-Match: *"), want: "304 f", header: "Access-Control-Allow-Origin: https://app.example | Vary: Accept-Encoding, Origin"},
		{method: "OPTIONS", host: "a", path: "/nothing", fields: app, want: "204", header: "Access-Control-Allow-Origin: https://app.example | Access-Control-Allow-Methods: GET | Access-Control-Max-Age: 3600 | Vary: Origin"},
		{method: "OPTIONS", host: "a", path: "/f", fields: evil, want: "204", header: "Access-Control-Allow-Origin: - | Access-Control-Allow-Methods: - | Vary: Origin"},
		{host: "a", path: "/all/f", fields: evil, want: "200 all/f", header: "Access-Control-Allow-Origin: * | Access-Control-Allow-Credentials: - | Vary: -"},
		{method: "OPTIONS", host: "a", path: "/all/f", want: "204", header: "Access-Control-Allow-Methods: GET, HEAD | Access-Control-Max-Age: -"},
		{host: "a", path: "/off/f", fields: app, want: "200 off/f", header: "Access-Control-Allow-Origin: - | Vary: -"},
	})
	// The fields of a malformed request are not read, although some have been parsed.
	if e := s.Do(t, "GET /f HTTP/1.1\nHost: a\nOrigin: https://app.example\nX Y: z\n\n"); e.Status != 400 || e.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a malformed request with an origin: %d %v", e.Status, e.Header)
	}
}
