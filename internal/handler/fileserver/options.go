package fileserver

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sites"
)

// Options says what the file server serves and how. The zero value of each field is off.
type Options struct {
	Mounts       []*docroot.Mount
	Access       []*docroot.AccessRule // who may have what, by the paths that are requested
	Limits       request.Limits
	Body         request.BodyLimits
	RangesMax    int      // ranges in one request; a request with more gets the whole file
	Index        []string // names that stand for a directory, the first that is there
	List         bool     // directories without an index are listed
	Archive      []string // formats of archives of such directories
	ListMax      int      // entries that a listing shows
	SPA          string   // path of a file that is sent instead of 404
	DotFiles     bool     // names that begin with a dot are served
	Precompress  bool     // name.zst, name.br and name.gz may be sent for name
	Compress     bool     // the server compresses files
	CORS         bool     // any origin may read
	Fields       []Field  // fields of every response
	CacheControl []Glob   // the first that matches counts
	Types        *response.MediaTypes
	TypeGlobs    []Glob // go before Types; the first that matches counts
	ErrorPages   map[response.Status]ErrorPage
	TLS          *sites.TLS // nil: there is no https
	HTTPSPort    uint16     // as in Common
	Challenges   Challenges // as in Common
}

// Field is a header field.
type Field struct{ Name, Value string }

// Glob gives a value to the files that match a pattern of path.Match. A pattern with a slash is compared with the whole
// path of the file, that of the mount included, which begins with a slash; one without, with its last element.
type Glob struct{ Pattern, Value string }

// ErrorPage is the body of a response that reports an error.
type ErrorPage struct {
	Type string
	Body []byte
}

// New returns the handler of `aws serve`. The error says which option is wrong.
func New(o Options) (handler.Handler, error) {
	table, err := docroot.NewTable(o.Mounts...)
	if err != nil {
		return nil, err
	}
	access, err := docroot.NewAccessTable(o.Access...)
	if err != nil {
		return nil, err
	}
	common, cache, err := commonFields(&o)
	if err != nil {
		return nil, err
	}
	common, added := splitVary(common)
	for _, globs := range [][]Glob{o.CacheControl, o.TypeGlobs} {
		for _, g := range globs {
			if err := g.check(); err != nil {
				return nil, err
			}
		}
	}
	routes, err := routeTable(&o)
	if err != nil {
		return nil, err
	}
	s := newServer(&Common{Limits: o.Limits, Body: o.Body, RangesMax: o.RangesMax, ListMax: o.ListMax, Types: o.Types, HTTPSPort: o.HTTPSPort, Challenges: o.Challenges}, routes)
	s.mounts = table.Mounts()
	for _, m := range s.mounts {
		s.siteOf[m] = routes.Sites()[0]
	}
	base := policy{
		index: o.Index, list: o.List, archives: formatsOf(o.Archive), dotFiles: o.DotFiles, precompress: o.Precompress, listingField: true,
		challenge: defaultChallenge, common: common, vary: newVaryValues(added, false), cacheControl: cache, errorPages: o.ErrorPages,
		textType: textType, attempts: []attempt{{directoryCounts: true}},
		ofFiles: &filesByGlobs{types: s.types, typeGlobs: o.TypeGlobs, cacheControls: o.CacheControl},
	}
	for _, f := range o.Fields {
		base.settled = append(base.settled, f.Name)
	}
	if o.Compress {
		base.compress = &defaultCompressRule
	}
	if o.CORS {
		base.cors = &cors{methods: allowedMethods, maxAge: "86400"}
	}
	if o.SPA != "" {
		// That of a directory does not count: a redirection there would never end.
		base.attempts = append(base.attempts, attempt{path: []byte(o.SPA)})
	}
	for _, r := range routes.Routes() {
		p := base
		p.setMount(table.Match([]byte(r.Prefix)))
		p.rule = access.Match([]byte(r.Prefix))
		s.policies = append(s.policies, p)
	}
	s.resolvePaths()
	s.fallback = s.policyOf(routes.Sites()[0], rootPath)
	return s, nil
}

// filesByGlobs implements fileRules for Options.
type filesByGlobs struct {
	types                    *response.MediaTypes
	typeGlobs, cacheControls []Glob
}

func (f *filesByGlobs) mediaType(_ *policy, path string) string {
	mediaType, ok := globMatch(f.typeGlobs, path)
	if !ok {
		mediaType = f.types.Lookup(path)
	}
	return response.WithCharset(mediaType)
}

func (f *filesByGlobs) cacheControl(_ *policy, path string) string {
	value, _ := globMatch(f.cacheControls, path)
	return value
}

// routeTable returns the routes of a single site: one for each prefix of a mount or of an access rule.
func routeTable(o *Options) (*sites.Table, error) {
	prefixes := map[string]bool{"/": true}
	site := sites.Site{Default: true}
	if o.TLS != nil {
		site.TLS = *o.TLS
	}
	add := func(prefix string) {
		if !prefixes[prefix] {
			prefixes[prefix] = true
			site.Routes = append(site.Routes, sites.Route{Path: prefix})
		}
	}
	for _, m := range o.Mounts {
		add(m.Prefix)
	}
	for _, r := range o.Access {
		add(r.Prefix)
	}
	table, problems := sites.NewTable(sites.Defaults{}, []sites.Site{site})
	for _, p := range problems {
		if !p.Warning {
			return nil, errors.New(p.Text)
		}
	}
	return table, nil
}

// check reports why a glob can't be.
func (g *Glob) check() error {
	if _, err := path.Match(g.Pattern, ""); err != nil {
		return fmt.Errorf("pattern %q: %w", g.Pattern, err)
	}
	if strings.Contains(g.Pattern, "/") && !strings.HasPrefix(g.Pattern, "/") && !strings.HasPrefix(g.Pattern, "*") {
		return fmt.Errorf("pattern %q matches nothing: one with a slash is compared with whole paths, which begin with a slash; write %q",
			g.Pattern, "/"+g.Pattern)
	}
	if !response.ValidField("X", g.Value) {
		return fmt.Errorf("pattern %q: %q can't be the value of a field", g.Pattern, g.Value)
	}
	return nil
}

// globMatch returns the value of the first glob that matches a path.
func globMatch(globs []Glob, name string) (string, bool) {
	for _, g := range globs {
		subject := name
		if !strings.Contains(g.Pattern, "/") {
			subject = path.Base(name)
		}
		if ok, err := path.Match(g.Pattern, subject); ok && err == nil {
			return g.Value, true
		}
	}
	return "", false
}
