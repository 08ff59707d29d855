package fileserver_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/internal/kernel"
)

// client is the client of all requests. No allow of the generator has it, and each deny has.
const client = "192.0.2.1"

// generator makes configurations, files and requests.
type generator struct {
	*rand.Rand
	markers int
}

func pick[T any](g *generator, values ...T) T { return values[g.IntN(len(values))] }

// chance reports true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// segment returns the name of a file or directory.
func (g *generator) segment() string {
	return pick(g, "a", "b", "ab", "a.css", "b.html", "index.html", "i.txt", ".d", "x y", "ä", ".well-known", "a%b", "q?")
}

// path returns an absolute path, which may end with a slash.
func (g *generator) path() string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString("/" + g.segment())
	}
	if g.chance(3) {
		b.WriteByte('/')
	}
	return b.String()
}

// wish returns properties. Those of a route with a pattern lack some.
func (g *generator) wish(isSite, hasMatch bool) *wish {
	g.markers++
	w := &wish{marker: fmt.Sprint("m", g.markers)}
	boolean := func() *bool { return pick(g, new(bool), ptr(true)) }
	switch {
	case isSite && !g.chance(6) || !hasMatch && g.chance(4):
		w.root = pick(g, "/r0", "/r1", "/r2")
	case g.chance(8):
		w.respond = pick(g, 200, 204, 404, 410)
		if w.respond != 204 && g.chance(2) {
			w.respondBody = "respond" + w.marker
		}
	}
	if g.chance(5) {
		w.index, w.indexSet = pick(g, []string{}, []string{"i.txt"}, []string{"index.html", "i.txt"}, []string{"a/index.html", "b"}), true
	}
	if g.chance(4) {
		w.list = boolean()
	}
	if g.chance(5) {
		w.dotFiles = boolean()
	}
	if w.respond == 0 && g.chance(3) {
		w.try = pick(g, []string{"{path}"}, []string{"{path}", "{path}.html", "{path}/"}, []string{"{path}", "/index.html"}, []string{"{path}.css", "/a/"},
			[]string{"/a/b", "{path}"}, []string{"{path}/index.html", "{path}/", "/.d/a", "/b.html"})
	}
	if !hasMatch {
		if g.chance(5) {
			w.auth = pick(g, "/u0", "/u1", "off")
		}
		if g.chance(8) {
			w.admits = pick(g, "allow", "deny", "all", "all")
		}
	}
	if g.chance(6) {
		w.cors = boolean()
	}
	if g.chance(4) {
		w.errorPages = map[int]string{pick(g, 403, 404, 410): "page" + w.marker}
	}
	if g.chance(3) {
		w.cache = "c" + w.marker
	}
	return w
}

func ptr[T any](v T) *T { return &v }

// sites returns a configuration.
func (g *generator) sites() (sites []*wish) {
	hosts := []string{"a.example", "*.a.example", "*.b.a.example", "b.example", "x.b.a.example"}
	g.Shuffle(len(hosts), func(i, k int) { hosts[i], hosts[k] = hosts[k], hosts[i] })
	for i := range 1 + g.IntN(3) {
		s := g.wish(true, false)
		s.path = "/"
		s.hosts, hosts = hosts[:1], hosts[1:]
		if i == 0 && g.chance(2) {
			s.isDefault = true
		}
		seen := map[string]bool{}
		once := func(name string) bool { defer func() { seen[name] = true }(); return !seen[name] }
		for range g.IntN(7) {
			p, m := g.path(), ""
			if g.chance(3) {
				if m = pick(g, "*.css", "*.html", "a*", "/a/*", "/*/b", "?", "index.*", "*"); g.chance(2) || strings.Contains(m, "/") {
					p = ""
				}
			}
			if once(strings.TrimSuffix(p, "/") + "\x00" + m) {
				r := g.wish(false, m != "")
				r.path, r.match = p, m
				s.routes = append(s.routes, r)
			}
		}
		for range g.IntN(4) {
			r := &wish{redirectFrom: g.path(), to: "/new" + fmt.Sprint(g.IntN(3)), redirectStatus: pick(g, 301, 302, 307, 308), dropQuery: g.chance(2)}
			if g.chance(2) {
				if r.redirectFrom = strings.TrimSuffix(r.redirectFrom, "/") + "/*"; g.chance(2) {
					r.to += "/*"
				}
			}
			if once("redirect " + r.redirectFrom) {
				s.redirects = append(s.redirects, r)
			}
		}
		sites = append(sites, s)
	}
	return sites
}

// files returns the files of all roots.
func (g *generator) files() files {
	f := files{}
	for range 5 + g.IntN(25) {
		name := pick(g, "/r0", "/r1", "/r2") + strings.TrimSuffix(g.path(), "/")
		if !f.isDirectory(name) && !slices.ContainsFunc(parents(name), func(p string) bool { return f[p] }) {
			f[name] = true
		}
	}
	return f
}

// parents returns the directories that a name is in.
func parents(name string) (list []string) {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		list = append(list, name[:i])
	}
	return list
}

// ask returns a request, often for a path of the configuration.
func (g *generator) ask() ask {
	q := ask{
		method:   pick(g, "GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST"),
		host:     pick(g, "a.example", "A.example.:80", "x.a.example", "y.b.a.example", "x.b.a.example", "b.example", "other"),
		password: g.chance(2),
	}
	for _, segment := range strings.Split(g.path(), "/")[1:] {
		switch g.IntN(12) {
		case 0:
			q.target += "/" + pick(g, ".", "..", "", "%2e%2E", "%2F", "%00", "%zz")
		case 1:
			q.target += pick(g, "%2f"+escaped(segment), "/"+escaped(segment)+"%2F")
		default:
			q.target += "/" + escaped(segment)
		}
	}
	if q.target[0] != '/' {
		q.target = "/" + q.target
	}
	if g.chance(4) {
		q.target += "?q=1"
	}
	return q
}

// render returns a configuration as a file has it.
func render(sites []*wish) string {
	var b strings.Builder
	for _, s := range sites {
		fmt.Fprintf(&b, "[[site]]\nhosts = %s\n", list(s.hosts))
		if s.isDefault {
			b.WriteString("default = true\n")
		}
		s.render(&b)
		for _, r := range s.routes {
			b.WriteString("[[site.route]]\n")
			if r.path != "" {
				fmt.Fprintf(&b, "path = %q\n", r.path)
			}
			if r.match != "" {
				fmt.Fprintf(&b, "match = %q\n", r.match)
			}
			r.render(&b)
		}
		for _, r := range s.redirects {
			fmt.Fprintf(&b, "[[site.redirect]]\nfrom = %q\nto = %q\nstatus = %d\n", r.redirectFrom, r.to, r.redirectStatus)
			if r.dropQuery {
				b.WriteString("query = \"drop\"\n")
			}
		}
	}
	return b.String()
}

func list(values []string) string { return "[" + strings.Join(quoted(values), ", ") + "]" }

func quoted(values []string) (q []string) {
	for _, v := range values {
		q = append(q, fmt.Sprintf("%q", v))
	}
	return q
}

// render appends the properties that are set.
func (w *wish) render(b *strings.Builder) {
	fmt.Fprintf(b, "headers.set = { X-Marker = %q }\n", w.marker)
	for key, value := range map[string]string{"root": w.root, "auth": w.auth, "cache-control": w.cache} {
		if value != "" {
			fmt.Fprintf(b, "%s = %q\n", key, value)
		}
	}
	for key, value := range map[string]*bool{"list": w.list, "dotfiles": w.dotFiles, "cors": w.cors} {
		if value != nil {
			fmt.Fprintf(b, "%s = %v\n", key, *value)
		}
	}
	if w.indexSet {
		fmt.Fprintf(b, "index = %s\n", list(w.index))
	}
	if w.try != nil {
		fmt.Fprintf(b, "try = %s\n", list(w.try))
	}
	if w.respond != 0 && w.respondBody != "" {
		fmt.Fprintf(b, "respond = { status = %d, body = %q }\n", w.respond, w.respondBody)
	} else if w.respond != 0 {
		fmt.Fprintf(b, "respond = %d\n", w.respond)
	}
	switch w.admits {
	case "allow":
		b.WriteString("allow = [\"10.0.0.0/8\"]\n")
	case "deny":
		b.WriteString("deny = [\"192.0.2.0/24\"]\n")
	case "all":
		b.WriteString("allow = [\"all\"]\n")
	}
	for status, page := range w.errorPages {
		fmt.Fprintf(b, "error-pages = { %d = %q }\n", status, page)
	}
}

// serve returns the server of a configuration with files.
func serve(t testing.TB, sites []*wish, tree files) *sitesTest {
	t.Helper()
	s := newSites(t, render(sites))
	s.Client = netip.MustParseAddr(client)
	roots := map[kernel.Root]string{}
	for _, m := range s.mounts {
		roots[m.Root] = m.Dir
		done := map[string]bool{}
		for name := range tree {
			below, ok := strings.CutPrefix(name, m.Dir+"/")
			if !ok {
				continue
			}
			s.AddFile(m, below, 10, time.Hour)
			for _, p := range parents(below) {
				if !done[p] {
					done[p] = true
					s.AddClass(m, p, kernel.Directory)
				}
			}
		}
	}
	s.Directory = func(root kernel.Root, name string) kernel.Class {
		if tree.isDirectory(roots[root] + "/" + name) {
			return kernel.Done
		}
		return kernel.Absent
	}
	return s
}

// got returns what the server responds.
func (s *sitesTest) got(t *testing.T, q ask) verdict {
	t.Helper()
	text := fmt.Sprintf("%s %s HTTP/1.1\nHost: %s\n", q.method, q.target, q.host)
	if q.password {
		text += password + "\n"
	}
	r := s.Do(t, text+"\n")
	v := verdict{status: int(r.Status), marker: r.Header.Get("X-Marker"), cache: r.Header.Get("Cache-Control")}
	if r.File != "" {
		v.file = r.Dir + "/" + r.File
		if directory, _, ok := strings.Cut(v.file, "\x00"); ok {
			v.file = strings.TrimSuffix(directory, "/") + "/"
		}
	}
	if location := r.Header.Get("Location"); location != "" {
		v.location = followed(t, q.target, location)
	}
	if !strings.HasSuffix(r.Memory, "\n") { // as the short texts do that the server makes
		v.body = r.Memory
	}
	return v
}

// followed returns where a client goes that gets a reference for a target: the path, normalised, and the query.
func followed(t *testing.T, target, reference string) string {
	t.Helper()
	base, err := url.Parse("http://h" + target)
	if err != nil {
		t.Fatal(err)
	}
	to, err := base.Parse(reference)
	if err != nil {
		t.Errorf("%q for %q: %v", reference, target, err)
		return reference
	}
	p, _ := normalised(to.EscapedPath())
	if to.RawQuery != "" {
		p += "?" + to.RawQuery
	}
	return p
}

// Requests of the fuzzer that the oracle understands. Others are refused by the parser, which has fuzz targets of its own.
var (
	plainHost   = regexp.MustCompile(`^[A-Za-z0-9]+([.-][A-Za-z0-9]+)*\.?(:[0-9]{1,4})?$`)
	plainTarget = regexp.MustCompile(`^/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*(\?[A-Za-z0-9._~=&-]*)?$`)
)

// compareWithOracle compares the response to a request with that of the oracle, and returns the status.
func (s *sitesTest) compareWithOracle(t *testing.T, sites []*wish, tree files, q ask) (status int) {
	t.Helper()
	want := decide(sites, tree, q)
	if want.location != "" {
		want.location = followed(t, q.target, want.location)
	}
	if q.method == http.MethodHead || want.status == http.StatusNoContent {
		want.body = ""
	}
	if got := s.got(t, q); got != want {
		t.Errorf("%+v: %q, the oracle says %q\n%s%v", q, got, want, render(sites), tree)
	}
	return want.status
}

// FuzzSites compares responses with those of the oracle, for a configuration, files and requests that the seed determines, and for one
// request of the fuzzer.
func FuzzSites(f *testing.F) {
	f.Add(uint64(7), "b.a.example", "/a%2Fb")
	f.Add(uint64(8), "other", "/a//b/../index.html")
	f.Add(uint64(9), "a.example", "/a/b?q")
	f.Fuzz(func(t *testing.T, seed uint64, host, target string) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		sites, tree := g.sites(), g.files()
		s := serve(t, sites, tree)
		for range 10 {
			s.compareWithOracle(t, sites, tree, g.ask())
		}
		if len(host)+len(target) < 300 && plainHost.MatchString(host) && plainTarget.MatchString(target) {
			s.compareWithOracle(t, sites, tree, ask{method: http.MethodGet, host: host, target: target, password: seed%2 == 0})
		}
	})
}

// TestOracle compares responses for many configurations, and sees to it that each kind of response is among them.
func TestOracle(t *testing.T) {
	counts := map[int]int{}
	for seed := range uint64(500) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
		sites, tree := g.sites(), g.files()
		s := serve(t, sites, tree)
		for range 40 {
			counts[s.compareWithOracle(t, sites, tree, g.ask())]++
		}
		if t.Failed() {
			return
		}
	}
	for _, status := range []int{200, 204, 301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 421} {
		if counts[status] < 20 {
			t.Errorf("%d responses with the status %d: %v", counts[status], status, counts)
		}
	}
}
