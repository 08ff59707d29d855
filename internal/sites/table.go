package sites

import (
	"cmp"
	"fmt"
	"slices"
)

// Table contains the sites of a server.
type Table struct {
	sites            []*CompiledSite
	routes           []*CompiledRoute
	exact            map[string]*CompiledSite
	wildcards        map[string]*CompiledSite // by the part from the first dot on
	wildcardBytesMax int                      // length of the longest key of wildcards
	fallback         *CompiledSite            // the default site, or nil
	only             *CompiledSite            // fallback, if no site has a host
}

// CompiledSite is a site whose routes have their effective properties.
type CompiledSite struct {
	prefixes         prefixes // of the routes; "/" is the first
	nodes            []node   // by prefix
	exactRedirects   map[string]*CompiledRedirect
	redirectPrefixes prefixes
	prefixRedirects  []*CompiledRedirect // by prefix

	Name   string
	Number int // index in Table.Sites
	From   Origin
	Hosts  []Host
	TLS    *TLS

	// What requests ask of TLS.
	RedirectHTTP       bool
	DemandsCertificate bool   // only clients with a valid certificate are admitted
	AsksCertificate    bool   // what a client may have can depend on its certificate
	HSTS               string // value of Strict-Transport-Security; empty: none
}

// Sites returns the sites, in the order given to NewTable.
func (t *Table) Sites() []*CompiledSite { return t.sites }

// Routes returns the routes of all sites, by their numbers.
func (t *Table) Routes() []*CompiledRoute { return t.routes }

// NewTable compiles sites. Each site inherits what it does not set from defaults. The problems are sorted by their places. If
// one of them is not a warning, the table is nil.
func NewTable(defaults Defaults, sites []Site) (*Table, []Problem) {
	c := checker{hosts: map[string]Origin{}, names: map[string]Origin{}}
	t := &Table{exact: map[string]*CompiledSite{}, wildcards: map[string]*CompiledSite{}}
	c.properties("[defaults]", &defaults.Properties)
	c.defaultTLS(&defaults.TLS, sites)
	for i := range sites {
		c.site(&sites[i], &defaults.TLS)
	}
	c.defaultSites(sites)
	if !c.failed() {
		patterns := globLists{}
		for i := range sites {
			t.add(&defaults, &sites[i], patterns)
		}
		if len(t.exact)+len(t.wildcards) == 0 {
			t.only = t.fallback
		}
		c.compiled(t)
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.From.Source, b.From.Source), cmp.Compare(a.From.Line, b.From.Line), cmp.Compare(a.From.Column, b.From.Column),
			cmp.Compare(a.Text, b.Text))
	})
	c.problems = slices.Compact(c.problems) // one of [defaults] may be that of several sites
	if c.failed() {
		return nil, c.problems
	}
	return t, c.problems
}

// add compiles a site that has no problems.
func (t *Table) add(defaults *Defaults, site *Site, patterns globLists) {
	tls := inheritTLS(&defaults.TLS, &site.TLS)
	s := &CompiledSite{Name: site.name(), Number: len(t.sites), From: site.From, Hosts: site.Hosts, TLS: &tls}
	s.RedirectHTTP, s.HSTS = tls.RedirectHTTP.Or(false), tls.HSTS.Or("")
	auth := tls.ClientCertificates.Or(clientCertificatesOff)
	s.DemandsCertificate, s.AsksCertificate = auth == clientCertificatesRequired, auth != clientCertificatesOff
	t.sites = append(t.sites, s)
	for _, h := range site.Hosts {
		key, wildcard, err := hostKey(h.Name)
		switch {
		case err != nil: // has been reported
		case wildcard:
			t.wildcards[key] = s
			t.wildcardBytesMax = max(t.wildcardBytesMax, len(key))
		default:
			t.exact[key] = s
		}
	}
	if site.Default {
		t.fallback = s
	}
	base := inherit(inherit(Properties{}, defaults.Properties, "/"), site.Properties, "/")
	s.compileRoutes(base, site.From, site.Routes, patterns, func(r *CompiledRoute) {
		r.Number = len(t.routes)
		t.routes = append(t.routes, r)
	})
	s.compileRedirects(site.Redirects)
}

// name returns the name of a site in messages.
func (s *Site) name() string {
	switch {
	case s.Name != "":
		return s.Name
	case len(s.Hosts) > 0:
		return s.Hosts[0].Name
	case s.Default:
		return "default"
	}
	return fmt.Sprintf("at line %d", s.From.Line)
}
