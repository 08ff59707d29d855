package sites

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// CompiledRoute is a prefix of a site, alone or with a pattern, with its effective properties.
type CompiledRoute struct {
	Site       *CompiledSite
	Number     int    // index in Table.Routes
	Prefix     string // begins and ends with a slash; also covers the path without the last slash
	Match      string // empty: the route of all paths of the prefix that match no pattern
	Properties Properties
	From       Origin // of the route that was chosen
	isOwn      bool   // the file has this route with this prefix, and it is not there because of an enclosing one
}

// node is what applies at a prefix of a site. A site has a node for "/" and one for each prefix that a route names.
type node struct {
	globs  []glob          // those that apply below the prefix, the one that precedes the others first
	routes []CompiledRoute // that of the prefix, and then one for each of globs
	first  int             // the number of the first route; the others follow
}

// Route returns the route of a normalised path. A site has a route for every path. It does not allocate memory.
func (s *CompiledSite) Route(path []byte) *CompiledRoute {
	n := &s.nodes[s.prefixes.find(path)]
	return &n.routes[n.choose(path)]
}

// RouteNumber returns the number of a path's route. It is faster than Route, because it does not read the route.
func (s *CompiledSite) RouteNumber(path []byte) int {
	n := &s.nodes[s.prefixes.find(path)]
	return n.first + n.choose(path)
}

// choose returns the index of the route of a path.
func (n *node) choose(path []byte) int {
	if len(n.globs) > 0 {
		name := lastElement(path)
		for i := range n.globs {
			if n.globs[i].matches(path, name) {
				return i + 1
			}
		}
	}
	return 0
}

// compileRoutes makes the nodes of a site. Routes that can't be compiled have been removed before.
func (s *CompiledSite) compileRoutes(site Properties, from Origin, routes []Route, patterns globLists, add func(*CompiledRoute)) {
	own := map[string]*Route{}
	var globs []*Route
	keys := []string{"/"}
	for i := range routes {
		r := &routes[i]
		keys = append(keys, routeKey(r.Path))
		if r.Match == "" {
			own[routeKey(r.Path)] = r
		} else {
			globs = append(globs, r)
		}
	}
	s.prefixes = newPrefixes(keys)
	s.nodes = make([]node, s.prefixes.count())
	slices.SortFunc(globs, compareGlobs)
	for i := range s.nodes { // a parent is before its children
		key := string(s.prefixes.key(i))
		inherited, at := site, from
		if parent := s.prefixes.keys[i].parent; parent >= 0 {
			up := &s.nodes[parent].routes[0]
			inherited, at = up.Properties, up.From
		}
		if r := own[key]; r != nil {
			inherited, at = inherit(inherited, r.Properties, key), r.From
		}
		here := slices.DeleteFunc(slices.Clone(globs), func(r *Route) bool { return !strings.HasPrefix(key, routeKey(r.Path)) })
		n := node{globs: patterns.of(here), routes: make([]CompiledRoute, 0, 1+len(here))}
		n.routes = append(n.routes, CompiledRoute{Site: s, Prefix: key, Properties: inherited, From: at, isOwn: own[key] != nil})
		for _, r := range here {
			n.routes = append(n.routes, CompiledRoute{
				Site: s, Prefix: key, Match: r.Match, Properties: inherit(inherited, r.Properties, key), From: r.From, isOwn: routeKey(r.Path) == key,
			})
		}
		for k := range n.routes {
			add(&n.routes[k])
		}
		n.first = n.routes[0].Number
		s.nodes[i] = n
	}
}

// globLists are lists of patterns that prefixes and sites have in common.
type globLists map[string][]glob

// of returns the patterns of routes.
func (lists globLists) of(routes []*Route) []glob {
	var name strings.Builder
	for _, r := range routes {
		fmt.Fprintf(&name, "%q", r.Match)
	}
	if l, ok := lists[name.String()]; ok {
		return l
	}
	l := make([]glob, len(routes))
	for i, r := range routes {
		l[i] = newGlob(r.Match)
	}
	lists[name.String()] = l
	return l
}

// compareGlobs compares routes with patterns by precedence. The one that precedes is the smaller one.
func compareGlobs(a, b *Route) int {
	return cmp.Or(
		cmp.Compare(len(routeKey(b.Path)), len(routeKey(a.Path))),
		cmp.Compare(literalCount(b.Match), literalCount(a.Match)),
		strings.Compare(a.Match, b.Match),
		strings.Compare(a.Path, b.Path),
	)
}
