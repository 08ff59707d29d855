package sites

import (
	"fmt"
	"strconv"
	"strings"

	"aws/internal/request"
)

// Explanation says what applies to a host and a path, and why.
type Explanation struct {
	Host, Path string        // as they were looked up: the path is normalised, or empty if it gets 400
	Site       *CompiledSite // nil: no site has the host, and the response is 421
	HostRule   string        // the host of the site that matched; empty: the default site
	Route      *CompiledRoute
	Redirect   *CompiledRedirect // nil: the path is not redirected
	Location   string            // of the redirect, without a query
	Properties []Property        // that apply, each with its place; those that are not listed have their defaults
}

// Explain explains what applies to a host and to the path of a request target, which need not be normalised. The error says
// why such a path gets 400, and nothing but the site applies then.
func (t *Table) Explain(host, path string) (*Explanation, error) {
	e := &Explanation{Host: host, Site: t.Site([]byte(host))}
	if e.Site != nil {
		e.HostRule = e.Site.hostRule(host)
	}
	resolved, verdict := request.ResolvePath(nil, []byte(path))
	if verdict != request.PathOK {
		if e.Site != nil {
			e.setRoute(rootPath)
		}
		return e, fmt.Errorf("the path %q gets 400: %s", path, verdict)
	}
	e.Path = string(resolved)
	if e.Site == nil {
		return e, nil
	}
	e.setRoute(resolved)
	r, rest := e.Site.Redirect(resolved)
	if r != nil {
		e.Redirect, e.Location = r, string(r.AppendLocation(nil, rest, nil))
	}
	return e, nil
}

// ExplainMalformed explains what applies to a request that is malformed, so that neither host nor path are known: the properties of
// the default site. It returns nil if there is none.
func (t *Table) ExplainMalformed() *Explanation {
	e := &Explanation{Site: t.Site(nil)}
	if e.Site == nil {
		return nil
	}
	e.setRoute(rootPath)
	return e
}

// rootPath is the path whose route has the properties of responses to requests without one.
var rootPath = []byte{'/'}

func (e *Explanation) setRoute(path []byte) {
	e.Route = e.Site.Route(path)
	e.Properties = e.Route.Properties.All()
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
	for _, p := range e.Site.TLS.All() {
		fmt.Fprintf(&b, "%s: %s (%s)\n", p.Key, p.Value, p.From)
	}
	if e.Path != "" {
		fmt.Fprintf(&b, "path: %s\n", printable(e.Path))
	}
	if e.Redirect != nil {
		fmt.Fprintf(&b, "redirect: %d to %s (%s)\n", e.Redirect.Status, e.Location, e.Redirect.From)
	}
	e.Route.explain(&b, "route")
	return b.String()
}

// OfFile returns the lines about the path of the file that is sent, if another route than that of the request applies to it, as may
// be with an index and a try list. It has the properties of that route.
func (e *Explanation) OfFile(path string) string {
	if e.Site == nil || e.Site.Route([]byte(path)) == e.Route {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "path of the file: %s\n", printable(path))
	e.Site.Route([]byte(path)).explain(&b, "route of the file")
	return b.String()
}

// explain appends the route and the properties that apply there, each with its place.
func (r *CompiledRoute) explain(b *strings.Builder, name string) {
	route := r.Prefix
	if r.Match != "" {
		route += ", match " + r.Match
	}
	fmt.Fprintf(b, "%s: %s (%s)\n", name, printable(route), r.From)
	for _, p := range r.Properties.All() {
		fmt.Fprintf(b, "%s: %s (%s)\n", p.Key, p.Value, p.From)
	}
}

// printable returns a path in quotes if it has a character that can't be printed, so that it stays in its line.
func printable(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}
