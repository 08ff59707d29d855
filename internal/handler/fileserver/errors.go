package fileserver

import (
	"aws/internal/request"
	"aws/internal/response"
)

// fail responds with an error and releases the files.
func (d *decision) fail(s response.Status) response.Status {
	d.releaseFiles()
	r := d.response
	r.Head = d.server.appendCommon(r.Head, s, d.now.Date, "")
	switch s {
	case response.PreconditionFailed:
		d.appendVary() // with another Accept-Encoding the condition might be met
	case response.MethodNotAllowed, response.NotImplemented:
		r.Head = response.AppendField(r.Head, "Allow", allowedMethods)
	case response.Unauthorized:
		r.Head = response.AppendField(r.Head, "WWW-Authenticate", `Basic realm="files", charset="UTF-8"`)
	case response.ServiceUnavailable:
		r.Head = response.AppendField(r.Head, "Retry-After", "1")
	default: // the others have no fields of their own
	}
	d.sendText(s)
	return s
}

// sendText ends a response whose body is the error page of its status, or else a short text.
func (d *decision) sendText(s response.Status) {
	r, text := d.response, d.scratch.bytes[:0]
	mediaType := "text/plain; charset=utf-8"
	if page, ok := d.server.options.ErrorPages[s]; ok {
		mediaType = page.Type
		text = append(text, page.Body...)
	} else {
		text = append(response.AppendInt(text, int64(s)), ' ')
		text = append(append(text, s.Reason()...), '\n')
	}
	d.scratch.bytes = text
	if d.bodiless {
		text = nil
	} else {
		r.Head = response.AppendField(r.Head, "Content-Type", mediaType)
	}
	r.Head = response.AppendFieldInt(r.Head, "Content-Length", int64(len(text)))
	d.endHead()
	if d.request.Method != request.MethodHead {
		r.Head = append(r.Head, text...)
	}
}
