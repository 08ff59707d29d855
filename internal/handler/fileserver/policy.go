package fileserver

import (
	"strings"

	"aws/internal/archive"
	"aws/internal/docroot"
	"aws/internal/rate"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sites"
)

// policy is what applies to the paths of a route, in the form in which requests use it. It does not change. With many sites,
// most of the time of a decision is for memory that is not in the processor's caches, so what all requests read is first.
type policy struct {
	mount       *docroot.Mount // of the files; nil: there are none
	prefixBytes int            // of the mount's prefix
	strip       int            // as that of the mount
	attempts    []attempt
	rule        *docroot.AccessRule
	properties  *sites.Properties // of the route; nil: those of Options
	restricted  bool              // the properties admit some clients only
	respond     *fixed            // nil: the response is a file
	cors        *cors             // nil: off
	list        bool
	archives    archive.Formats // of directories that have a listing
	dotFiles    bool
	precompress bool
	symlinks    sites.Symlinks // of the mount
	compress    *compressRule  // nil: the server compresses nothing

	limit     *rate.Limit // of the rates of bodies; nil: none
	outer     *policy     // of the directory that has the mount's prefix in it
	index     []string
	challenge string // the value of WWW-Authenticate

	common       []Field  // of every response
	settled      []string // names of fields that the server does not generate, as the configuration has them
	vary         *varyValues
	listingField bool   // listings have their Content-Security-Policy
	cacheControl string // of responses that have none of their own
	errorPages   map[response.Status]ErrorPage
	textType     string // the media type of short texts

	ofFiles fileRules // what Prepare asks for each file
}

// fileRules says what files have. The path is that of the file.
type fileRules interface {
	mediaType(p *policy, path string) string
	cacheControl(p *policy, path string) string
}

// attempt is an element of a try list: what is looked up for a path.
type attempt struct {
	suffix          string  // what is appended to the path of the request
	path            []byte  // if not nil, a path that is looked up whatever the request's is
	policy          *policy // of that path
	directoryCounts bool    // a directory of that name is there, and the client is redirected to it
	onlyName        bool    // what stands for a directory is not looked up
}

// fixed is a response without a file.
type fixed struct {
	status    response.Status
	mediaType string
	body      []byte // nil: that of an error with the status
}

// cors determines which web pages of other origins may read.
type cors struct {
	origins *sites.CORS // nil: all, and a common field says so
	methods string
	maxAge  string // of a preflight response; empty: not sent
}

// setMount sets the mount of the policy's files.
func (p *policy) setMount(m *docroot.Mount) {
	if p.mount = m; m != nil {
		p.prefixBytes, p.strip = len(m.Prefix), m.Strip
	}
}

// mountOf returns the mount of a path that the policy applies to, or nil, and the name of the file there. lacksSlash says that
// the path is that of a mount's root without its last slash, which is a directory whatever else is there.
func (p *policy) mountOf(path []byte) (m *docroot.Mount, name []byte, lacksSlash bool) {
	if p.mount == nil {
		return nil, nil, false
	}
	if len(path) >= p.prefixBytes {
		return p.mount, path[p.strip:], false
	}
	lacksSlash = p.mount.HasOwnRoot()
	if p = p.outer; p == nil || p.mount == nil {
		return nil, nil, lacksSlash
	}
	return p.mount, path[p.strip:], lacksSlash
}

// includes reports whether everybody who may have what p covers may also have what other covers.
func (p *policy) includes(other *policy) bool {
	return p == other || p.rule.Includes(other.rule) && p.includesNetworks(other)
}

// mayHave reports whether a file that p covers may have a sibling that other covers. Siblings are looked up by the policy of links of
// the file, so one whose own policy is stricter is not sent.
func (p *policy) mayHave(other *policy) bool {
	return p.symlinks >= other.symlinks && p.includes(other)
}

// includesNetworks is includes for addresses of clients alone. It compares where they were set, and not what they are.
func (p *policy) includesNetworks(other *policy) bool {
	if !other.restricted || p == other {
		return true
	}
	own, o := p.properties, other.properties // of the same server, so that both are there
	return (o.Allow == nil || o.Allow == own.Allow) && (o.Deny == nil || o.Deny == own.Deny)
}

// settles reports whether the configuration sets or removes a field that the server would generate.
func (p *policy) settles(name string) bool {
	for _, s := range p.settled {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// allowsPreflight reports whether OPTIONS gets the same response for all paths of the policy. Browsers send it ahead of a
// request that a script makes of another origin, without credentials, and take everything but success for a network error
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch). So it must succeed, and must not show what is there.
func (p *policy) allowsPreflight() bool { return p.cors != nil || p.rule != nil && p.rule.Users != nil }

// policyOf returns the policy of a resolved path.
func (s *fileServer) policyOf(site *sites.CompiledSite, path []byte) *policy {
	return &s.policies[site.RouteNumber(path)]
}

// chooseSite chooses the site by the host of the request, which an absolute target names in place of Host (RFC 9112 section
// 3.2.2).
func (d *decision) chooseSite() { d.site = d.server.table.Site(d.authority()) }

// takeSitePolicy lets the policy be that of the site's root, as no path is known. Without a site, it is that of requests that
// have none.
func (d *decision) takeSitePolicy() {
	if d.site != nil {
		d.policy = d.server.policyOf(d.site, rootPath)
	}
}

var rootPath = []byte{'/'}

// authority returns the authority of the request, or nothing if it has none.
func (d *decision) authority() []byte {
	if d.request.TargetForm() == request.AbsoluteForm {
		from := d.request.Target.Off + uint32(len("http://"))
		if d.head[from-1] != '/' || d.head[from-2] != '/' { // https
			from++
		}
		return d.head[from:d.request.Path().Off]
	}
	host, _ := d.request.Field(request.Host)
	return host.Of(d.head)
}
