package fileserver

import (
	"bytes"

	"aws/internal/archive"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sites"
)

// decision is one request on the way to its response. Its fields behind policy are about the file that is sent.
//
// Its methods that find something out report known as false where that has to be waited for: the decision then ends, and
// the same request gets a new one later. Those that compose a response return its status.
type decision struct {
	server   *fileServer
	scratch  *scratch
	response *handler.Response
	request  *request.Request
	head     []byte
	files    handler.Files
	now      handler.Moment
	site     *sites.CompiledSite // nil: none has the host
	policy   *policy             // of the requested path, as soon as that is known

	plain        *docroot.File // what was found for the target; a reference, or nil
	file         *docroot.File // what is sent: plain, or a sibling or a form of it; the same reference, or another one
	coding       response.Coding
	varies       bool           // the file has siblings, or may have forms, so the response depends on Accept-Encoding
	archive      archive.Format // of the directory; the file is a sign that it is there
	listed       bool           // the file is a directory's listing
	bodiless     bool           // the response has no body, whatever the method
	siblings     bool           // the siblings of one of the names that are looked up may be sent
	checksNoMore bool           // too many passwords are being checked
	challenge    string         // the value of WWW-Authenticate for who has shown no password
}

// handOver gives the file that is sent to the response, and releases all others.
func (d *decision) handOver() {
	d.response.File = d.file
	if d.plain != d.file {
		d.release(d.plain)
	}
	d.plain, d.file = nil, nil
	d.scratch.lookup.ReleaseSiblings(d.files)
}

// releaseFiles releases all files.
func (d *decision) releaseFiles() {
	if d.plain != d.file {
		d.release(d.plain)
	}
	d.release(d.file)
	d.plain, d.file = nil, nil
	d.scratch.lookup.ReleaseSiblings(d.files)
}

func (d *decision) release(f *docroot.File) {
	if f != nil {
		d.files.Release(f)
	}
}

// decide finds out what the response is about and composes it.
func (d *decision) decide() (s response.Status, known bool) {
	if s := d.refusal(); s != 0 {
		d.takeSitePolicy()
		return d.fail(s), true
	}
	if d.request.TargetForm() == request.AsteriskForm {
		if d.takeSitePolicy(); !d.admits(d.policy) {
			return d.fail(response.Forbidden), true
		}
		return d.allowMethods(), true
	}
	path, verdict := request.ResolvePath(d.scratch.path[:0], d.request.Path().Of(d.head))
	d.scratch.path = path
	if verdict != request.PathOK {
		d.takeSitePolicy()
		return d.fail(response.BadRequest), true
	}
	d.policy = d.server.policyOf(d.site, path)
	if (d.site.RedirectHTTP || d.site.DemandsCertificate) && d.files.TLS() == nil {
		if d.site.RedirectHTTP {
			return d.redirectToHTTPS(), true
		}
		return d.fail(response.Forbidden), true
	}
	if !d.admits(d.policy) {
		return d.fail(response.Forbidden), true
	}
	if d.policy.hides(path) {
		return d.fail(response.NotFound), true
	}
	isOptions := d.request.Method == request.MethodOptions
	if isOptions && d.policy.allowsPreflight() {
		return d.allowMethods(), true
	}
	if allowed, known := d.authorize(d.policy); !allowed {
		return d.refuse(known)
	}
	redirect, rest := d.site.Redirect(path)
	switch {
	case redirect == nil && d.policy.respond == nil:
	case isOptions:
		return d.allowMethods(), true
	case redirect != nil:
		return d.redirectTo(redirect, rest), true
	default:
		return d.respondFixed(d.policy.respond), true
	}
	class, known := d.lookUp(path)
	if !known {
		return 0, false
	}
	if class != kernel.Done {
		return d.respondWithout(class, path), true
	}
	if d.archive != archive.None {
		return d.sendArchive(path), true
	}
	if s, known := d.refuseFile(); s != 0 || !known {
		return s, known
	}
	if isOptions {
		return d.allowMethods(), true
	}
	if d.listed && d.endsWithEscapedSlash() {
		d.releaseFiles()
		d.listed = false
		return d.redirect(path[:len(path)-1]), true
	}
	if !d.negotiate() {
		return 0, false
	}
	return d.evaluate(), true
}

// respondWithout responds where no file was found.
func (d *decision) respondWithout(class kernel.Class, path []byte) response.Status {
	switch class {
	case kernel.Directory:
		return d.redirect(path)
	case kernel.Denied:
		return d.fail(response.Forbidden)
	case kernel.Absent:
		return d.fail(response.NotFound)
	case kernel.Exhausted:
		return d.fail(response.ServiceUnavailable)
	default:
		return d.fail(response.InternalServerError)
	}
}

// refusal returns the status of a request that is refused whatever it asks for, or 0.
func (d *decision) refusal() response.Status {
	if d.request.ExpectUnknown() {
		return response.ExpectationFailed
	}
	switch d.request.Method {
	case request.MethodGet, request.MethodHead, request.MethodOptions:
	case request.MethodUnknown:
		return response.NotImplemented
	default:
		return response.MethodNotAllowed
	}
	switch {
	case d.request.TargetForm() == request.AsteriskForm && d.request.Method != request.MethodOptions:
		return response.BadRequest
	case d.site == nil || d.misdirected():
		return response.MisdirectedRequest
	}
	return 0
}

// misdirected reports whether a request is not for this connection (RFC 9110 sections 7.4 and 15.5.20): an absolute target
// has another scheme than the connection, or the site asks for certificates of clients and the handshake was for another
// one. The parser has seen to it that the scheme is http or https.
func (d *decision) misdirected() bool {
	if d.request.TargetForm() == request.AbsoluteForm {
		target := d.request.Target.Of(d.head)
		if isHTTPS := len(target) > 5 && (target[4] == 's' || target[4] == 'S'); isHTTPS != (d.files.TLS() != nil) {
			return true
		}
	}
	if !d.site.AsksCertificate {
		return false
	}
	tls := d.files.TLS()
	return tls != nil && tls.Site != d.site.Name
}

// examineBody prepares the response for the body of the request. It returns the status of a body that is refused, or 0.
func (d *decision) examineBody() response.Status {
	length, chunked := d.request.BodyLength()
	if length == 0 && !chunked {
		return 0
	}
	r := d.response
	r.HasBody = true
	r.Body.Reset(length, chunked, &d.server.body)
	if length > d.server.body.BytesMax {
		r.KeepAlive = false
		return response.ContentTooLarge
	}
	arrived := r.Body // a copy: the body itself is consumed by the loop
	if _, _, defect := arrived.Next(d.head[d.request.Len():]); defect != request.DefectNone {
		r.KeepAlive = false
		return response.Status(defect.Status())
	}
	if d.request.ExpectContinue() {
		r.KeepAlive = false // whether the body follows is up to the client (RFC 9110 section 10.1.1)
	}
	return 0
}

// hides reports whether a path has an element that begins with a dot and is not to be served.
// /.well-known/ is meant to be seen (RFC 8615).
func (p *policy) hides(path []byte) bool {
	if p.dotFiles {
		return false
	}
	const wellKnown = "/.well-known"
	if bytes.HasPrefix(path, []byte(wellKnown)) && (len(path) == len(wellKnown) || path[len(wellKnown)] == '/') {
		path = path[len(wellKnown):]
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '.' && path[i-1] == '/' {
			return true
		}
	}
	return false
}
