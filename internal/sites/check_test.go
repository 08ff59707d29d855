package sites

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aws/internal/response"
)

// networksOf returns networks of a setting.
func networksOf(texts ...string) *Setting[[]netip.Prefix] {
	parsed, bad := ParseNetworks(texts)
	if bad != "" {
		panic(bad)
	}
	return Set(parsed, at(2))
}

// TestProblems sees what is refused, and what is warned of.
func TestProblems(t *testing.T) {
	from := at(2)
	of := func(p Properties) Site { // a site with other properties
		if p.Root == nil && p.Respond == nil {
			p.Root = www.Root
		}
		return Site{Name: "s", Default: true, Properties: p, From: from}
	}
	routes := func(r ...Route) Site { s := of(www); s.Routes = r; return s }
	redirects := func(r ...Redirect) Site {
		s := of(www)
		s.Redirects = r
		for i := range r {
			r[i].From = from
		}
		return s
	}
	secure := func(t TLS) Site { s := of(www); s.TLS = t; return s }
	one := []File{{"/cert", from}}
	text := func(s string) *Setting[string] { return Set(s, from) }
	some := Properties{Charset: Set("a", from)}
	header := func(c HeaderChange, name, value string) Site {
		return of(Properties{Headers: []Header{{c, name, value, from}}})
	}
	two := func(a, b Header) Site { return of(Properties{Headers: []Header{a, b}}) }
	for _, c := range []struct {
		site Site
		want string // "" for none; a warning begins with "warning: "
	}{
		{of(www), ""},
		{Site{From: from}, "the site has no hosts"},
		{Site{Hosts: hosts("a", "A."), Properties: www}, "the host A. is named a second time (first at site.toml:1)"},
		{Site{Hosts: hosts("a:1"), Properties: www}, `write "a"`},
		{Site{Hosts: hosts("a")}, "warning: nothing is served at /"},
		{Site{Hosts: hosts("a"), Redirects: []Redirect{{Path: "/*", To: "https://example.org/*"}}}, ""},
		{of(Properties{Root: Set(Root{}, from)}), "root is empty"},
		{of(Properties{Root: www.Root, Respond: Set(Respond{Status: 404}, from)}), "has root and respond"},
		{of(Properties{Respond: Set(Respond{Status: 404}, from), Try: Set([]string{"{path}"}, from)}), "warning: try does nothing"},
		// TLS.
		{secure(TLS{Certificates: one, Keys: one, OCSP: one, Policy: text("modern"), RedirectHTTP: Set(true, from), HSTS: text("max-age=1; preload")}), ""},
		{secure(TLS{Keys: one}), "key names 1 files, and certificate names 0"},
		{secure(TLS{Certificates: one, Keys: append(one, one...)}), "key names 2 files, and certificate names 1"},
		{secure(TLS{Certificates: one, OCSP: append(one, one...)}), "ocsp names 2 files"},
		{secure(TLS{Certificates: one, ClientCertificates: text("required")}), "add client-ca = "},
		{secure(TLS{Certificates: one, ClientRoots: text("/ca")}), "warning: client-ca does nothing"},
		{secure(TLS{Certificates: one, ClientRoots: text("/ca"), ClientCertificates: text("optional")}), ""},
		{secure(TLS{Certificates: one, HSTS: text("31536000")}), "hsts needs max-age"},
		{secure(TLS{Certificates: one, HSTS: text("max-age=x")}), "hsts needs max-age"},
		{secure(TLS{HSTS: text("max-age=1")}), "hsts is for https"},
		{secure(TLS{RedirectHTTP: Set(true, from)}), "redirect-to-https is for https"},
		{secure(TLS{Policy: text("modern")}), "tls-policy is for https"},
		{secure(TLS{Certificates: []File{{Name: ACME, From: from}, one[0]}}), "is for all hosts of the site"},
		{secure(TLS{Certificates: []File{one[0], {Name: ACME, From: from}}}), "is for all hosts of the site"},
		{secure(TLS{Certificates: []File{{Name: ACME, From: from}}, Keys: one}), "goes without key and ocsp"},
		{Site{From: from, Default: true, TLS: TLS{Certificates: []File{{Name: ACME, From: from}}}, Properties: some}, "needs to know the names"},
		{Site{From: from, Hosts: []Host{{"*.a.example", from}}, TLS: TLS{Certificates: []File{{Name: ACME, From: from}}}, Properties: some}, "needs the challenge dns-01"},
		{Site{From: from, Hosts: []Host{{"[::1]", from}}, TLS: TLS{Certificates: []File{{Name: ACME, From: from}}}, Properties: some}, "is an address"},
		// Routes.
		{routes(Route{Properties: some}), "neither path nor match"},
		{routes(Route{Path: "a", Properties: some}), `write "/a"`},
		{routes(Route{Path: "/a//b", Properties: some}), `write "/a/b"`},
		{routes(Route{Path: "/a/../b/", Properties: some}), `write "/b/"`},
		{routes(Route{Path: "/./", Properties: some}), `write "/"`},
		{routes(Route{Path: "/a\x00", Properties: some}), "normalised"},
		{routes(Route{Path: "/a%20b", Properties: some}), `warning: path "/a%20b" has a percent escape, and paths are decoded first; write "/a b"`},
		{routes(Route{Path: "/100%", Properties: some}), ""},
		{routes(Route{Path: "/a/", Properties: some}, Route{Path: "/a", Properties: some, From: from}), "the route /a is there a second time"},
		{routes(Route{Path: "/a", Match: "*.b", Properties: some}, Route{Path: "/a/", Match: "*.b", Properties: some}), "is there a second time"},
		{routes(Route{Path: "/a", Match: "*.b", Properties: some}, Route{Match: "*.b", Properties: some}), `warning: the route with match "*.b" is hidden below /a/ by the route with match "*.b"`},
		{routes(Route{Path: "/", Properties: some}), "warning: the route \"/\" is the whole site"},
		{routes(Route{Path: "/a", From: from}), "warning: the route /a sets nothing"},
		{routes(Route{Match: "[a", Properties: some}), "is not a pattern"},
		{routes(Route{Match: "a/*", Properties: some}), `write "/a/*"`},
		{routes(Route{Match: "/a//*", Properties: some}), `write "/a/*"`},
		{routes(Route{Match: "/a/", Properties: some}), "a pattern is for files"},
		{routes(Route{Path: "/a", Match: "/b/*", Properties: some}), "matches nothing below /a/"},
		{routes(Route{Path: "/a", Match: "/*/b", Properties: some}), ""},
		{routes(Route{Match: "*.a", Properties: www}), "can't have a root"},
		{routes(Route{Match: "*.a", Properties: Properties{Auth: Set(Auth{"users"}, from)}}), "can't have auth"},
		{routes(Route{Match: "*.a", Properties: Properties{Allow: networksOf("all")}}), "can't have allow"},
		{routes(Route{Match: "*.a", Properties: Properties{Deny: networksOf("all")}}), "can't have deny"},
		{routes(Route{Path: "/.git", Properties: Properties{Root: Set(Root{Directory: "/x"}, from)}}), "warning: nothing is served at /.git/"},
		{routes(Route{Path: "/a/.b/", Properties: some}), "warning: nothing is served at /a/.b/, because an element begins with a dot"},
		{routes(Route{Match: ".*", Properties: some}), `warning: the route with match ".*" matches nothing, because names that begin with a dot are not served`},
		{routes(Route{Match: "/a/.b*", Properties: some}), `warning: the route with match "/a/.b*" matches nothing`},
		{routes(Route{Match: "/.well-known/*", Properties: some}), ""},
		{routes(Route{Match: ".*", Properties: Properties{DotFiles: Set(true, from)}}), ""},
		{routes(Route{Path: "/.well-known", Properties: Properties{Root: Set(Root{Directory: "/x"}, from)}}), ""},
		// Redirects.
		{redirects(Redirect{Path: "/a", To: "/b"}), ""},
		{redirects(Redirect{Path: "a", To: "/b"}), `write "/a"`},
		{redirects(Redirect{Path: "/a/*/b", To: "/b"}), "an asterisk stands for all that is below a path"},
		{redirects(Redirect{Path: "/a*", To: "/b"}), "an asterisk stands for all that is below a path"},
		{redirects(Redirect{Path: "/a/../b", To: "/c"}), `write "/b"`},
		{redirects(Redirect{Path: "/a", To: "/b"}, Redirect{Path: "/a", To: "/c"}), "is there a second time"},
		{redirects(Redirect{Path: "/a", To: "/b", Status: 303}), "status = 303 does not redirect"},
		{redirects(Redirect{Path: "/a", To: "/b/*"}), `from "/a" has none; write from = "/a/*"`},
		{redirects(Redirect{Path: "/a/*", To: "https://example.org*"}), "after a slash at the end"},
		{redirects(Redirect{Path: "/a/*", To: "/b?x=*"}), "after a slash at the end"},
		{redirects(Redirect{Path: "/a", To: ""}), "neither a path nor a URL"},
		{redirects(Redirect{Path: "/a", To: "//example.org/"}), `write "/example.org/"`},
		{redirects(Redirect{Path: "/a", To: "b"}), `write "/b"`},
		{redirects(Redirect{Path: "/a", To: "/b\r\nX: y"}), "neither a path nor a URL"},
		{redirects(Redirect{Path: "/a", To: "ftp://example.org/"}), "expected a URL with http or https"},
		{redirects(Redirect{Path: "/a", To: "/a"}), "warning: the redirect from /a to /a is a loop"},
		{redirects(Redirect{Path: "/a/*", To: "/a/b/*"}), "warning: the redirect from /a/* to /a/b/* is a loop"},
		{redirects(Redirect{Path: "/a", To: "/b"}, Redirect{Path: "/b", To: "/a/"}), ""},
		{redirects(Redirect{Path: "/a/*", To: "/b/*"}, Redirect{Path: "/b/*", To: "/a/*"}), "is a loop"},
		{redirects(Redirect{Path: "/*", To: "https://example.org/*"}), "is a loop"}, // the default site
		{redirects(Redirect{Path: "/a/*", To: "/b/*"}, Redirect{Path: "/a/c/*", To: "/b/c/*"}), "warning: the redirect from /a/c/* does the same as the one from /a/*"},
		// Values.
		{of(Properties{Index: Set([]string{"/a"}, from)}), "index"},
		{of(Properties{Index: Set([]string{"a", "a"}, from)}), `warning: index: "a" is there twice`},
		{of(Properties{Index: Set([]string{}, from)}), ""},
		{of(Properties{Try: Set([]string{}, from)}), "try is empty"},
		{of(Properties{Try: Set([]string{"{path}", "{path}.html", "{path}/", "/index.html"}, from)}), ""},
		{of(Properties{Try: Set([]string{"{file}"}, from)}), "another variable"},
		{of(Properties{Try: Set([]string{"index.html"}, from)}), `write "/index.html"`},
		{of(Properties{Try: Set([]string{"/a/../b"}, from)}), `write "/b"`},
		{of(Properties{Try: Set([]string{"{path}/../b"}, from)}), "no file has the name"},
		{of(Properties{Try: Set([]string{"/a", "{path}"}, from)}), `warning: try: "/a" precedes {path}`},
		{of(Properties{Try: Set([]string{"{path}", "/.x"}, from)}), `warning: try: "/.x" leads to no file: names that begin with a dot`},
		{of(Properties{Respond: Set(Respond{Status: 301}, from)}), "write a [[site.redirect]]"},
		{of(Properties{Respond: Set(Respond{Status: 401}, from)}), "can't be sent without more"},
		{of(Properties{Respond: Set(Respond{Status: 418}, from)}), "no reason phrase for the status 418"},
		{of(Properties{Respond: Set(Respond{Status: 451}, from)}), ""},
		{of(Properties{Respond: Set(Respond{Status: 204, Body: "x"}, from)}), "has no body"},
		{of(Properties{Respond: Set(Respond{Status: 200, Type: "x"}, from)}), "is not a media type"},
		{of(Properties{ErrorPages: []ErrorPage{{Status: 200, File: "a", From: from}}}), "the status 200 has no error page"},
		{of(Properties{ErrorPages: []ErrorPage{{Status: 404, From: from}}}), "the page of 404 is empty"},
		{of(Properties{Types: []MediaType{{"md", "x", from}}}), "is not a media type"},
		{of(Properties{Types: []MediaType{{".md", "text/x", from}}}), `write "md"`},
		{of(Properties{Types: []MediaType{{"a/*", "text/x", from}}}), `write "/a/*"`},
		{of(Properties{Charset: Set("a\nb", from)}), "charset"},
		{of(Properties{CacheControl: Set("a\nb", from)}), "cache-control"},
		{of(Properties{Realm: Set("a\nb", from)}), "realm"},
		{of(Properties{Realm: Set("a", from)}), "warning: realm does nothing without auth"},
		{of(Properties{Archive: Set([]string{"zip"}, from)}), "warning: archive does nothing without list = true"},
		{of(Properties{Archive: Set([]string{"rar"}, from)}), `archive: "rar" is not a format; write tar.gz or zip`},
		{of(Properties{CORS: Set(CORS{Origins: []string{"*"}, Credentials: true}, from)}), "browsers refuse credentials"},
		{of(Properties{CORS: Set(CORS{Origins: []string{"*", "https://a.b"}}, from)}), "permits all origins"},
		{of(Properties{CORS: Set(CORS{Origins: []string{"https://a.b/"}}, from)}), "is not an origin"},
		{of(Properties{CORS: Set(CORS{Origins: []string{"https://A.b"}}, from)}), "is not an origin"},
		{of(Properties{CORS: Set(CORS{Origins: []string{"https://a.b:8443"}, Methods: []string{"GET"}, MaxAge: time.Hour}, from)}), ""},
		{of(Properties{CORS: Set(CORS{Origins: []string{"https://a.b"}, Methods: []string{"PUT"}}, from)}), `the method "PUT" is not supported`},
		{of(Properties{CORS: Set(CORS{Credentials: true}, from)}), "permits nothing"},
		{of(Properties{Allow: Set([]netip.Prefix{}, from)}), "allow is empty"},
		{of(Properties{Allow: networksOf("10.0.0.0/8", "10.1.0.0/16")}), "warning: allow: 10.1.0.0/16 is part of 10.0.0.0/8"},
		{of(Properties{Allow: networksOf("10.1.0.0/16"), Deny: networksOf("10.0.0.0/8")}), "warning: allow: 10.1.0.0/16 is denied, too (10.0.0.0/8"},
		{of(Properties{Allow: networksOf("10.0.0.0/8"), Deny: networksOf("10.1.0.0/16")}), ""},
		// Header fields.
		{header(HeaderSet, "X-A", "b"), ""},
		{header(HeaderSet, "Content-Length", "5"), "Content-Length can't be changed"},
		{header(HeaderAdd, "transfer-encoding", "chunked"), "can't be changed"},
		{header(HeaderRemove, "Connection", ""), "can't be changed"},
		{header(HeaderSet, "Keep-Alive", "x"), "can't be changed"},
		{header(HeaderRemove, "Date", ""), "can't be changed"},
		{header(HeaderSet, "ETag", "x"), "can't be changed"},
		{header(HeaderSet, "Cache-Control", "x"), "cache-control sets it"},
		{header(HeaderSet, "Content-Type", "x"), "media-types and charset set it"},
		{header(HeaderSet, "Access-Control-Allow-Origin", "*"), "cors sets it"},
		{header(HeaderRemove, "Vary", ""), "caches would mix up"},
		{header(HeaderAdd, "Vary", "Cookie"), ""},
		{header(HeaderAdd, "server", "x"), `a response has one field server; write headers.set = { server = "x" }`},
		{header(HeaderAdd, "X-Content-Type-Options", "nosniff"), "a response has one field"},
		{header(HeaderSet, "X-Content-Type-Options", "x"), ""},
		{header(HeaderAdd, "Content-Security-Policy", "default-src 'self'"), ""},
		{header(HeaderSet, "X A", "b"), "is not a header field"},
		{header(HeaderSet, "X-A", "b\r\nY: z"), "is not a header field"},
		{two(Header{HeaderAdd, "Link", "a", from}, Header{HeaderAdd, "link", "b", from}), ""},
		{two(Header{HeaderAdd, "Link", "a", from}, Header{HeaderSet, "link", "b", from}), "is in headers.add"},
		{two(Header{HeaderRemove, "Server", "", from}, Header{HeaderSet, "Server", "b", from}), "is in headers.remove"},
	} {
		table, problems := NewTable(Defaults{}, []Site{c.site})
		refused := c.want != "" && !strings.HasPrefix(c.want, "warning: ") && c.want != "is a loop"
		if (table == nil) != refused {
			t.Errorf("%+v: refused: %v, want %q: %v", c.site, table == nil, c.want, problems)
		}
		want, found := strings.TrimPrefix(c.want, "warning: "), c.want == "" && len(problems) == 0
		for _, p := range problems {
			found = found || c.want != "" && strings.Contains(p.Text, want) && p.Warning == (table != nil)
		}
		if !found {
			t.Errorf("%+v: %v, want %q", c.site, problems, c.want)
		}
	}
}

// TestProblemsOfSeveralSites sees what only shows beside other sites.
func TestProblemsOfSeveralSites(t *testing.T) {
	for _, c := range []struct {
		sites []Site
		want  string
	}{
		{[]Site{{Hosts: hosts("a"), Properties: www}, {Hosts: hosts("b", "A"), Properties: www}}, "the host A is named a second time"},
		{[]Site{{Default: true, Properties: www}, {Hosts: hosts("b"), Default: true, Properties: www}}, "there is a default site already"},
		{[]Site{
			{Hosts: hosts("a"), Redirects: []Redirect{{Path: "/*", To: "https://b/*"}}},
			{Hosts: hosts("b"), Redirects: []Redirect{{Path: "/*", To: "https://a/*"}}},
		}, "is a loop"},
		{[]Site{{Hosts: hosts("www.a"), Redirects: []Redirect{{Path: "/*", To: "https://a/*"}}}, {Hosts: hosts("a"), Properties: www}}, ""},
		{
			[]Site{{Hosts: hosts("a"), Properties: www, Redirects: []Redirect{{Path: "/old/*", To: "/new/*"}}, Routes: []Route{{Path: "/old/x", Properties: marked("x", 1)}}}},
			"the route /old/x/ is hidden by the redirect from /old/*",
		},
		{
			[]Site{{Hosts: hosts("a"), Properties: www, Redirects: []Redirect{{Path: "/old/*", To: "/new/*"}}, Routes: []Route{{Path: "/old/x", Match: "*.a", Properties: marked("x", 1), From: at(7)}}}},
			"site.toml:7:1: the route /old/x/ *.a is hidden by the redirect from /old/*",
		},
		{[]Site{{Hosts: hosts("a"), Properties: www, Routes: []Route{
			{Path: "/x", Properties: Properties{Try: Set([]string{"{path}", "/gone/a"}, at(1))}},
			{Path: "/gone", Properties: Properties{Respond: Set(Respond{Status: 410}, at(3))}},
		}}}, `try: "/gone/a" leads to no file: its route has respond (site.toml:3)`},
	} {
		_, problems := NewTable(Defaults{}, c.sites)
		found := c.want == "" && len(problems) == 0
		for _, p := range problems {
			found = found || c.want != "" && strings.Contains(p.String(), c.want)
		}
		if !found {
			t.Errorf("%v, want %q", problems, c.want)
		}
	}
}

// TestTLSDefaults sees sites inherit the keys for https, and what is refused of them.
func TestTLSDefaults(t *testing.T) {
	text := func(value string, line int) *Setting[string] { return Set(value, at(line)) }
	files := func(name string, line int) []File { return []File{{name, at(line)}} }
	shared := TLS{Certificates: files("/shared.pem", 1), Keys: files("/shared.key", 2), HSTS: text("max-age=1", 3), RedirectHTTP: Set(true, at(4)), Policy: text("modern", 5)}
	demanding := TLS{ClientCertificates: text("required", 6), ClientRoots: text("/ca", 7)}
	issued := TLS{Certificates: files(ACME, 8)}
	site := func(tls TLS) []Site { return []Site{{Hosts: hosts("a", "b"), Properties: www, From: at(9), TLS: tls}} }
	for _, c := range []struct {
		defaults TLS
		sites    []Site
		want     string // the keys for https of the first site, each with its line; or a problem
	}{
		{TLS{}, site(TLS{}), ""},
		{shared, site(TLS{}), "certificate:1 key:2 tls-policy:5 redirect-to-https:4 hsts:3"},
		{shared, site(TLS{Certificates: files("/own.pem", 10)}), "certificate:10 tls-policy:5 redirect-to-https:4 hsts:3"},
		{shared, site(TLS{HSTS: text("", 10), RedirectHTTP: Set(false, at(11)), Policy: text("intermediate", 12)}), "certificate:1 key:2 tls-policy:12 redirect-to-https:11 hsts:10"},
		{shared, append(site(TLS{Certificates: []File{}}), Site{Default: true, Properties: www}), ""},
		{TLS{HSTS: shared.HSTS}, append(site(TLS{}), Site{Default: true, Properties: www, TLS: TLS{Certificates: files("/c", 1)}}), ""},
		{demanding, site(TLS{Certificates: files("/own.pem", 10)}), "certificate:10 client-certificates:6 client-ca:7"},
		{demanding, site(TLS{Certificates: files("/own.pem", 10), ClientCertificates: text("off", 11)}), "warning: site.toml:7:1: client-ca does nothing"},
		{demanding, append(site(TLS{}), Site{Default: true, Properties: www, TLS: shared}), "site.toml:9:1: the site has no certificate, so its clients can't be asked for theirs, as [defaults] demands it (site.toml:6)"},
		{demanding, append(site(TLS{ClientCertificates: text("off", 11)}), Site{Default: true, Properties: www, TLS: TLS{Certificates: files("/c", 1)}}), "client-certificates:11"},
		{issued, site(TLS{}), "certificate:8"},
		{issued, []Site{{Default: true, Properties: www, From: at(9)}}, `site.toml:9:1: certificate = "acme" needs to know the names`},
		{issued, append(site(TLS{}), Site{Default: true, Properties: www, TLS: TLS{Certificates: []File{}}}), "certificate:8"},
		{TLS{HSTS: text("1", 3)}, append(site(shared), Site{Default: true, Properties: www, TLS: shared}), "site.toml:3:1: hsts needs max-age"},
		{TLS{HSTS: text("max-age=1", 3)}, site(TLS{}), "warning: site.toml:3:1: hsts is for https, and no site has a certificate"},
		{TLS{Keys: files("/k", 2)}, site(TLS{}), "site.toml:2:1: key names 1 files, and certificate names 0"},
		{shared, site(TLS{Keys: files("/k", 10)}), "site.toml:10:1: key names 1 files, and certificate names 0"},
		{TLS{Certificates: files(ACME, 1), Keys: files("/k", 2)}, site(TLS{}), "goes without key and ocsp"},
		{TLS{ClientCertificates: text("optional", 6)}, append(site(issued), Site{Hosts: hosts("c"), Properties: www, TLS: issued}), "site.toml:6:1: client-certificates = \"optional\" needs the CA certificates"},
	} {
		table, problems := NewTable(Defaults{TLS: c.defaults}, c.sites)
		var got []string
		for _, p := range problems {
			text := p.String()
			if p.Warning {
				text = "warning: " + text
			}
			got = append(got, text)
		}
		if len(problems) == 0 {
			for _, p := range table.Sites()[0].TLS.All() {
				got = append(got, fmt.Sprintf("%s:%d", p.Key, p.From.Line))
			}
			if list := strings.Join(got, " "); list != c.want {
				t.Errorf("%+v: %q, want %q", c.sites[0].TLS, list, c.want)
			}
			continue
		}
		if len(got) != 1 || c.want == "" || !strings.HasPrefix(got[0], c.want) && !strings.Contains(got[0], c.want) {
			t.Errorf("%+v: %q, want %q", c.sites[0].TLS, got, c.want)
		}
	}
}

// TestInheritance sees each property come from the nearest route that sets it, and lists of names merged.
func TestInheritance(t *testing.T) {
	users, pages := Set(Auth{"users"}, at(1)), []ErrorPage{{404, "a", at(1)}, {500, "b", at(1)}}
	s := Site{
		Default: true, From: at(1),
		Properties: Properties{
			Root: www.Root, Auth: users, ErrorPages: pages, Types: []MediaType{{"md", "text/markdown", at(1)}, {"*.x", "text/x", at(1)}},
			Headers: []Header{{HeaderSet, "B", "1", at(1)}, {HeaderSet, "A", "1", at(1)}, {HeaderAdd, "L", "1", at(1)}, {HeaderAdd, "L", "2", at(1)}},
		},
		Routes: []Route{
			{Path: "/gone", Properties: Properties{Respond: Set(Respond{Status: 410}, at(2))}},
			{Path: "/gone/back", Properties: Properties{Root: Set(Root{Directory: "/back"}, at(3))}},
			{Path: "/a/b", From: at(4), Properties: Properties{
				Headers: []Header{{HeaderRemove, "a", "", at(4)}, {HeaderSet, "l", "3", at(4)}}, ErrorPages: []ErrorPage{{404, "c", at(4)}},
				Types: []MediaType{{"y", "text/y", at(4)}, {"*.x", "text/z", at(4)}},
			}},
			{Path: "/a", Properties: Properties{Auth: Set(Auth{}, at(5)), Charset: Set("x", at(5))}},
		},
	}
	table := newTable(t, s)
	get := func(path string) *Properties { return &table.sites[0].Route([]byte(path)).Properties }
	if p := get("/gone/x"); p.Respond == nil || p.Auth != users || p.Root.Value.Base != "/" {
		t.Errorf("%v", p.All())
	}
	if p := get("/gone/back/x"); p.Respond != nil || p.Auth != users || p.Root.Value != (Root{"/back", "/gone/back/"}) {
		t.Errorf("%v", p.All())
	}
	p := get("/a/b/c")
	want := "[{root /srv/www site.toml:1} {error-pages.404 c site.toml:4} {error-pages.500 b site.toml:1} {media-types.*.x text/z site.toml:4} " +
		"{media-types.y text/y site.toml:4} {media-types.md text/markdown site.toml:1} {charset \"x\" site.toml:5} {headers.remove a site.toml:4} {headers.set B: 1 site.toml:1} " +
		"{headers.set l: 3 site.toml:4} {auth off site.toml:5}]"
	if got := describe(p); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for file, want := range map[string]string{"/a/b/x.y": "text/y", "/a/b/x.Y": "text/y", "/a/b/q.x": "text/z", "/a/b/q.md": "text/markdown", "/a/b/md": "", "/a/b/q": ""} {
		if got, ok := p.MediaType(file); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

// TestOrder compiles the same sites in other orders, and gets the same table.
func TestOrder(t *testing.T) {
	site := routeSite()
	for i := range site.Routes {
		site.Routes[i].Properties.Headers = []Header{{HeaderSet, "X-" + string(rune('A'+i%7)), "1", at(i)}}
	}
	site.Redirects = []Redirect{{Path: "/old/*", To: "/new/*"}, {Path: "/old/a/*", To: "/a/*"}, {Path: "/old/a", To: "/b"}}
	site.Hosts, site.Default = hosts("a.org", "*.a.org", "*.b.a.org"), false
	paths := []string{"/", "/a", "/a/b/c.css", "/docs/a/index.html", "/docs/api/x.min.css", "/x/a.iso", "/old/a", "/old/a/b", "/old/c"}
	dump := func(table *Table) (text string) {
		for _, host := range []string{"a.org", "b.a.org", "c.b.a.org"} {
			for _, p := range paths {
				e, err := table.Explain(host, p)
				if err != nil {
					t.Fatal(err)
				}
				text += e.String()
			}
		}
		return text
	}
	want := dump(newTable(t, site))
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		shuffle(&site, r)
		if got := dump(newTable(t, site)); got != want {
			t.Fatalf("%s\nwant\n%s", got, want)
		}
	}
}

func TestAdmits(t *testing.T) {
	p := Properties{Allow: networksOf("10.0.0.0/8", "2001:db8::/32", "192.0.2.1"), Deny: networksOf("10.1.0.0/16")}
	for address, want := range map[string]bool{
		"10.0.0.1": true, "10.1.0.1": false, "::ffff:10.0.0.1": true, "::ffff:10.1.2.3": false, "2001:db8::1": true, "2001:db9::1": false, "192.0.2.1": true, "192.0.2.2": false,
	} {
		if got := p.Admits(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if p.Admits(netip.Addr{}) || !(&Properties{}).Admits(netip.Addr{}) || !(&Properties{Allow: networksOf("all")}).Admits(netip.MustParseAddr("::1")) {
		t.Error("a client without an address, or all")
	}
}

func TestPermits(t *testing.T) {
	listed, all := CORS{Origins: []string{"https://a.b"}}, CORS{Origins: []string{"*"}}
	if !listed.Permits([]byte("https://a.b")) || listed.Permits([]byte("https://a.b.c")) || listed.Permits(nil) || !all.Permits([]byte("null")) {
		t.Error("origins")
	}
}

func TestExplainMistakes(t *testing.T) {
	table := newTable(t, Site{Hosts: hosts("a"), Properties: www})
	if _, err := table.Explain("a", "/../x"); err == nil {
		t.Error("no error")
	}
	if e, err := table.Explain("b", "/"); err != nil || !strings.Contains(e.String(), "421") {
		t.Errorf("%v, %v", e, err)
	}
	if _, ok := ParseStatus("404"); !ok {
		t.Error("404")
	}
	if s, ok := ParseStatus("600"); ok || s != response.Status(600) {
		t.Error("600")
	}
}
