package sites

import (
	"fmt"
	"strings"
	"testing"
)

// at returns an origin with a line.
func at(line int) Origin { return Origin{Source: "site.toml", Line: line, Column: 1} }

// hosts returns hosts with an origin.
func hosts(names ...string) (h []Host) {
	for _, n := range names {
		h = append(h, Host{n, at(1)})
	}
	return h
}

// www is a root, so that there is something to serve.
var www = Properties{Root: Set(Root{Directory: "/srv/www"}, at(1))}

// newTable compiles sites that have no problem but warnings.
func newTable(tb testing.TB, sites ...Site) *Table {
	tb.Helper()
	t, problems := NewTable(Defaults{}, sites)
	if t == nil {
		tb.Fatal(problems)
	}
	return t
}

// siteName returns the name of a site, or "421".
func siteName(s *CompiledSite) string {
	if s == nil {
		return "421"
	}
	return s.Name
}

var hostSites = []Site{
	{Name: "exact", Hosts: hosts("example.org", "WWW.Example.org.", "192.0.2.1", "[2001:DB8::1]", "bücher.example", "a_b.example", "x.deep.example.net"), Properties: www},
	{Name: "net", Hosts: hosts("*.example.net"), Properties: www},
	{Name: "deep", Hosts: hosts("*.deep.example.net"), Properties: www},
	{Name: "apex", Hosts: hosts("example.net"), Properties: www},
	{Name: "org", Hosts: hosts("*.org"), Properties: www},
}

func TestHosts(t *testing.T) {
	long := strings.Repeat("a.", 130)
	cases := map[string]string{
		// Exact names.
		"example.org": "exact", "EXAMPLE.ORG": "exact", "eXample.oRg": "exact", "example.org.": "exact", "example.org:80": "exact",
		"example.org:": "exact", "example.org.:8080": "exact", "Example.Org.:443": "exact", "www.example.org": "exact", "WWW.example.org:8080": "exact",
		"www.example.org.": "exact", "a_b.example": "exact", "A_B.EXAMPLE:1": "exact",
		// Wildcards, the longest suffix first.
		"a.example.net": "net", "A.EXAMPLE.NET": "net", "a.example.net.": "net", "a.example.net:81": "net", "a.b.example.net": "net",
		"a.b.c.example.net": "net", "deep.example.net": "net", "a.deep.example.net": "deep", "a.b.deep.example.net": "deep",
		"x.deep.example.net": "exact", "X.Deep.Example.Net.:9": "exact", "y.x.deep.example.net": "deep", "xdeep.example.net": "net",
		"example.net": "apex", "EXAMPLE.NET.": "apex", "other.org": "org", "a.example.org": "org", "www.www.example.org": "org", "org": "421",
		"xexample.net": "421", ".example.net": "421", "-.example.net": "net", "a..example.net": "net",
		// Addresses.
		"192.0.2.1": "exact", "192.0.2.1:8080": "exact", "192.0.2.1.": "exact", "192.0.2.2": "421", "[2001:db8::1]": "exact",
		"[2001:DB8::1]": "exact", "[2001:db8::1]:443": "exact", "[2001:db8:0:0:0:0:0:1]": "exact", "[2001:0db8::0001]:1": "exact",
		"[2001:db8::2]": "421", "[2001:db8::1": "421", "2001:db8::1": "421", "[]": "421", "[": "421", "]": "421", "[::]": "421",
		"[::ffff:192.0.2.1]": "421",
		// Internationalised names, which are A-labels in a request.
		"xn--bcher-kva.example": "exact", "XN--BCHER-KVA.example:80": "exact", "xn--bcher-kva.example.": "exact", "bücher.example": "421",
		"bucher.example": "421",
		// Everything else.
		"": "421", ":": "421", ":80": "421", ".": "421", "..": "421", "...": "421", ".:80": "421", "example.com": "421", "localhost": "421",
		"example.org..": "421", "example.org/": "421", "example.org?": "421", "%65xample.org": "org", " example.org": "org",
		"example.org ": "421", "example.org,example.org": "org", "user@example.org": "org", "*.example.net": "net", "*": "421", "exampleXorg": "421",
		"example": "421", "example.orgx": "421", long + "example.net": "421", long: "421", "\x00": "421", "\xff.org": "org",
	}
	table := newTable(t, hostSites...)
	for host, want := range cases {
		if got := siteName(table.Site([]byte(host))); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
		if got := naiveSite(hostSites, host); got != want {
			t.Errorf("%q: the oracle says %s, want %s", host, got, want)
		}
	}
	withDefault := newTable(t, append([]Site{{Name: "rest", Default: true, Properties: www}}, hostSites...)...)
	alone := newTable(t, Site{Name: "rest", Default: true, Properties: www})
	for host, want := range cases {
		if want == "421" {
			want = "rest"
		}
		if got := siteName(withDefault.Site([]byte(host))); got != want {
			t.Errorf("%q: %s, want %s with a default site", host, got, want)
		}
		if got := siteName(alone.Site([]byte(host))); got != "rest" {
			t.Errorf("%q: %s where there is only one site", host, got)
		}
	}
}

// TestHostNames sees which names a file can give a site.
func TestHostNames(t *testing.T) {
	for _, c := range []struct{ name, key, mistake string }{
		{"Example.ORG.", "example.org", ""},
		{"*.Example.ORG", ".example.org", ""},
		{"*.org", ".org", ""},
		{"bücher.example", "xn--bcher-kva.example", ""},
		{"BÜCHER.example", "xn--bcher-kva.example", ""},
		{"*.bücher.example", ".xn--bcher-kva.example", ""},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{"192.0.2.1", "192.0.2.1", ""},
		{"2001:db8::1", "[2001:db8::1]", ""},
		{"[2001:DB8:0::1]", "[2001:db8::1]", ""},
		{"example.org:8080", "", `write "example.org"`},
		{"https://example.org", "", "write its name alone"},
		{"example.org/a", "", "write its name alone"},
		{"*", "", "default = true"},
		{"", "", "not a host"},
		{".", "", "not a host"},
		{"a.*.org", "", "an asterisk stands for the first labels"},
		{"*a.org", "", "an asterisk stands for the first labels"},
		{"a..org", "", "a label of a name has 1 to 63 bytes"},
		{strings.Repeat("a", 64) + ".org", "", "a label of a name has 1 to 63 bytes"},
		{strings.Repeat("a.", 130) + "org", "", "more than 253 bytes"},
		{"a b.org", "", `" " can't be part of a name`},
		{"a\u0000ü", "", "not an internationalised domain name"},
	} {
		key, _, err := hostKey(c.name)
		if key != c.key && c.mistake == "" || (err != nil) != (c.mistake != "") {
			t.Errorf("%q: %q, %v; want %q, %q", c.name, key, err, c.key, c.mistake)
		} else if err != nil && !strings.Contains(err.Error(), c.mistake) {
			t.Errorf("%q: %v, want %q", c.name, err, c.mistake)
		}
	}
}

// marked returns properties by which a test recognises a route.
func marked(name string, line int) Properties {
	return Properties{CacheControl: Set(strings.TrimSpace(name), at(line))}
}

// routeSites are routes that a test recognises by their names.
func routeSite() Site {
	s := Site{Name: "s", Default: true, Properties: www, From: at(1)}
	s.Properties.CacheControl = Set("site", at(1))
	for i, r := range []string{
		"/private/", "/private/open", "/a", "/a/b/", "/a-b", "/a/b/c/d", "/favicon.ico", "/ä", "/a b", "/.well-known/", "/docs",
		" *.css", " *.min.css", " style.css", " [a-c]?.txt", " /x/*.iso", " *.??", " *", " a*b*c",
		"/docs *.css", "/docs/api *.css", "/docs /docs/*/index.*", "/docs *.html",
	} {
		p, m, _ := strings.Cut(r, " ")
		if r == "/a b" {
			p, m = r, ""
		}
		if strings.HasPrefix(r, " ") {
			p, m = "", r[1:]
		}
		s.Routes = append(s.Routes, Route{Path: p, Match: m, Properties: marked(r, i+2), From: at(i + 2)})
	}
	return s
}

func TestRoutes(t *testing.T) {
	site := routeSite()
	table := newTable(t, site)
	cases := map[string]string{
		"/": "site", "/private": "*", "/private/": "/private/", "/private/x": "*", "/private/x/": "/private/", "/privatex": "*", "/privatex/": "site",
		"/private/open/": "/private/open", "/private/open": "*", "/private/open/x/": "/private/open", "/private/opened/": "/private/",
		"/a/": "/a", "/a/b/": "/a/b/", "/a/bb/": "/a", "/a/b/c/": "/a/b/", "/a/b/c/d/": "/a/b/c/d", "/a/b/c/d/e/": "/a/b/c/d", "/a/b/c/dd/": "/a/b/",
		"/a-b/": "/a-b", "/a-c/": "site", "/aa/": "site", "/a!/": "site", "/a.b/": "site", "/a0/": "site", "/b/": "site",
		"/favicon.ico/": "/favicon.ico", "/ä/": "/ä", "/ä/ö/": "/ä", "/a b/": "/a b", "/.well-known/": "/.well-known/", "/.well-known/acme/": "/.well-known/",
		"/.well/": "site", "/~/": "site", "/\xff/": "site", "/docs/": "/docs", "/docs/api/": "/docs", "/docs/api/v1/": "/docs", "/doc/": "site",
		// Patterns: the longer prefix, the more literal characters, the lexical order.
		"/x.css": "*.css", "/a/x.css": "*.css", "/private/open/x.css": "*.css", "/.css": "*.css", "/x.min.css": "*.min.css",
		"/a/b/x.min.css": "*.min.css", "/style.css": "style.css", "/a/b/c/style.css": "style.css", "/astyle.css": "*.css",
		"/style.css/": "site", "/x.css/": "site", "/x.css/y/": "site", "/a/style.css/": "/a", "/x.CSS": "*",
		"/aa.txt": "[a-c]?.txt", "/cz.txt": "[a-c]?.txt", "/dz.txt": "*", "/aaa.txt": "*", "/a/b/bä.txt": "[a-c]?.txt", "/a.txt": "*",
		"/x/a.iso": "/x/*.iso", "/x/.iso": "/x/*.iso", "/x/y/a.iso": "*", "/y/a.iso": "*", "/a.iso": "*", "/x/a.iso/": "site",
		"/x.js": "*.??", "/a/x.gz": "*.??", "/x.y.zz": "*.??", "/x.": "*", "/x.j": "*", "/x.jsx": "*", "/.??": "*.??",
		"/abc": "a*b*c", "/axbxc": "a*b*c", "/abbcc": "a*b*c", "/ab": "*", "/acb": "*", "/x/abcabc": "a*b*c", "/ab.cc": "a*b*c",
		"/x": "*", "/a/b/c/d/e": "*", "/favicon.ico": "*",
		"/docs/x.css": "/docs *.css", "/docs/a/x.css": "/docs *.css", "/docs/api/x.css": "/docs/api *.css", "/docs/apis/x.css": "/docs *.css",
		"/docs/style.css": "/docs *.css", "/docs/api/v1/style.css": "/docs/api *.css", "/docs/x.min.css": "/docs *.css",
		"/docs/a/index.html": "/docs /docs/*/index.*", "/docs/index.html": "/docs *.html", "/docs/a/b/index.html": "/docs *.html",
		"/docs/api/index.x": "/docs /docs/*/index.*", "/docs/api/x.html": "/docs *.html", "/docs": "*", "/docs.css": "*.css", "/docs/abc": "a*b*c",
		"/docs/x.js": "*.??", "/docs/aa.txt": "[a-c]?.txt", "/docs/a/index.css": "/docs /docs/*/index.*", "/docs/a/x": "*",
	}
	if len(cases) < 100 {
		t.Errorf("%d cases", len(cases))
	}
	for path, want := range cases {
		r := table.sites[0].Route([]byte(path))
		if got := r.Properties.CacheControl.Value; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
		if got := naiveProperties(&site, path).CacheControl.Value; got != want {
			t.Errorf("%q: the oracle says %q, want %q", path, got, want)
		}
		if table.Routes()[r.Number] != r {
			t.Errorf("%q: route %d is another one", path, r.Number)
		}
	}
}

// TestPrefixes sees routes without patterns, whose paths may end without a slash.
func TestPrefixes(t *testing.T) {
	site := routeSite()
	site.Routes = site.Routes[:11]
	table := newTable(t, site)
	for path, want := range map[string]string{
		"/": "site", "/private": "/private/", "/private/": "/private/", "/private/x": "/private/", "/privatex": "site", "/privat": "site",
		"/private/open": "/private/open", "/private/open/": "/private/open", "/private/open/x": "/private/open", "/private/opened": "/private/",
		"/private/ope": "/private/", "/a": "/a", "/a/": "/a", "/a/x": "/a", "/a/b": "/a/b/", "/a/bb": "/a", "/a/b/c": "/a/b/", "/a/b/c/d": "/a/b/c/d",
		"/a/b/c/d/": "/a/b/c/d", "/a/b/c/d/e": "/a/b/c/d", "/a/b/c/de": "/a/b/", "/a-b": "/a-b", "/a-b/x": "/a-b", "/a-": "site", "/a-bc": "site",
		"/a b": "/a b", "/a b/c": "/a b", "/a bc": "site", "/favicon.ico": "/favicon.ico", "/favicon.icon": "site", "/favicon": "site",
		"/ä": "/ä", "/äx": "site", "/.well-known": "/.well-known/", "/.well-known/x": "/.well-known/", "/.": "site", "/docs": "/docs",
		"/docs/x": "/docs", "/docs.html": "site", "/A": "site", "/Private/": "site", "/zzz": "site", "/!": "site",
	} {
		if got := table.sites[0].Route([]byte(path)).Properties.CacheControl.Value; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
		if got := naiveProperties(&site, path).CacheControl.Value; got != want {
			t.Errorf("%q: the oracle says %q, want %q", path, got, want)
		}
	}
}

func TestRedirects(t *testing.T) {
	s := Site{Name: "s", Default: true, Properties: www, Redirects: []Redirect{
		{Path: "/old/*", To: "/new/*", From: at(1)},
		{Path: "/old/x", To: "/y", Status: 301, DropQuery: true, From: at(2)},
		{Path: "/old/deep/*", To: "https://example.org/deep/*", Status: 302, From: at(3)},
		{Path: "/one/*", To: "/all?from=one#top", Status: 307, From: at(4)},
		{Path: "/exact", To: "/target", From: at(5)},
		{Path: "/dir/", To: "/target/", From: at(6)},
	}}
	table := newTable(t, s)
	for _, c := range []struct {
		path, query, want string
		status            int
	}{
		{"/old/a/b", "", "/new/a/b", 308},
		{"/old/a/b/", "q=1", "/new/a/b/?q=1", 308},
		{"/old/", "", "/new/", 308},
		{"/old", "", "/new/", 308},
		{"/old/a b?ä", "", "/new/a%20b%3F%C3%A4", 308},
		{"/old/~a:b", "", "/new/%7Ea:b", 308},
		{"/old/.x:y", "", "/new/.x:y", 308},
		{"/old/x", "q=1", "/y", 301},
		{"/old/x/", "", "/new/x/", 308},
		{"/old/deep", "", "https://example.org/deep/", 302},
		{"/old/deep/a", "q", "https://example.org/deep/a?q", 302},
		{"/old/deeper", "", "/new/deeper", 308},
		{"/one/a", "", "/all?from=one#top", 307},
		{"/one", "b=2", "/all?from=one&b=2#top", 307},
		{"/exact", "", "/target", 308},
		{"/exact/", "", "", 0},
		{"/dir/", "", "/target/", 308},
		{"/dir", "", "", 0},
		{"/older", "", "", 0},
		{"/", "", "", 0},
	} {
		r, rest := table.sites[0].Redirect([]byte(c.path))
		if r == nil {
			if c.status != 0 {
				t.Errorf("%s: no redirect", c.path)
			}
			continue
		}
		if got := strings.ReplaceAll(string(r.AppendLocation(nil, rest, []byte(c.query))), "~", "%7E"); got != c.want || r.Status != c.status {
			t.Errorf("%s?%s: %d to %s, want %d to %s", c.path, c.query, r.Status, got, c.status, c.want)
		}
	}
}

// naiveSite is the choice of a site in other words: of all sites that have the host, the one with the longest host.
func naiveSite(sites []Site, authority string) string {
	host := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 32
		}
		return r
	}, authority)
	if strings.HasPrefix(host, "[") {
		before, _, ok := strings.Cut(host, "]")
		if !ok {
			return naiveDefault(sites)
		}
		if key, _, err := hostKey(before + "]"); err == nil {
			host = key
		} else {
			host = "["
		}
	} else {
		host, _, _ = strings.Cut(host, ":")
		host = strings.TrimSuffix(host, ".")
	}
	best, bestSite := 0, naiveDefault(sites)
	if len(host) > hostBytesMax {
		return bestSite
	}
	for _, s := range sites {
		for _, h := range s.Hosts {
			key, wildcard, _ := hostKey(h.Name)
			length := 0
			switch {
			case !wildcard && key == host:
				length = 1000
			case wildcard && len(host) > len(key) && strings.HasSuffix(host, key):
				length = len(key)
			}
			if length > best {
				best, bestSite = length, s.Name
			}
		}
	}
	return bestSite
}

func naiveDefault(sites []Site) string {
	for _, s := range sites {
		if s.Default {
			return s.Name
		}
	}
	return "421"
}

// naiveProperties is the choice of a route in other words: the properties of all prefixes one after the other, then those of
// the pattern that precedes the others.
func naiveProperties(s *Site, path string) Properties {
	p := inherit(Properties{}, s.Properties, "/")
	covering := func(r *Route) bool {
		prefix := strings.TrimSuffix(r.Path, "/")
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	}
	for length := 0; length <= len(path)+1; length++ {
		for i := range s.Routes {
			if r := &s.Routes[i]; r.Match == "" && len(strings.TrimSuffix(r.Path, "/")) == length && covering(r) {
				p = inherit(p, r.Properties, routeKey(r.Path))
			}
		}
	}
	var best *Route
	for i := range s.Routes {
		r := &s.Routes[i]
		name := path[strings.LastIndexByte(path, '/')+1:]
		if r.Match == "" || !covering(r) || name == "" {
			continue
		}
		if strings.Contains(r.Match, "/") {
			name = path
		}
		if !pathMatch(r.Match, name) {
			continue
		}
		if best == nil || naivePrecedes(r, best) {
			best = r
		}
	}
	if best != nil {
		p = inherit(p, best.Properties, "/")
	}
	return p
}

func naivePrecedes(a, b *Route) bool {
	al, bl := len(strings.TrimSuffix(a.Path, "/")), len(strings.TrimSuffix(b.Path, "/"))
	ac, bc := literalCount(a.Match), literalCount(b.Match)
	switch {
	case al != bl:
		return al > bl
	case ac != bc:
		return ac > bc
	}
	return a.Match < b.Match
}

func describe(p *Properties) string { return fmt.Sprint(p.All()) }
