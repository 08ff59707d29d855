package sites

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"aws/internal/request"
)

// pathMatch is path.Match without an error.
func pathMatch(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// FuzzGlob compares the matcher of bytes with path.Match.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{
		{"*.css", "a.css"},
		{"a*b*c", "abbcc"},
		{"[^a-c]x", "dx"},
		{`[\]-a]`, "]"},
		{"?", "ä"},
		{"/a/*", "/a/b/c"},
		{"*/b", "a/b"},
		{"a*", "a\xff"},
		{`\*`, "*"},
		{"[a-]]", "b"},
		{"*x*/y*z", "axb/yz"},
		{"?\xff", "ä"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || name == "" || strings.HasSuffix(name, "/") {
			return // outside of what is compared
		}
		if strings.Contains(pattern, "[") && strings.Contains(name, "/") {
			return // where they differ
		}
		g := newGlob(pattern)
		subject := name
		if !g.whole {
			subject = string(lastElement([]byte(name)))
		}
		if got, want := g.matches([]byte(name), lastElement([]byte(name))), pathMatch(pattern, subject); got != want {
			t.Errorf("%q, %q: %v, path.Match says %v", pattern, name, got, want)
		}
	})
}

// FuzzHost compares the choice of a site with the naive one. The hosts of each site are on a line.
func FuzzHost(f *testing.F) {
	f.Add("example.org *.example.net\n*.deep.example.net", "a.deep.example.net:80", false)
	f.Add("[2001:db8::1]", "[2001:DB8:0::1]:443", true)
	f.Add("bücher.example\n*", "xn--bcher-kva.example.", true)
	f.Add("*.a\n*.b.a", "c.b.a", false)
	f.Fuzz(func(t *testing.T, spec, host string, withDefault bool) {
		var list []Site
		for line := range strings.SplitSeq(spec, "\n") {
			list = append(list, Site{Name: line, Hosts: hosts(strings.Fields(line)...), Properties: www})
		}
		if withDefault {
			list = append(list, Site{Name: "the default", Default: true, Properties: www})
		}
		table, problems := NewTable(Defaults{}, list)
		if table == nil {
			if len(problems) == 0 {
				t.Error("neither a table nor a problem")
			}
			return // outside of what is compared
		}
		if got, want := siteName(table.Site([]byte(host))), naiveSite(list, host); got != want {
			t.Errorf("%q: %q, the oracle says %q", host, got, want)
		}
		if e, err := table.Explain(host, "/"); err != nil || siteName(e.Site) != siteName(table.Site([]byte(host))) || (e.HostRule == "") != (e.Site == nil || e.Site == table.fallback && naiveSite(list[:len(list)-1], host) == "421") {
			t.Errorf("%q: %+v, %v", host, e, err)
		}
	})
}

// fuzzSite makes a site of lines, each with the path and the pattern of a route.
func fuzzSite(spec string) Site {
	s := Site{Name: "s", Default: true, Properties: www, From: at(1)}
	for i, line := range strings.Split(spec, "\n") {
		p, m, _ := strings.Cut(line, " ")
		if p+m == "" {
			continue
		}
		r := Route{Path: p, Match: m, Properties: Properties{Charset: Set(fmt.Sprint(i), at(i+2))}, From: at(i + 2)}
		if i%3 == 0 && m == "" {
			r.Properties.Root = Set(Root{Directory: "/" + line}, at(i+2))
		}
		if i%2 == 0 {
			r.Properties.Headers = []Header{{HeaderSet, "X-" + string(rune('A'+i%5)), "v", at(i + 2)}}
		}
		s.Routes = append(s.Routes, r)
	}
	return s
}

// FuzzRoute compares the choice of a route, with all effective properties, with the naive one, in any order of the routes.
func FuzzRoute(f *testing.F) {
	f.Add("/a\n/a/b/\n *.css\n/a/b *.css\n/a-b", "/a/b/x.css", uint64(1))
	f.Add("/private/\n/private/open\n *\n a*b", "/private/open/acb", uint64(2))
	f.Add(" /x/*.iso\n/x\n *.iso", "/x/a.iso", uint64(3))
	f.Add("/ä\n/ä/ö", "/%c3%a4/./%c3%b6", uint64(4))
	f.Fuzz(func(t *testing.T, spec, target string, seed uint64) {
		site := fuzzSite(spec)
		p, verdict := request.ResolvePath(nil, []byte(target))
		table, problems := NewTable(Defaults{}, []Site{site})
		if table == nil && len(problems) == 0 {
			t.Error("neither a table nor a problem")
		}
		if table == nil || verdict != request.PathOK || strings.Contains(spec, "[") {
			return // outside of what is compared
		}
		properties := naiveProperties(&site, string(p))
		want := describe(&properties)
		for range 3 {
			if got := describe(&table.sites[0].Route(p).Properties); got != want {
				t.Fatalf("%q: %s, the oracle says %s", p, got, want)
			}
			shuffle(&site, rand.New(rand.NewPCG(seed, 1)))
			table, _ = NewTable(Defaults{}, []Site{site})
			seed++
		}
	})
}

// shuffle changes the order of everything that is written in an order without a meaning.
func shuffle(s *Site, r *rand.Rand) {
	r.Shuffle(len(s.Routes), func(i, k int) { s.Routes[i], s.Routes[k] = s.Routes[k], s.Routes[i] })
	r.Shuffle(len(s.Redirects), func(i, k int) { s.Redirects[i], s.Redirects[k] = s.Redirects[k], s.Redirects[i] })
	r.Shuffle(len(s.Hosts), func(i, k int) { s.Hosts[i], s.Hosts[k] = s.Hosts[k], s.Hosts[i] })
}
