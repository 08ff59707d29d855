package fileserver_test

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The oracle decides about requests by the definitions of docs/configuration.md, as plainly as possible: it looks at every site, every
// route and every name.

// wish is a site, a route or a redirect, or the properties that apply to a path. What is empty or nil is not set.
type wish struct {
	marker         string // of X-Marker, which each route sets
	root, base     string // base is where the root was set
	index          []string
	indexSet       bool // index may be set to nothing
	list, dotFiles *bool
	try            []string
	respond        int
	respondBody    string
	auth           string // a file, or "off"
	admits         string // "allow" and "deny" exclude the client, and "all" allows all
	excluded       [2]bool
	cors           *bool
	errorPages     map[int]string
	cache          string

	hosts             []string // of a site
	isDefault         bool
	routes, redirects []*wish

	path, match string // of a route

	redirectFrom, to string // of a redirect
	redirectStatus   int
	dropQuery        bool
}

// files has the paths of the files, each below the directory of a root.
type files map[string]bool

func (f files) isDirectory(directory string) bool {
	for name := range f {
		if strings.HasPrefix(name, strings.TrimSuffix(directory, "/")+"/") {
			return true
		}
	}
	return false
}

// verdict is what the oracle says of a response.
type verdict struct {
	status   int
	file     string // with the directory of its root; a listing ends with a slash
	location string
	body     string // of an error page or a fixed response
	marker   string
	cache    string
}

// ask is a request.
type ask struct {
	method, host, target string
	password             bool
}

// decide returns the response to a request.
func decide(sites []*wish, tree files, q ask) verdict {
	site := siteOf(sites, q.host)
	raw, query, hasQuery := strings.Cut(q.target, "?")
	p, ok := normalised(raw)
	head := func(status int, r *wish) verdict {
		v := verdict{status: status}
		if r != nil {
			v.marker, v.body = r.marker, r.errorPages[status]
		}
		return v
	}
	var root *wish
	if site != nil {
		root = routeOf(site, "/")
	} else if rest := siteOf(sites, "no.such.host"); rest != nil {
		root = routeOf(rest, "/")
	}
	switch {
	case q.method != http.MethodGet && q.method != http.MethodHead && q.method != http.MethodOptions:
		return head(405, root)
	case site == nil:
		return head(421, root)
	case !ok:
		return head(400, root)
	}
	r := routeOf(site, p)
	options := q.method == http.MethodOptions
	switch {
	case !r.admitsClient():
		return head(403, r)
	case r.hidden(p):
		return head(404, r)
	case options && (isTrue(r.cors) || r.protected()):
		return head(204, r)
	case r.protected() && !q.password:
		return head(401, r)
	}
	if to, location := redirectOf(site, p); to != nil {
		if options {
			return head(204, r)
		}
		v := head(to.redirectStatus, r)
		if v.location = location; hasQuery && query != "" && !to.dropQuery {
			v.location += "?" + query
		}
		return v
	}
	if r.respond != 0 {
		if options {
			return head(204, r)
		}
		v := head(r.respond, r)
		if r.respondBody != "" {
			v.body = r.respondBody
		}
		return v
	}
	file, at, redirected := find(site, tree, r, p)
	switch {
	case redirected:
		v := head(301, r)
		if v.location = escaped(p + "/"); hasQuery && query != "" {
			v.location += "?" + query
		}
		return v
	case at == nil:
		return head(404, r)
	case !at.admitsClient():
		return head(403, r)
	case at.protected() && !q.password:
		return head(401, r)
	case options:
		return head(204, r)
	}
	v := verdict{status: 200, file: file, marker: at.marker, cache: at.cache}
	if last := strings.ToLower(raw[strings.LastIndexByte(raw, '/'):]); strings.HasSuffix(file, "/") && strings.Contains(last, "%2f") {
		v = head(301, r)
		if v.location = escaped(p); hasQuery && query != "" {
			v.location += "?" + query
		}
		return v
	}
	if strings.HasSuffix(file, "/") {
		v.cache = "no-cache"
	}
	return v
}

// find returns the file for a path and the properties of the file's path, or nil, or that the client is redirected to a directory.
func find(site *wish, tree files, r *wish, p string) (file string, at *wish, redirected bool) {
	try := r.try
	if try == nil {
		try = []string{"{path}"}
	}
	isRoot := r.root != "" && p+"/" == r.base
	for _, element := range try {
		suffix, ofPath := strings.CutPrefix(element, "{path}")
		candidate := element
		switch {
		case !ofPath && isRoot:
			continue
		case !ofPath:
			if e := routeOf(site, element); e.hidden(element) || e.respond != 0 {
				continue
			}
		case strings.HasSuffix(p, "/") && suffix != "" && suffix[0] != '/':
			continue
		case strings.HasSuffix(p, "/"):
			candidate = p + strings.TrimPrefix(suffix, "/")
		default:
			candidate = p + suffix
		}
		if !strings.HasSuffix(candidate, "/") {
			if name := nameOf(site, candidate); name != "" && tree[name] {
				return name, routeOf(site, candidate), false
			}
			continue
		}
		directory := routeOf(site, candidate)
		for _, index := range directory.indexNames() {
			if name := nameOf(site, candidate+index); name != "" && tree[name] {
				return name, routeOf(site, candidate+index), false
			}
		}
		if name := nameOf(site, candidate); isTrue(directory.list) && ofPath && candidate == p && name != "" && tree.isDirectory(name) {
			return strings.TrimSuffix(name, "/") + "/", directory, false
		}
	}
	if isRoot {
		return "", nil, true
	}
	name := nameOf(site, p)
	return "", nil, slices.Contains(try, "{path}") && !strings.HasSuffix(p, "/") && name != "" && tree.isDirectory(name)
}

// nameOf returns the name of the file for a path, with the directory of its root, or nothing if no route serves it. The path of a
// route's root without its slash is a name in the root around it.
func nameOf(site *wish, p string) string {
	r := routeOf(site, p)
	if r.respond != 0 || r.root == "" {
		return ""
	}
	if p+"/" == r.base {
		if r = routeOf(site, p[:strings.LastIndex(p, "/")+1]); r.respond != 0 || r.root == "" {
			return ""
		}
	}
	return r.root + "/" + strings.TrimPrefix(p, r.base)
}

// siteOf returns the site of a host, or nil.
func siteOf(sites []*wish, host string) (best *wish) {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	name = strings.TrimSuffix(name, ".")
	length := -1
	for _, s := range sites {
		if s.isDefault && length < 0 {
			best = s
		}
		for _, h := range s.hosts {
			suffix, isWildcard := strings.CutPrefix(h, "*")
			switch {
			case h == name:
				best, length = s, 1000
			case isWildcard && strings.HasSuffix(name, suffix) && len(name) > len(suffix) && len(suffix) > length:
				best, length = s, len(suffix)
			}
		}
	}
	return best
}

// normalised decodes a path and resolves its segments.
func normalised(raw string) (string, bool) {
	decoded, err := url.PathUnescape(raw)
	if err != nil || strings.Contains(decoded, "\x00") {
		return "", false
	}
	var segments []string
	list := strings.Split(decoded, "/")
	for _, s := range list {
		switch s {
		case "", ".":
		case "..":
			if len(segments) == 0 {
				return "", false
			}
			segments = segments[:len(segments)-1]
		default:
			segments = append(segments, s)
		}
	}
	p := "/" + strings.Join(segments, "/")
	if last := list[len(list)-1]; p != "/" && (last == "" || last == "." || last == "..") {
		p += "/"
	}
	return p, true
}

// routeOf returns the properties that apply to a path.
func routeOf(site *wish, p string) *wish {
	var enclosing, matching []*wish
	for _, r := range site.routes {
		prefix := strings.TrimSuffix(r.path, "/") + "/"
		if !strings.HasPrefix(p+"/", prefix) {
			continue
		}
		if r.match == "" {
			enclosing = append(enclosing, r)
		} else if matches(r.match, p) {
			matching = append(matching, r)
		}
	}
	sort.Slice(enclosing, func(i, k int) bool {
		return len(strings.TrimSuffix(enclosing[i].path, "/")) < len(strings.TrimSuffix(enclosing[k].path, "/"))
	})
	merged := *site
	merged.base = "/"
	merged.settle(site)
	for _, r := range enclosing {
		merged.add(r)
	}
	sort.Slice(matching, func(i, k int) bool {
		a, b := matching[i], matching[k]
		if x, y := strings.TrimSuffix(a.path, "/"), strings.TrimSuffix(b.path, "/"); len(x) != len(y) {
			return len(x) > len(y)
		}
		if x, y := literals(a.match), literals(b.match); x != y {
			return x > y
		}
		return a.match < b.match
	})
	if len(matching) > 0 {
		merged.add(matching[0])
	}
	return &merged
}

// matches reports whether a pattern of a route matches a path.
func matches(pattern, p string) bool {
	if strings.HasSuffix(p, "/") {
		return false
	}
	subject := p
	if !strings.Contains(pattern, "/") {
		subject = path.Base(p)
	}
	ok, err := path.Match(pattern, subject)
	return ok && err == nil
}

// literals counts the characters of a pattern that stand for themselves. The patterns of the oracle have no classes.
func literals(pattern string) int {
	return len(pattern) - strings.Count(pattern, "*") - strings.Count(pattern, "?")
}

// settle notes whether the client is excluded by an allow, and by a deny.
func (w *wish) settle(own *wish) {
	switch own.admits {
	case "allow":
		w.excluded[0] = true
	case "deny":
		w.excluded[1] = true
	case "all":
		w.excluded[0] = false
	}
}

// add puts the properties of a route on top.
func (w *wish) add(r *wish) {
	if r.root != "" {
		w.root, w.base, w.respond, w.respondBody = r.root, strings.TrimSuffix(r.path, "/")+"/", 0, ""
	}
	if r.indexSet {
		w.index, w.indexSet = r.index, true
	}
	if r.list != nil {
		w.list = r.list
	}
	if r.dotFiles != nil {
		w.dotFiles = r.dotFiles
	}
	if r.try != nil {
		w.try = r.try
	}
	if r.respond != 0 {
		w.respond, w.respondBody = r.respond, r.respondBody
	}
	if r.auth != "" {
		w.auth = r.auth
	}
	w.settle(r)
	if r.cors != nil {
		w.cors = r.cors
	}
	pages := map[int]string{}
	for _, from := range []map[int]string{w.errorPages, r.errorPages} {
		for status, page := range from {
			pages[status] = page
		}
	}
	w.errorPages = pages
	if r.marker != "" {
		w.marker = r.marker
	}
	if r.cache != "" {
		w.cache = r.cache
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

func (w *wish) protected() bool { return w.auth != "" && w.auth != "off" }

func (w *wish) admitsClient() bool { return w.excluded == [2]bool{} }

func (w *wish) indexNames() []string {
	if w.indexSet {
		return w.index
	}
	return []string{"index.html"}
}

// hidden reports whether a path has a name that begins with a dot and is not served.
func (w *wish) hidden(p string) bool {
	for i, segment := range strings.Split(p, "/") {
		if strings.HasPrefix(segment, ".") && !isTrue(w.dotFiles) && (i != 1 || segment != ".well-known") {
			return true
		}
	}
	return false
}

// redirectOf returns the redirect of a path, and its target without a query.
func redirectOf(site *wish, p string) (best *wish, location string) {
	for _, r := range site.redirects {
		from, isPrefix := strings.CutSuffix(r.redirectFrom, "/*")
		if !isPrefix && r.redirectFrom == p {
			return r, r.to
		}
		if isPrefix && strings.HasPrefix(p+"/", from+"/") && (best == nil || len(r.redirectFrom) > len(best.redirectFrom)) {
			best, location = r, r.to
			if to, ok := strings.CutSuffix(r.to, "/*"); ok {
				location = to + "/" + escaped(strings.TrimPrefix(strings.TrimPrefix(p, from), "/"))
			}
		}
	}
	return best, location
}

// escaped escapes a path for a URL; both sides of the comparison are decoded before they are compared.
func escaped(p string) string { return (&url.URL{Path: p}).EscapedPath() }

// String is for messages.
func (v verdict) String() string {
	return strings.Join([]string{strconv.Itoa(v.status), v.file, v.location, v.body, v.marker, v.cache}, " | ")
}
