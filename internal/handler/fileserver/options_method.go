package fileserver

import (
	"aws/internal/request"
	"aws/internal/response"
)

const allowedMethods = "GET, HEAD, OPTIONS"

// allowMethods responds with the methods that are allowed (RFC 9110 section 9.3.7).
func (d *decision) allowMethods() response.Status {
	d.releaseFiles()
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, response.NoContent, d.now.Date, "")
	r.Head = response.AppendField(r.Head, "Allow", allowedMethods)
	if c := d.policy.cors; c != nil && (c.origins == nil || d.permittedOrigin(c) != nil) {
		d.appendUnlessSettled("Access-Control-Allow-Methods", c.methods)
		d.appendUnlessSettled("Access-Control-Allow-Headers", "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since")
		if c.maxAge != "" {
			d.appendUnlessSettled("Access-Control-Max-Age", c.maxAge)
		}
	}
	d.endHead()
	return response.NoContent
}

// appendUnlessSettled appends a field unless the configuration sets or removes it.
func (d *decision) appendUnlessSettled(name, value string) {
	if !d.policy.settles(name) {
		d.response.Head = response.AppendField(d.response.Head, name, value)
	}
}

// permittedOrigin returns the origin of the web page that has sent the request, or nil if it may not read.
func (d *decision) permittedOrigin(c *cors) []byte {
	origin, ok := d.single(request.Origin)
	if !ok || len(origin) == 0 || !c.origins.Permits(origin) {
		return nil
	}
	return origin
}

// appendOrigin appends the fields that depend on the origin of the web page (https://fetch.spec.whatwg.org/#http-cors-protocol).
// All responses of the policy have Origin in Vary, so that caches do not mix them up.
func (d *decision) appendOrigin(p *policy) {
	if p.cors == nil || p.cors.origins == nil {
		return
	}
	r := d.response
	origin := d.permittedOrigin(p.cors)
	if origin == nil {
		return
	}
	r.Head = response.AppendFieldBytes(r.Head, "Access-Control-Allow-Origin", origin)
	if p.cors.origins.Credentials {
		r.Head = response.AppendField(r.Head, "Access-Control-Allow-Credentials", "true")
	}
}
