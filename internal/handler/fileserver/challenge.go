package fileserver

import (
	"bytes"

	"aws/internal/request"
	"aws/internal/response"
)

// Challenges responds to a certificate authority that validates host names by HTTP-01 (RFC 8555 section 8.3). The loops call
// it, so it must not wait.
type Challenges interface {
	// HTTP01 returns the body of the response to a GET of a path for a host, which may have a port. ok is false if the
	// path is not that of a challenge that is under way for the host.
	HTTP01(host, path string) (body string, ok bool)
}

var challengePrefix = []byte("/.well-known/acme-challenge/")

// respondToChallenge responds to a request for a challenge that is under way, whatever the sites say: a redirect, a password or
// an address rule would keep a certificate from being issued. It returns 0 for all other requests.
func (d *decision) respondToChallenge() response.Status {
	if d.server.challenges == nil {
		return 0
	}
	path := d.request.Path().Of(d.head)
	if !bytes.HasPrefix(path, challengePrefix) || d.request.Method != request.MethodGet && d.request.Method != request.MethodHead {
		return 0
	}
	body, ok := d.server.challenges.HTTP01(string(d.authority()), string(path))
	if !ok {
		return 0
	}
	d.takeSitePolicy()
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, response.OK, d.now.Date, "no-store")
	d.sendBody("application/octet-stream", []byte(body)) // RFC 8555 section 8.3
	return response.OK
}
