package fileserver

import (
	"strings"

	"aws/internal/docroot"
	"aws/internal/response"
)

const allowedMethods = "GET, HEAD, OPTIONS"

// allowsPreflight reports whether OPTIONS gets the same response for all paths that an access rule covers. Browsers send it
// ahead of a request that a script makes of another origin, without credentials, and take everything but success for a
// network error (https://fetch.spec.whatwg.org/#cors-preflight-fetch). So it must succeed, and must not show what is there.
func (s *fileServer) allowsPreflight(rule *docroot.AccessRule) bool {
	return s.options.CORS || rule != nil && rule.Users != nil
}

// allowMethods responds with the methods that are allowed (RFC 9110 section 9.3.7).
func (d *decision) allowMethods() response.Status {
	d.releaseFiles()
	r := d.response
	r.Head = d.server.appendCommon(r.Head, response.NoContent, d.now.Date, "")
	r.Head = response.AppendField(r.Head, "Allow", allowedMethods)
	if d.server.options.CORS {
		d.appendUnlessGiven("Access-Control-Allow-Methods", allowedMethods)
		d.appendUnlessGiven("Access-Control-Allow-Headers", "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since")
		d.appendUnlessGiven("Access-Control-Max-Age", "86400")
	}
	d.endHead()
	return response.NoContent
}

// appendUnlessGiven appends a field unless the options have one of that name, which every response has.
func (d *decision) appendUnlessGiven(name, value string) {
	for _, f := range d.server.options.Fields {
		if strings.EqualFold(f.Name, name) {
			return
		}
	}
	d.response.Head = response.AppendField(d.response.Head, name, value)
}
