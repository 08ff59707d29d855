package sites

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"aws/internal/request"
)

// compiled warns of what can be seen when all sites are known.
func (c *checker) compiled(t *Table) {
	for _, s := range t.sites {
		c.hiddenRoutes(s)
		c.hiddenNames(s)
		for i := range s.nodes {
			for k := range s.nodes[i].routes {
				c.effective(&s.nodes[i].routes[k])
			}
		}
		for _, r := range s.prefixRedirects {
			c.loop(t, s, r)
		}
		for _, r := range s.exactRedirects {
			c.loop(t, s, r)
		}
		for _, r := range s.prefixRedirects {
			c.hiddenRedirects(s, r)
		}
	}
	c.realms(t)
	c.archives(t)
	// A route with a pattern is there once for each prefix.
	seen := map[Problem]bool{}
	c.problems = slices.DeleteFunc(c.problems, func(p Problem) bool {
		before := seen[p]
		seen[p] = true
		return before
	})
}

// hiddenRoutes warns of routes whose paths are all redirected, and of patterns that others precede everywhere.
func (c *checker) hiddenRoutes(s *CompiledSite) {
	for i := range s.nodes {
		n := &s.nodes[i]
		prefix := n.routes[0].Prefix
		if k := s.redirectPrefixes.find([]byte(prefix)); k >= 0 && prefix != "/" {
			r := s.prefixRedirects[k]
			for j := range n.routes {
				if own := &n.routes[j]; own.isOwn {
					c.warn(own.From, "the route %s is hidden by the redirect from %s (%s), which has all of its paths", own.name(), r.Path, r.From)
				}
			}
		}
		for k := range n.globs {
			for before := range k {
				if hides(&n.globs[before], &n.globs[k]) {
					hidden, by := &n.routes[k+1], &n.routes[before+1]
					c.warn(hidden.From, "the route with match %q is hidden below %s by the route with match %q (%s), which matches the same files and precedes it",
						hidden.Match, prefix, by.Match, by.From)
				}
			}
		}
	}
}

// name returns the name of a route in messages.
func (r *CompiledRoute) name() string {
	if r.Match == "" {
		return r.Prefix
	}
	return r.Prefix + " " + r.Match
}

// hiddenNames warns of patterns that match names with a dot at the beginning only, where such names are not served.
func (c *checker) hiddenNames(s *CompiledSite) {
	served := map[string]bool{}
	var hidden []*CompiledRoute
	for i := range s.nodes {
		for k := range s.nodes[i].routes {
			r := &s.nodes[i].routes[k]
			if r.Match == "" || r.Match[0] != '.' && !(r.Match[0] == '/' && HasDotElement(literalStart(r.Match))) {
				continue
			}
			if served[r.Match] = served[r.Match] || r.Properties.DotFiles.Or(false); r.isOwn {
				hidden = append(hidden, r)
			}
		}
	}
	for _, r := range hidden {
		if !served[r.Match] {
			c.warn(r.From, "the route with match %q matches nothing, because names that begin with a dot are not served (dotfiles = true serves them)", r.Match)
		}
	}
}

// literalStart returns the part of a pattern before its first special character.
func literalStart(pattern string) string {
	if i := strings.IndexAny(pattern, special); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// hides reports whether a pattern certainly matches all that another one matches. It recognises the simple cases.
func hides(before, later *glob) bool {
	switch {
	case before.pattern == later.pattern, before.pattern == "*":
		return true
	case before.form == formSuffix && later.form == formSuffix:
		return strings.HasSuffix(later.literal, before.literal)
	case before.form == formSuffix && later.form == formLiteral:
		return strings.HasSuffix(later.literal, before.literal)
	}
	return false
}

// hiddenRedirects warns of a redirect that does the same as one with a shorter prefix.
func (c *checker) hiddenRedirects(s *CompiledSite, r *CompiledRedirect) {
	parent := s.redirectPrefixes.find([]byte(path.Dir(strings.TrimSuffix(r.key, "/")) + "/"))
	if r.key == "/" || parent < 0 {
		return
	}
	up := s.prefixRedirects[parent]
	if up != r && up.Status == r.Status && up.DropQuery == r.DropQuery && up.rest && r.rest && up.head+strings.TrimPrefix(r.key, up.key) == r.head {
		c.warn(r.From, "the redirect from %s does the same as the one from %s (%s); remove it", r.Path, up.Path, up.From)
	}
}

// effective warns of effective properties that contradict each other.
func (c *checker) effective(r *CompiledRoute) {
	p := &r.Properties
	if p.Root == nil && p.Respond == nil && r.Match == "" && r.Site.redirectPrefixes.find([]byte(r.Prefix)) < 0 {
		if r.Prefix != "/" || len(r.Site.nodes) == 1 {
			c.warn(r.From, "nothing is served at %s of the site %s: there is neither root nor respond; every path there gets 404", r.Prefix, r.Site.Name)
		}
	}
	if p.Try != nil && p.Respond == nil {
		c.tryTargets(r)
	}
	if r.isOwn && r.Match == "" && !p.DotFiles.Or(false) && HasDotElement(r.Prefix) {
		c.warn(r.From, "nothing is served at %s, because an element begins with a dot (dotfiles = true serves such names)", r.Prefix)
	}
	if p.Allow != nil && p.Deny != nil {
		c.contradictions(p.Allow, p.Deny)
	}
	c.corsHeaders(p)
}

// realms warns of realms that no route with a password has.
func (c *checker) realms(t *Table) {
	used := map[*Setting[string]]bool{}
	for _, r := range t.routes {
		if p := &r.Properties; p.Realm != nil {
			used[p.Realm] = used[p.Realm] || p.Auth != nil && p.Auth.Value.File != ""
		}
	}
	for realm, isUsed := range used {
		if !isUsed {
			c.warn(realm.From, "realm does nothing without auth")
		}
	}
}

// archives warns of archives that no route with listings has.
func (c *checker) archives(t *Table) {
	used := map[*Setting[[]string]]bool{}
	for _, r := range t.routes {
		if p := &r.Properties; p.Archive != nil && len(p.Archive.Value) > 0 {
			used[p.Archive] = used[p.Archive] || p.List.Or(false)
		}
	}
	for archive, isUsed := range used {
		if !isUsed {
			c.warn(archive.From, "archive does nothing without list = true")
		}
	}
}

// contradictions warns of networks that are allowed and denied.
func (c *checker) contradictions(allow, deny *Setting[[]netip.Prefix]) {
	for _, a := range allow.Value {
		for _, d := range deny.Value {
			if within(a, d) {
				c.warn(allow.From, "allow: %s is denied, too (%s %s); deny precedes allow, so nobody there is admitted", a, d, deny.From)
			}
		}
	}
}

// corsHeaders warns of fields for all origins beside a list of origins.
func (c *checker) corsHeaders(p *Properties) {
	if p.CORS == nil || len(p.CORS.Value.Origins) == 0 {
		return
	}
	for _, h := range p.Headers {
		if strings.EqualFold(h.Name, "Access-Control-Expose-Headers") && h.Change == HeaderRemove {
			c.warn(h.From, "without %s, web pages can't read the ranges and validators that cors permits", h.Name)
		}
	}
}

// tryTargets warns of elements of a try list that can't lead to a file.
func (c *checker) tryTargets(r *CompiledRoute) {
	try := r.Properties.Try
	for i, element := range try.Value {
		if strings.HasPrefix(element, TryPath) {
			continue
		}
		route := r.Site.Route([]byte(element))
		why := ""
		switch redirect, _ := r.Site.Redirect([]byte(element)); {
		case redirect != nil:
			why = fmt.Sprintf("it is redirected (%s)", redirect.From)
		case route.Properties.Respond != nil:
			why = fmt.Sprintf("its route has respond (%s)", route.Properties.Respond.From)
		case route.Properties.Root == nil:
			why = "nothing is served there: its route has no root"
		case !route.Properties.DotFiles.Or(false) && HasDotElement(element):
			why = "names that begin with a dot are not served (dotfiles = true serves them)"
		}
		if why != "" {
			c.warn(try.From, "try: %q leads to no file: %s", element, why)
		} else if i+1 < len(try.Value) && slices.Contains(try.Value[i+1:], TryPath) {
			c.warn(try.From, "try: %q precedes {path}, so while it exists, it is sent for every path", element)
		}
	}
}

// HasDotElement reports whether a path has an element that begins with a dot, /.well-known aside (RFC 8615).
func HasDotElement(p string) bool {
	return strings.Contains(strings.TrimPrefix(p+"/", "/.well-known/"), "/.")
}

// loop warns of a redirect from which a client comes back to a redirect again and again.
func (c *checker) loop(t *Table, s *CompiledSite, r *CompiledRedirect) {
	for _, rest := range []string{"", "x"} {
		if rest != "" && !r.prefix {
			return
		}
		at, from := s, r
		rests := []byte(rest)
		var target string
		for hops := 0; from != nil; hops++ {
			if hops >= loopHopsMax {
				c.warn(r.From, "the redirect from %s to %s is a loop: it leads to %s, which is redirected again", r.Path, r.To, clip(target))
				return
			}
			u, err := url.Parse(string(from.AppendLocation(nil, rests, nil)))
			if err != nil {
				return
			}
			if u.Host != "" {
				at = t.Site([]byte(u.Host))
			}
			if at == nil {
				return
			}
			target = u.Path
			p, verdict := request.ResolvePath(nil, []byte(u.EscapedPath()))
			if verdict != request.PathOK {
				return
			}
			from, rests = at.Redirect(p)
		}
	}
}

// loopHopsMax is more than browsers follow.
const loopHopsMax = 50

// clip shortens a path that a loop has made longer and longer.
func clip(p string) string {
	if len(p) > 60 {
		return p[:60] + "..."
	}
	return p
}
