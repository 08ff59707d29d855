package fileserver

import (
	"bytes"

	"aws/internal/response"
	"aws/internal/sites"
)

// redirect responds with the name of a directory, which has a slash at its end (RFC 9110 section 15.4.2), and the query of
// the request. The reference is relative to the path that the client has requested (section 10.2.2), as a proxy in front
// may have removed a part of that. If that path has an escaped slash behind its last slash, where the client does not see the
// border of a segment, the reference is the whole path.
func (d *decision) redirect(path []byte) response.Status {
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, response.MovedPermanently, d.now.Date, "")
	name := path
	if !d.endsWithEscapedSlash() {
		name = lastSegment(path)
	}
	reference := response.AppendEscapedPath(d.scratch.bytes[:0], string(name)+"/")
	if query := d.request.Query(); query.Len > 0 {
		reference = append(append(reference, '?'), query.Of(d.head)...)
	}
	d.scratch.bytes = reference
	r.Head = response.AppendFieldBytes(r.Head, "Location", reference)
	d.sendText(response.MovedPermanently)
	return response.MovedPermanently
}

// redirectTo responds with where a redirect of the site leads to. rest is what its asterisk stands for.
func (d *decision) redirectTo(to *sites.CompiledRedirect, rest []byte) response.Status {
	status := response.Status(to.Status)
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, status, d.now.Date, "")
	d.scratch.bytes = to.AppendLocation(d.scratch.bytes[:0], rest, d.request.Query().Of(d.head))
	r.Head = response.AppendFieldBytes(r.Head, "Location", d.scratch.bytes)
	d.sendText(status)
	return status
}

// lastSegment returns the part of a path behind its last slash.
func lastSegment(path []byte) []byte { return path[bytes.LastIndexByte(path, '/')+1:] }

// endsWithEscapedSlash reports whether the last segment of the requested path has an escaped slash. A client does not take that for the
// border of a segment, and resolves references, such as the links of a listing, otherwise than is meant.
func (d *decision) endsWithEscapedSlash() bool {
	last := lastSegment(d.request.Path().Of(d.head))
	return bytes.Contains(last, []byte("%2f")) || bytes.Contains(last, []byte("%2F"))
}

// redirectToHTTPS responds with the same URL, but with the scheme https. A request of HTTP/1.0 without a host has no URL.
func (d *decision) redirectToHTTPS() response.Status {
	host := d.authority()
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host[i:], ']') < 0 { // not within an IPv6 address
		host = host[:i]
	}
	if len(host) == 0 {
		return d.fail(response.BadRequest)
	}
	url := append(append(d.scratch.bytes[:0], "https://"...), host...)
	if port := d.server.httpsPort; port != httpsPortDefault {
		url = response.AppendInt(append(url, ':'), int64(port))
	}
	url = append(url, d.request.Path().Of(d.head)...)
	if query := d.request.Query(); query.Len > 0 {
		url = append(append(url, '?'), query.Of(d.head)...)
	}
	d.scratch.bytes = url
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, response.PermanentRedirect, d.now.Date, "")
	r.Head = response.AppendFieldBytes(r.Head, "Location", url)
	d.sendText(response.PermanentRedirect)
	return response.PermanentRedirect
}
