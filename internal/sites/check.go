package sites

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"aws/internal/response"
)

// checker finds problems of sites.
type checker struct {
	problems []Problem
	hosts    map[string]Origin // where each host was named
	names    map[string]Origin // where each site with a name is
}

func (c *checker) failed() bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return !p.Warning })
}

func (c *checker) refuse(from Origin, format string, args ...any) {
	c.problems = append(c.problems, Problem{From: from, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) warn(from Origin, format string, args ...any) {
	c.problems = append(c.problems, Problem{From: from, Warning: true, Text: fmt.Sprintf(format, args...)})
}

// site checks what can be seen without other sites. secure are the defaults for https.
func (c *checker) site(s *Site, secure *TLS) {
	if len(s.Hosts) == 0 && !s.Default {
		c.refuse(s.From, `the site has no hosts; write hosts = ["example.org"], or default = true for the site of all hosts that no other site has`)
	}
	if before, twice := c.names[s.name()]; twice {
		c.refuse(s.From, "another site has the name %s (at %s), and statistics would not distinguish them; write another name", s.name(), before)
	}
	c.names[s.name()] = s.From
	for _, h := range s.Hosts {
		key, _, err := hostKey(h.Name)
		if err != nil {
			c.refuse(h.From, "%v", err)
			continue
		}
		if before, twice := c.hosts[key]; twice {
			c.refuse(h.From, "the host %s is named a second time (first at %s); remove one of them", h.Name, before)
			continue
		}
		c.hosts[key] = h.From
	}
	c.properties("the site "+s.name(), &s.Properties)
	c.routes(s)
	c.redirects(s)
	c.pairs(&s.TLS)
	c.tls(s, secure)
	c.acme(s, secure)
}

// defaultSites refuses several default sites.
func (c *checker) defaultSites(sites []Site) {
	var first *Site
	for i := range sites {
		switch s := &sites[i]; {
		case !s.Default:
		case first == nil:
			first = s
		default:
			c.refuse(s.From, "there is a default site already (at %s); remove default = true from one of them", first.From)
		}
	}
}

// routes checks the routes of a site.
func (c *checker) routes(s *Site) {
	type place struct{ key, match string }
	seen := map[place]Origin{}
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Path == "" && r.Match == "" {
			c.refuse(r.From, `the route has neither path nor match; write path = "/downloads/" or match = "*.css"`)
			continue
		}
		if r.Path != "" && !c.path(r.From, "path", r.Path) {
			continue
		}
		if r.Match != "" && !c.pattern(r.From, "match", r.Match) {
			continue
		}
		at := place{routeKey(r.Path), r.Match}
		if before, twice := seen[at]; twice {
			c.refuse(r.From, "the route %s is there a second time (first at %s); write all of its properties in one route", r.name(), before)
			continue
		}
		seen[at] = r.From
		if r.Path == "/" && r.Match == "" {
			c.warn(r.From, `the route "/" is the whole site; write its properties in the site itself`)
		}
		if r.Match != "" {
			c.matchRoute(r)
		}
		c.properties("the route "+r.name(), &r.Properties)
		if r.Properties.count() == 0 {
			c.warn(r.From, "the route %s sets nothing, and so changes nothing", r.name())
		}
	}
}

// matchRoute checks what is different with a pattern. Who may read a file can't depend on its name alone: another name, such
// as that of a directory with an index, may lead to the same file.
func (c *checker) matchRoute(r *Route) {
	p := &r.Properties
	refuse := func(from Origin, key string) {
		c.refuse(from, "a route with match can't have %s, because a file can also be sent for another name, such as that of its directory; write %s in a route with path alone",
			key, key)
	}
	if p.Auth != nil {
		refuse(p.Auth.From, "auth")
	}
	if p.Allow != nil {
		refuse(p.Allow.From, "allow")
	}
	if p.Deny != nil {
		refuse(p.Deny.From, "deny")
	}
	if p.Root != nil {
		c.refuse(p.Root.From, "a route with match can't have a root; write root in a route with path alone (dynamic = true reads the matching files asynchronously)")
	}
	if key := routeKey(r.Path); strings.Contains(r.Match, "/") && !mayMatchBelow(r.Match, key) {
		c.refuse(r.From, "match %q matches nothing below %s; a pattern with a slash is compared with the whole path", r.Match, key)
	}
}

// mayMatchBelow reports whether a pattern with a slash can match a path below a prefix, by its literal beginning.
func mayMatchBelow(pattern, prefix string) bool {
	literal := literalStart(pattern)
	return strings.HasPrefix(literal, prefix) || len(literal) < len(pattern) && strings.HasPrefix(prefix, literal)
}

// name returns the name of a route in messages.
func (r *Route) name() string {
	switch {
	case r.Match == "":
		return r.Path
	case r.Path == "":
		return r.Match
	}
	return r.Path + " " + r.Match
}

// path checks a path, and reports whether a normalised path can be like it.
func (c *checker) path(from Origin, key, p string) bool {
	if !strings.HasPrefix(p, "/") {
		c.refuse(from, "%s %q does not begin with a slash; write %q", key, p, "/"+p)
		return false
	}
	clean := path.Clean(p)
	if clean != "/" && strings.HasSuffix(p, "/") {
		clean += "/"
	}
	if decoded, err := url.PathUnescape(clean); err == nil && decoded != clean && !strings.Contains(decoded, "\x00") {
		c.warn(from, "%s %q has a percent escape, and paths are decoded first; write %q unless the name has a percent sign", key, p, decoded)
	}
	if clean != p || strings.Contains(p, "\x00") {
		c.refuse(from, "%s %q matches nothing, because paths are normalised first; write %q", key, p, strings.ReplaceAll(clean, "\x00", ""))
		return false
	}
	return true
}

// pattern checks a pattern of path.Match.
func (c *checker) pattern(from Origin, key, pattern string) bool {
	if _, err := path.Match(pattern, ""); err != nil {
		c.refuse(from, `%s %q is not a pattern: a class such as [a-z] has an end, and a backslash a character after it`, key, pattern)
		return false
	}
	switch {
	case !strings.Contains(pattern, "/"):
		return true
	case strings.HasSuffix(pattern, "/"):
		c.refuse(from, "%s %q matches nothing, because a pattern is for files; write path = for a directory", key, pattern)
		return false
	case !strings.HasPrefix(pattern, "/"):
		c.refuse(from, "%s %q matches nothing, because a pattern with a slash is compared with the whole path; write %q", key, pattern, "/"+pattern)
		return false
	case path.Clean(pattern) != pattern && !strings.Contains(pattern, `\`) && !strings.Contains(pattern, "["):
		c.refuse(from, "%s %q matches nothing, because paths are normalised first; write %q", key, pattern, path.Clean(pattern))
		return false
	}
	return true
}

// redirectStatuses are the statuses of redirects.
var redirectStatuses = []int{301, 302, 307, 308}

// redirects checks the redirects of a site.
func (c *checker) redirects(s *Site) {
	seen := map[string]Origin{}
	for i := range s.Redirects {
		r := &s.Redirects[i]
		from, prefix := strings.CutSuffix(r.Path, "/*")
		if strings.Contains(from, "*") {
			c.refuse(r.From, `from %q: an asterisk stands for all that is below a path, at its end, as in "/old/*"`, r.Path)
			continue
		}
		if !prefix || from != "" {
			if !c.path(r.From, "from", from) {
				continue
			}
		}
		if before, twice := seen[r.Path]; twice {
			c.refuse(r.From, "the redirect from %s is there a second time (first at %s); remove one of them", r.Path, before)
			continue
		}
		seen[r.Path] = r.From
		if r.Status != 0 && !slices.Contains(redirectStatuses, r.Status) {
			c.refuse(r.From, "status = %d does not redirect; write 301, 302, 307 or 308", r.Status)
		}
		c.target(r, prefix)
	}
}

// target checks the target of a redirect.
func (c *checker) target(r *Redirect, prefix bool) {
	u, err := url.Parse(r.To)
	switch {
	case err != nil || r.To == "" || !response.ValidField("Location", r.To) || strings.ContainsAny(r.To, " <>\"\\"):
		c.refuse(r.From, `to %q is neither a path nor a URL; write one such as "/new/" or "https://example.org/"`, r.To)
	case strings.HasPrefix(r.To, "//") || u.Scheme == "" && !strings.HasPrefix(r.To, "/"):
		c.refuse(r.From, "to %q is neither a path nor a URL; write %q", r.To, "/"+strings.TrimLeft(r.To, "/"))
	case u.Scheme != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == ""):
		c.refuse(r.From, `to %q: expected a URL with http or https and a host, such as "https://example.org/"`, r.To)
	case !strings.Contains(r.To, "*"):
	case !prefix:
		c.refuse(r.From, `to %q has an asterisk, and from %q has none; write from = %q`, r.To, r.Path, strings.TrimSuffix(r.Path, "/")+"/*")
	case strings.Count(r.To, "*") > 1 || !strings.HasSuffix(r.To, "/*") || strings.ContainsAny(r.To, "?#"):
		c.refuse(r.From, `to %q: an asterisk stands for the rest of the path, after a slash at the end, as in "/new/*"`, r.To)
	}
}
