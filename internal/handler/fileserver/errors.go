package fileserver

import (
	"aws/internal/request"
	"aws/internal/response"
)

// fail responds with an error and releases the files.
func (d *decision) fail(s response.Status) response.Status {
	d.releaseFiles()
	if s != response.PreconditionFailed { // which might be met with another Accept-Encoding
		d.varies, d.listed = false, false
	}
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, s, d.now.Date, "")
	switch s {
	case response.MethodNotAllowed, response.NotImplemented:
		r.Head = response.AppendField(r.Head, "Allow", allowedMethods)
	case response.Unauthorized:
		r.Head = response.AppendField(r.Head, "WWW-Authenticate", d.challenge)
	case response.ServiceUnavailable:
		r.Head = response.AppendField(r.Head, "Retry-After", "1")
	default: // the others have no fields of their own
	}
	d.sendText(s)
	return s
}

// sendText ends a response whose body is the error page of its status, or else a short text.
func (d *decision) sendText(s response.Status) {
	if page, ok := d.policy.errorPages[s]; ok {
		d.sendShared(page.Type, page.Body)
		return
	}
	text := append(response.AppendInt(d.scratch.bytes[:0], int64(s)), ' ')
	text = append(append(text, s.Reason()...), '\n')
	d.scratch.bytes = text
	d.sendBody(d.policy.textType, text)
}

// sendShared ends a response whose body is in memory that never changes.
func (d *decision) sendShared(mediaType string, body []byte) {
	if d.endBodyHead(mediaType, body) {
		d.response.Shared = body
	}
}

// sendBody ends a response whose body is in memory, and is copied.
func (d *decision) sendBody(mediaType string, body []byte) {
	if d.endBodyHead(mediaType, body) {
		d.response.Head = append(d.response.Head, body...)
	}
}

// endBodyHead ends the head of a response whose body is in memory. It reports whether that follows.
func (d *decision) endBodyHead(mediaType string, body []byte) bool {
	r := d.response
	if d.bodiless {
		body = nil
	} else {
		r.Head = response.AppendField(r.Head, "Content-Type", mediaType)
	}
	r.Head = response.AppendFieldInt(r.Head, "Content-Length", int64(len(body)))
	d.endHead()
	return !d.bodiless && d.request.Method != request.MethodHead
}

// respondFixed responds without a file.
func (d *decision) respondFixed(f *fixed) response.Status {
	if f.body == nil && f.status >= 400 {
		return d.fail(f.status)
	}
	r := d.response
	r.Head = d.policy.appendCommon(r.Head, f.status, d.now.Date, "")
	if f.status == response.NoContent {
		d.endHead()
	} else {
		d.sendShared(f.mediaType, f.body)
	}
	return f.status
}
