package fileserver_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/handler/handlertest"
	"aws/internal/kernel"
	"aws/internal/serveconfig"

	"golang.org/x/crypto/bcrypt"
)

// sitesTest is a server with sites whose files are made up.
type sitesTest struct {
	*handlertest.Site
	mounts map[string]*docroot.Mount // by label and kind, such as "a.example/ static"
}

// newSites returns the server of a configuration. The user ali has the password sesame in each file of users, and the body of
// an error page is the name of its file.
func newSites(t testing.TB, toml string, changes ...func(*fileserver.SiteOptions)) *sitesTest {
	t.Helper()
	read, err := serveconfig.ReadSites("site.toml", []byte(toml))
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := read.Compile()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	o := &fileserver.SiteOptions{
		Table: table, Roots: map[fileserver.RootKey]kernel.Root{}, Users: map[string]*docroot.Passwords{}, Pages: map[string][]byte{},
	}
	for _, r := range table.Routes() {
		p := &r.Properties
		if p.Root != nil && o.Roots[fileserver.RootKeyOf(p)] == 0 {
			o.Roots[fileserver.RootKeyOf(p)] = kernel.Root(-1 - len(o.Roots))
		}
		if p.Auth != nil && p.Auth.Value.File != "" && o.Users[p.Auth.Value.File] == nil {
			if o.Users[p.Auth.Value.File], err = docroot.ParsePasswords(fmt.Appendf(nil, "ali:%s\n", hash)); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range p.ErrorPages {
			o.Pages[e.File] = []byte(e.File)
		}
	}
	for _, change := range changes {
		change(o)
	}
	h := fileserver.NewSites(o)
	s := &sitesTest{Site: handlertest.NewSite(h), mounts: map[string]*docroot.Mount{}}
	for _, m := range h.Mounts() {
		s.mounts[m.Label()+" "+m.Kind.String()] = m
	}
	return s
}

// add adds files of ten bytes to a mount.
func (s *sitesTest) add(t testing.TB, mount string, names ...string) {
	t.Helper()
	m := s.mounts[mount]
	if m == nil {
		t.Fatalf("there is no mount %s in %v", mount, s.mounts)
	}
	for _, name := range names {
		s.AddFile(m, name, 10, time.Hour)
	}
}

// siteExchange is a request, and what is expected of its response.
type siteExchange struct {
	method, host, path string // GET by default
	fields             []string
	want               string // the status, and the file that is sent or the body in memory, or the value of Location
	header             string // "Name: value"; "Name: -" is that there is none; several are separated by " | "
}

// password are the credentials of ali.
var password = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ali:sesame"))

func (s *sitesTest) do(t *testing.T, exchanges []siteExchange) {
	t.Helper()
	for _, x := range exchanges {
		if x.method == "" {
			x.method = "GET"
		}
		text := fmt.Sprintf("%s %s HTTP/1.1\nHost: %s\n%s\n", x.method, x.path, x.host, strings.Join(append(x.fields, ""), "\n"))
		e := s.Do(t, text)
		got := strconv.Itoa(int(e.Status))
		switch {
		case e.Header.Get("Location") != "":
			got += " " + e.Header.Get("Location")
		case e.File != "":
			got += " " + e.File
		case e.Memory != "":
			got += " " + strings.TrimSpace(e.Memory)
		}
		if got != x.want {
			t.Errorf("%s %s%s %q: %q, want %q", x.method, x.host, x.path, x.fields, got, x.want)
		}
		for field := range strings.SplitSeq(x.header, " | ") {
			name, value, _ := strings.Cut(field, ": ")
			have := strings.Join(e.Header.Values(name), " + ")
			if value == "-" {
				value = ""
			}
			if have != value {
				t.Errorf("%s %s%s %q: %s is %q, want %q", x.method, x.host, x.path, x.fields, name, have, value)
			}
		}
	}
}

// TestHosts has what a host leads to.
func TestHosts(t *testing.T) {
	const hosts = `
[[site]]
hosts = ["a.example", "[2001:db8::1]", "192.0.2.1"]
root = "/a"
[[site]]
hosts = ["*.b.example"]
root = "/b"
[[site]]
hosts = ["x.b.example"]
root = "/x"
[[site]]
hosts = ["closed"]
root = "/c"
deny = ["all"]
`
	s := newSites(t, hosts)
	s.add(t, "a.example/ static", "index.html", "f")
	s.add(t, "*.b.example/ static", "bf")
	s.add(t, "x.b.example/ static", "xf")
	s.Client = netip.MustParseAddr("192.0.2.1")
	s.do(t, []siteExchange{
		{host: "a.example", path: "/f", want: "200 f"},
		{host: "A.Example.:8080", path: "/f", want: "200 f"},
		{host: "[2001:DB8:0::1]:80", path: "/f", want: "200 f"},
		{host: "192.0.2.1", path: "/", want: "200 index.html"},
		{host: "y.z.b.example", path: "/bf", want: "200 bf"},
		{host: "x.b.example", path: "/xf", want: "200 xf"},
		{host: "b.example", path: "/bf", want: "421 421 Misdirected Request"},
		{host: "other", path: "/f", want: "421 421 Misdirected Request"},
		{host: "other", path: "http://a.example/f", want: "200 f"},
		{host: "other", path: "HTTP://a.example:80?x", want: "200 index.html"},
		{host: "a.example", path: "http://other/f", want: "421 421 Misdirected Request"},
		{host: "a.example", path: "https://a.example/f", want: "421 421 Misdirected Request"},
		{method: "POST", host: "other", path: "/f", want: "405 405 Method Not Allowed"},
		{method: "OPTIONS", host: "other", path: "*", want: "421 421 Misdirected Request"},
		{method: "OPTIONS", host: "a.example", path: "*", want: "204"},
		{method: "OPTIONS", host: "closed", path: "*", want: "403 403 Forbidden"},
		{host: "closed", path: "/../x", want: "400 400 Bad Request"},
		{method: "OPTIONS", host: "other", path: "http://a.example", want: "204"},
	})
	if e := s.Do(t, "GET /f HTTP/1.0\n\n"); e.Status != 421 {
		t.Errorf("without Host and a default site: %d", e.Status)
	}
	s = newSites(t, hosts+"[[site]]\ndefault = true\nroot = \"/d\"\nerror-pages = { 400 = \"/bad\" }\n")
	s.add(t, "default/ static", "f")
	s.do(t, []siteExchange{{host: "other", path: "/f", want: "200 f"}, {host: "a.example", path: "/f", want: "404 404 Not Found"}})
	if e := s.Do(t, "GET /f HTTP/1.0\n\n"); e.Status != 200 {
		t.Errorf("without Host: %d", e.Status)
	}
	if e := s.Do(t, "GET /f HTTP/1.1\nHost: a b\n\n"); e.Status != 400 || e.Memory != "/bad" {
		t.Errorf("a malformed Host: %d %s", e.Status, e.Memory)
	}
}

// TestRedirects has redirects, and what precedes them.
func TestRedirects(t *testing.T) {
	s := newSites(t, `
[[site]]
default = true
root = "/d"
[[site.route]]
path = "/secret/"
auth = "/users"
[[site.route]]
path = "/gone/"
respond = { status = 410, body = "Gone.\n" }
[[site.route]]
path = "/plain/"
respond = 404
[[site.route]]
path = "/none/"
respond = 204
[[site.route]]
path = "/json/"
respond = { status = 200, body = "{}", type = "application/json" }
[[site.redirect]]
from = "/old/*"
to = "/new/*"
[[site.redirect]]
from = "/old/page"
to = "https://other.example/page?a=1"
status = 302
[[site.redirect]]
from = "/drop/*"
to = "/new/*"
status = 301
query = "drop"
[[site.redirect]]
from = "/secret/*"
to = "/new/*"
status = 307
`)
	s.add(t, "default/ static", "gone/f")
	s.do(t, []siteExchange{
		{host: "x", path: "/old/a%20b/c?q=1", want: "308 /new/a%20b/c?q=1"},
		{host: "x", path: "/old", want: "308 /new/"},
		{host: "x", path: "/older", want: "404 404 Not Found"},
		{host: "x", path: "/old/page?b", want: "302 https://other.example/page?a=1&b"},
		{host: "x", path: "/drop/x?q", want: "301 /new/x"},
		{method: "HEAD", host: "x", path: "/drop/x", want: "301 /new/x"},
		{method: "OPTIONS", host: "x", path: "/drop/x", want: "204", header: "Allow: GET, HEAD, OPTIONS"},
		{host: "x", path: "/secret/a", want: "401 401 Unauthorized"},
		{host: "x", path: "/secret/a", fields: []string{password}, want: "307 /new/a"},
		{host: "x", path: "/gone/f", want: "410 Gone.", header: "Content-Type: text/plain; charset=utf-8"},
		{method: "HEAD", host: "x", path: "/gone/f", want: "410"},
		{host: "x", path: "/plain/", want: "404 404 Not Found"},
		{host: "x", path: "/none/", want: "204"},
		{host: "x", path: "/json/", want: "200 {}", header: "Content-Type: application/json"},
	})
}

// TestTry has try lists.
func TestTry(t *testing.T) {
	s := newSites(t, `
[[site]]
hosts = ["clean"]
root = "/clean"
try = ["{path}", "{path}.html", "{path}/"]
[[site]]
hosts = ["app"]
root = "/app"
try = ["{path}", "/index.html"]
[[site.route]]
path = "/assets/"
try = ["{path}"]
[[site.route]]
path = "/private/"
auth = "/users"
[[site.route]]
path = "/to-private/"
try = ["{path}", "/private/page"]
[[site]]
hosts = ["npm"]
root = "/npm"
index = ["index.json"]
try = ["{path}", "{path}/index.json"]
[[site]]
hosts = ["html"]
root = "/html"
list = true
try = ["{path}.html", "{path}", "/last/"]
`)
	s.add(t, "clean/ static", "about.html", "both", "both.html", "dir/index.html", "index.html")
	s.AddClass(s.mounts["clean/ static"], "dir", kernel.Directory)
	s.AddClass(s.mounts["clean/ static"], "empty", kernel.Directory)
	s.add(t, "app/ static", "index.html", "assets/a.js", "private/page")
	s.add(t, "npm/ static", "left-pad/index.json", "left-pad/a.tgz")
	s.add(t, "html/ static", "page", "page.html", "last/index.html")
	s.do(t, []siteExchange{
		{host: "clean", path: "/about", want: "200 about.html"},
		{host: "clean", path: "/about.html", want: "200 about.html"},
		{host: "clean", path: "/about/", want: "404 404 Not Found"},
		{host: "clean", path: "/both", want: "200 both"},
		{host: "clean", path: "/dir", want: "200 dir/index.html"},
		{host: "clean", path: "/dir/", want: "200 dir/index.html"},
		{host: "clean", path: "/", want: "200 index.html"},
		{host: "clean", path: "/empty", want: "301 empty/"},
		{host: "clean", path: "/empty/", want: "404 404 Not Found"},
		{host: "app", path: "/some/route", want: "200 index.html"},
		{host: "app", path: "/some/route/", want: "200 index.html"},
		{host: "app", path: "/assets/a.js", want: "200 assets/a.js"},
		{host: "app", path: "/assets/b.js", want: "404 404 Not Found"},
		{host: "app", path: "/to-private/x", want: "401 401 Unauthorized"},
		{host: "app", path: "/to-private/x", fields: []string{password}, want: "200 private/page"},
		{host: "npm", path: "/left-pad", want: "200 left-pad/index.json"},
		{host: "npm", path: "/left-pad/", want: "200 left-pad/index.json"},
		{host: "npm", path: "/left-pad/a.tgz", want: "200 left-pad/a.tgz"},
		{host: "html", path: "/page", want: "200 page.html"},
		{host: "html", path: "/none", want: "200 last/index.html"},
	})
	s.Asked = nil
	s.do(t, []siteExchange{{host: "clean", path: "/dir", want: "200 dir/index.html"}})
	if got := strings.Join(s.Asked, " "); got != "dir dir.html dir/index.html" {
		t.Errorf("looked up: %s", got)
	}
}

// TestAccess has passwords and networks of routes, which what is below inherits.
func TestAccess(t *testing.T) {
	s := newSites(t, `
[[site]]
default = true
root = "/d"
list = true
index = ["index.html", "in/index.txt"]
[[site.route]]
path = "/private/"
auth = "/users"
realm = 'the "staff"'
[[site.route]]
path = "/private/other/"
root = "/other"
[[site.route]]
path = "/private/press/"
auth = "off"
[[site.route]]
path = "/in/"
allow = ["10.0.0.0/8", "2001:db8::/32"]
deny = ["10.66.0.0/16"]
[[site.route]]
path = "/in/public/"
allow = ["all"]
`)
	s.add(t, "default/ static", "private/f", "private/press/f", "in/f", "in/index.txt", "in/public/f")
	s.add(t, "default/private/other/ static", "f")
	staff := `WWW-Authenticate: Basic realm="the \"staff\"", charset="UTF-8"`
	s.do(t, []siteExchange{
		{host: "x", path: "/private/f", want: "401 401 Unauthorized", header: staff},
		{host: "x", path: "/private", want: "401 401 Unauthorized"},
		{host: "x", path: "/private/other/f", want: "401 401 Unauthorized", header: staff},
		{host: "x", path: "/private/other/f", fields: []string{password}, want: "200 f"},
		{host: "x", path: "/private/f", fields: []string{password}, want: "200 private/f"},
		{host: "x", path: "/private/press/f", want: "200 private/press/f"},
		{host: "x", path: "/private/other", fields: []string{password}, want: "301 other/"},
		{method: "OPTIONS", host: "x", path: "/private/nothing", want: "204"},
		{host: "x", path: "/", want: "403 403 Forbidden"}, // the index is in /in/
	})
	for address, want := range map[string]string{
		"10.1.2.3": "200 in/f", "::ffff:10.1.2.3": "200 in/f", "2001:db8::7": "200 in/f", "10.66.0.1": "403 403 Forbidden", "192.0.2.1": "403 403 Forbidden", "": "403 403 Forbidden",
	} {
		s.Client = netip.Addr{}
		if address != "" {
			s.Client = netip.MustParseAddr(address)
		}
		s.do(t, []siteExchange{{host: "x", path: "/in/f", want: want}})
	}
	s.Client = netip.MustParseAddr("192.0.2.1")
	s.do(t, []siteExchange{{host: "x", path: "/in/public/f", want: "200 in/public/f"}})
	s.Client = netip.MustParseAddr("10.66.0.1")
	s.do(t, []siteExchange{{host: "x", path: "/in/public/f", want: "403 403 Forbidden"}, {method: "OPTIONS", host: "x", path: "/in/f", want: "403 403 Forbidden"}})
	s.Client = netip.MustParseAddr("10.0.0.1")
	s.do(t, []siteExchange{{host: "x", path: "/", want: "200 in/index.txt"}})
}
