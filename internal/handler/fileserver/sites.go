package fileserver

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/rate"
	"aws/internal/response"
	"aws/internal/sites"
)

// SiteOptions says which sites the file server serves. What the properties of routes name has been opened and read.
type SiteOptions struct {
	Common
	Table *sites.Table
	Roots map[RootKey]kernel.Root       // of all routes
	Users map[string]*docroot.Passwords // by the names of their files
	Pages map[string][]byte             // error pages, by the names of their files
}

// RootKey identifies an open root. Routes with the same directory and different policies of links have a root each, so that
// what was opened under one policy is not used under another one.
type RootKey struct {
	Root     *sites.Setting[sites.Root]
	Symlinks sites.Symlinks
}

// RootKeyOf returns the key of the root of a route that has one.
func RootKeyOf(p *sites.Properties) RootKey {
	return RootKey{Root: p.Root, Symlinks: p.Symlinks.Or(sites.SymlinksWithinRoot)}
}

// NewSites returns the handler of `aws serve` for sites. A root has a mount for each way in which its
// files are read, and for each policy of links.
func NewSites(o *SiteOptions) handler.Handler {
	c := siteCompiler{
		options: o, server: newServer(&o.Common, o.Table), mounts: map[mountKey]*docroot.Mount{},
		rules: map[string]*docroot.AccessRule{}, pages: map[*sites.ErrorPage]map[response.Status]ErrorPage{},
		limits: map[limitKey]*rate.Limit{}, totals: map[*sites.Setting[int64]]*rate.Total{},
		tries: map[*sites.Setting[[]string]][]attempt{}, origins: map[*sites.Setting[sites.CORS]]*cors{}, heads: map[headsKey]heads{}, compressRules: map[compressKey]*compressRule{},
	}
	s := c.server
	for _, r := range o.Table.Routes() {
		s.policies = append(s.policies, c.policy(r))
	}
	s.resolvePaths()
	if site := o.Table.Site(nil); site != nil {
		s.fallback = s.policyOf(site, rootPath)
	} else {
		p := c.policy(&sites.CompiledRoute{})
		s.fallback = &p
	}
	return s
}

// siteCompiler makes policies. What is the same for many routes, they share.
type siteCompiler struct {
	options       *SiteOptions
	server        *fileServer
	mounts        map[mountKey]*docroot.Mount
	rules         map[string]*docroot.AccessRule
	pages         map[*sites.ErrorPage]map[response.Status]ErrorPage
	tries         map[*sites.Setting[[]string]][]attempt
	origins       map[*sites.Setting[sites.CORS]]*cors
	heads         map[headsKey]heads
	limits        map[limitKey]*rate.Limit
	totals        map[*sites.Setting[int64]]*rate.Total
	compressRules map[compressKey]*compressRule
}

// limitKey identifies the limit of a route.
type limitKey struct {
	ofConn int64
	total  *rate.Total
}

type compressKey struct {
	types    *sites.Setting[[]string]
	bytesMin *sites.Setting[int64]
}

// heads are the fields of every response, which depend on header settings and CORS alone.
type heads struct {
	common  []Field
	settled []string
	vary    *varyValues
}

type headsKey struct {
	first *sites.Header // routes that inherit all share the slice
	cors  *cors
}

type mountKey struct {
	root RootKey
	kind docroot.Kind
}

// policy returns the policy of a route, without what depends on other policies.
func (c *siteCompiler) policy(r *sites.CompiledRoute) policy {
	q := &r.Properties
	p := policy{
		index: q.Index.Or(defaultIndex), list: q.List.Or(false), archives: formatsOf(q.Archive.Or(nil)), dotFiles: q.DotFiles.Or(false), precompress: q.Precompressed.Or(true), symlinks: q.Symlinks.Or(sites.SymlinksWithinRoot),
		properties: q, restricted: q.Allow != nil || q.Deny != nil, ofFiles: filesByProperties{c.server.types}, challenge: defaultChallenge, textType: textType, attempts: c.attempts(q.Try),
	}
	if q.Auth != nil && q.Auth.Value.File != "" {
		p.rule, p.challenge = c.rule(q.Auth.Value.File), challengeOf(q.Realm.Or(defaultRealm))
	}
	if q.Compress.Or(false) {
		p.compress = c.compressRule(q)
	}
	if q.CORS != nil && len(q.CORS.Value.Origins) > 0 {
		p.cors = c.corsOf(q.CORS)
	}
	h := c.fields(q.Headers, p.cors)
	p.common, p.settled, p.vary = h.common, h.settled, h.vary
	p.listingField = !p.settles("Content-Security-Policy")
	p.errorPages, p.limit = c.errorPages(q), c.limit(q)
	switch {
	case q.Respond != nil:
		p.respond = fixedOf(&q.Respond.Value)
	case q.Root != nil:
		p.setMount(c.mount(r))
	}
	return p
}

// mount returns the mount of a route that has a root.
func (c *siteCompiler) mount(r *sites.CompiledRoute) *docroot.Mount {
	key := mountKey{root: RootKeyOf(&r.Properties)}
	if r.Properties.Dynamic.Or(false) {
		key.kind = docroot.Dynamic
	}
	if m := c.mounts[key]; m != nil {
		return m
	}
	root := key.root.Root.Value
	m := &docroot.Mount{
		Site: r.Site.Name, Prefix: root.Base, Strip: len(root.Base), Root: c.options.Roots[key.root], Kind: key.kind, Dir: root.Directory,
		Number: len(c.mounts) + 1,
	}
	c.mounts[key] = m
	c.server.mounts = append(c.server.mounts, m)
	c.server.siteOf[m] = r.Site
	return m
}

// limit returns the limit of the rates of a route, or nil. Routes that have inherited a total share it.
func (c *siteCompiler) limit(q *sites.Properties) *rate.Limit {
	key := limitKey{ofConn: q.LimitRate.Or(0)}
	if q.TotalRate.Or(0) > 0 {
		if key.total = c.totals[q.TotalRate]; key.total == nil {
			key.total = rate.NewTotal(q.TotalRate.Value)
			c.totals[q.TotalRate] = key.total
		}
	}
	if key == (limitKey{}) {
		return nil
	}
	l := c.limits[key]
	if l == nil {
		l = &rate.Limit{OfConn: key.ofConn, Total: key.total}
		c.limits[key] = l
	}
	return l
}

// rule returns the rule of a file with users. All routes that name the file have the same.
func (c *siteCompiler) rule(file string) *docroot.AccessRule {
	r := c.rules[file]
	if r == nil {
		r = &docroot.AccessRule{Prefix: file, Users: c.options.Users[file]}
		c.rules[file] = r
	}
	return r
}

// compressRule returns the form of the settings of compression that requests use.
func (c *siteCompiler) compressRule(q *sites.Properties) *compressRule {
	key := compressKey{q.CompressTypes, q.CompressMinBytes}
	r := c.compressRules[key]
	if r == nil {
		r = &compressRule{types: q.CompressTypes.Or(response.DefaultCompressTypes), bytesMin: q.CompressMinBytes.Or(response.CompressMinBytesDefault)}
		c.compressRules[key] = r
	}
	return r
}

// filesByProperties implements fileRules for sites.
type filesByProperties struct{ types *response.MediaTypes }

func (f filesByProperties) mediaType(p *policy, path string) string {
	charset := p.properties.Charset.Or("utf-8")
	mediaType, ok := p.properties.MediaType(path)
	if !ok {
		mediaType = strings.TrimSuffix(f.types.Lookup(path), "; charset=utf-8") // which the table adds
	}
	if charset == "" || response.WithCharset(mediaType) == mediaType {
		return mediaType
	}
	return mediaType + "; charset=" + charset
}

func (f filesByProperties) cacheControl(p *policy, _ string) string {
	return p.properties.CacheControl.Or("")
}

// errorPages returns the error pages of a route.
func (c *siteCompiler) errorPages(p *sites.Properties) map[response.Status]ErrorPage {
	if len(p.ErrorPages) == 0 {
		return nil
	}
	key := &p.ErrorPages[0] // routes that inherit all share the slice
	if pages := c.pages[key]; pages != nil {
		return pages
	}
	pages := map[response.Status]ErrorPage{}
	for _, e := range p.ErrorPages {
		pages[e.Status] = ErrorPage{Type: response.WithCharset(c.server.types.Lookup(e.File)), Body: c.options.Pages[e.File]}
	}
	c.pages[key] = pages
	return pages
}

// defaultIndex is what stands for a directory.
var defaultIndex = []string{"index.html"}

// attempts returns the attempts of a try list.
func (c *siteCompiler) attempts(try *sites.Setting[[]string]) []attempt {
	attempts, ok := c.tries[try]
	if !ok {
		attempts = attemptsOf(try)
		c.tries[try] = attempts
	}
	return attempts
}

// attemptsOf returns the attempts of a try list. Where a list has the path itself, a directory without its slash is there if
// nothing else is.
func attemptsOf(try *sites.Setting[[]string]) []attempt {
	list := try.Or([]string{sites.TryPath})
	var attempts []attempt
	for i, element := range list {
		suffix, ok := strings.CutPrefix(element, sites.TryPath)
		if !ok {
			attempts = append(attempts, attempt{path: []byte(element)})
			continue
		}
		attempts = append(attempts, attempt{suffix: suffix, directoryCounts: suffix == "" && i == len(list)-1})
	}
	if !attempts[len(attempts)-1].directoryCounts && slices.Contains(list, sites.TryPath) {
		attempts = append(attempts, attempt{directoryCounts: true, onlyName: true})
	}
	return attempts
}

// fields returns what fieldsOf returns, once for all routes that have the same.
func (c *siteCompiler) fields(headers []sites.Header, cors *cors) heads {
	key := headsKey{cors: cors}
	if len(headers) > 0 {
		key.first = &headers[0]
	}
	h, ok := c.heads[key]
	if !ok {
		h = fieldsOf(headers, cors)
		c.heads[key] = h
	}
	return h
}

// corsOf returns the form of a setting that requests use.
func (c *siteCompiler) corsOf(s *sites.Setting[sites.CORS]) *cors {
	o := c.origins[s]
	if o == nil {
		o = newCORS(&s.Value)
		c.origins[s] = o
	}
	return o
}

// fieldsOf returns the fields of every response of a route, and the names of those that the configuration settles. What the
// configuration adds leaves the server's own fields out, too: a field of the server is not there twice.
func fieldsOf(headers []sites.Header, c *cors) heads {
	var h heads
	fields := []Field{{"Server", "aws"}, {"X-Content-Type-Options", "nosniff"}}
	if c != nil {
		if c.origins == nil {
			fields = append(fields, Field{"Access-Control-Allow-Origin", "*"})
		}
		fields = append(fields, Field{"Access-Control-Expose-Headers", exposedFields})
	}
	for _, s := range headers {
		h.settled = append(h.settled, s.Name)
		fields = slices.DeleteFunc(fields, func(f Field) bool { return strings.EqualFold(f.Name, s.Name) })
	}
	for _, s := range headers {
		if s.Change != sites.HeaderRemove {
			fields = append(fields, Field{s.Name, s.Value})
		}
	}
	var added []string
	h.common, added = splitVary(fields)
	h.vary = newVaryValues(added, c != nil && c.origins != nil)
	return h
}

func newCORS(s *sites.CORS) *cors {
	c := &cors{origins: s, methods: "GET, HEAD"}
	if slices.Contains(s.Origins, "*") {
		c.origins = nil
	}
	if len(s.Methods) > 0 {
		c.methods = strings.Join(s.Methods, ", ")
	}
	if s.MaxAge > 0 {
		c.maxAge = strconv.FormatInt(int64(s.MaxAge/time.Second), 10)
	}
	return c
}

func fixedOf(r *sites.Respond) *fixed {
	f := &fixed{status: r.Status, mediaType: textType}
	if r.Type != "" {
		f.mediaType = response.WithCharset(r.Type)
	}
	if r.Body != "" {
		f.body = []byte(r.Body)
	}
	return f
}
