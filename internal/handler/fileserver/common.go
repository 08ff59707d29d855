package fileserver

import (
	"slices"
	"strings"

	"aws/internal/docroot"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sites"
)

// Common is what all sites of a server have in common. The zero value of each field stands for a default.
type Common struct {
	Limits    request.Limits
	Body      request.BodyLimits
	RangesMax int // ranges in one request; a request with more gets the whole file
	ListMax   int // entries that a listing shows
	Types     *response.MediaTypes
	HTTPSPort uint16 // that http:// is redirected to
	// Challenges are responded to before all else, on any site and none; nil: there are none.
	Challenges Challenges
}

const (
	rangesMaxDefault = 64
	listMaxDefault   = 10000
	httpsPortDefault = 443
	textType         = "text/plain; charset=utf-8"
)

// newServer returns a server without policies and mounts.
func newServer(c *Common, table *sites.Table) *fileServer {
	s := &fileServer{
		limits: c.Limits, body: c.Body, rangesMax: c.RangesMax, listMax: c.ListMax, types: c.Types, httpsPort: c.HTTPSPort, challenges: c.Challenges,
		table: table, siteOf: map[*docroot.Mount]*sites.CompiledSite{},
	}
	if s.types == nil {
		s.types = response.NewMediaTypes()
	}
	if s.rangesMax == 0 {
		s.rangesMax = rangesMaxDefault
	}
	if s.httpsPort == 0 {
		s.httpsPort = httpsPortDefault
	}
	if s.listMax <= 0 {
		s.listMax = listMaxDefault
	}
	if s.body.BytesMax <= 0 {
		s.body.BytesMax = request.DefaultBodyBytesMax
	}
	return s
}

// resolvePaths finds the policies that others refer to: those of enclosing directories, and that of each path that is looked up
// whatever the request's is. It removes paths that are not served.
func (s *fileServer) resolvePaths() {
	for i := range s.policies {
		p, r := &s.policies[i], s.table.Routes()[i]
		if r.Prefix != "/" {
			parent := r.Prefix[:strings.LastIndexByte(strings.TrimSuffix(r.Prefix, "/"), '/')+1]
			p.outer = s.policyOf(r.Site, []byte(parent))
		}
		if !slices.ContainsFunc(p.attempts, func(a attempt) bool { return a.path != nil }) {
			continue
		}
		var resolved []attempt
		for _, a := range p.attempts {
			if a.path != nil {
				a.policy = s.policyOf(r.Site, a.path)
				if a.policy.hides(a.path) || a.policy.respond != nil {
					continue
				}
			}
			resolved = append(resolved, a)
		}
		p.attempts = resolved
	}
}

const defaultRealm = "files"

var defaultChallenge = challengeOf(defaultRealm)

// challengeOf returns the value of WWW-Authenticate for a realm (RFC 7617 section 2).
func challengeOf(realm string) string {
	return `Basic realm="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm) + `", charset="UTF-8"`
}
