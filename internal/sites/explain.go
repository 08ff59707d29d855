package sites

import (
	"fmt"
	"strings"

	"aws/internal/request"
)

// Explanation says what applies to a host and a path, and why.
type Explanation struct {
	Host, Path string        // as they were looked up: the path is normalised
	Site       *CompiledSite // nil: no site has the host, and the response is 421
	HostRule   string        // the host of the site that matched; empty: the default site
	Route      *CompiledRoute
	Redirect   *CompiledRedirect // nil: the path is not redirected
	Location   string            // of the redirect, without a query
	Properties []Property        // that apply, each with its place; those that are not listed have their defaults
}

// Explain explains what applies to a host and to the path of a request target, which need not be normalised. The error says
// why such a path gets 400.
func (t *Table) Explain(host, path string) (*Explanation, error) {
	resolved, verdict := request.ResolvePath(nil, []byte(path))
	if verdict != request.PathOK {
		return nil, fmt.Errorf("the path %q gets 400: %s", path, verdict)
	}
	e := &Explanation{Host: host, Path: string(resolved), Site: t.Site([]byte(host))}
	if e.Site == nil {
		return e, nil
	}
	e.HostRule = e.Site.hostRule(host)
	e.Route = e.Site.Route(resolved)
	e.Properties = e.Route.Properties.All()
	r, rest := e.Site.Redirect(resolved)
	if r != nil {
		e.Redirect, e.Location = r, string(r.AppendLocation(nil, rest, nil))
	}
	return e, nil
}

// hostRule returns the host of the site that an authority matches, or "".
func (s *CompiledSite) hostRule(authority string) string {
	var buf [hostBytesMax]byte
	host, ok := appendHost(buf[:0], []byte(authority))
	if !ok {
		return ""
	}
	best, rule := -1, ""
	for _, h := range s.Hosts {
		key, wildcard, err := hostKey(h.Name)
		if err != nil {
			continue
		}
		length := len(key)
		if !wildcard {
			length = hostBytesMax + 1
			if canonical, _, err := hostKey(string(host)); err != nil || canonical != key {
				continue
			}
		} else if len(host) <= len(key) || !strings.HasSuffix(string(host), key) {
			continue
		}
		if length > best {
			best, rule = length, h.Name
		}
	}
	return rule
}

// String returns the explanation in lines.
func (e *Explanation) String() string {
	var b strings.Builder
	if e.Site == nil {
		fmt.Fprintf(&b, "site: none has the host %s, and there is no default site: 421\n", e.Host)
		return b.String()
	}
	rule := "the default site"
	if e.HostRule != "" {
		rule = "host " + e.HostRule
	}
	fmt.Fprintf(&b, "site: %s, %s (%s)\n", e.Site.Name, rule, e.Site.From)
	fmt.Fprintf(&b, "path: %s\n", e.Path)
	if e.Redirect != nil {
		fmt.Fprintf(&b, "redirect: %d to %s (%s)\n", e.Redirect.Status, e.Location, e.Redirect.From)
	}
	route := e.Route.Prefix
	if e.Route.Match != "" {
		route += ", match " + e.Route.Match
	}
	fmt.Fprintf(&b, "route: %s (%s)\n", route, e.Route.From)
	for _, p := range e.Properties {
		fmt.Fprintf(&b, "%s: %s (%s)\n", p.Key, p.Value, p.From)
	}
	return b.String()
}
