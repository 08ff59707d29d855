package fileserver

import (
	"aws/internal/request"
	"aws/internal/response"
)

// evaluate responds about the file as the request's conditions and ranges say.
func (d *decision) evaluate() response.Status {
	switch d.evaluateConditions() {
	case response.OutcomeNotModified:
		d.appendHead(response.NotModified, "", -1)
		d.endHead()
		return response.NotModified
	case response.OutcomePreconditionFailed:
		return d.fail(response.PreconditionFailed)
	case response.ProceedWhole:
		return d.sendWhole()
	case response.Proceed:
	}
	return d.sendRanges()
}

// evaluateConditions evaluates the conditions (RFC 9110 section 13).
func (d *decision) evaluateConditions() response.Outcome {
	if !d.request.HasAny(request.IfMatch, request.IfNoneMatch, request.IfModifiedSince, request.IfUnmodifiedSince, request.IfRange) {
		return response.Proceed
	}
	d.scratch.lines = d.request.AppendLines(d.scratch.lines[:0], request.IfMatch, d.head)
	d.scratch.others = d.request.AppendLines(d.scratch.others[:0], request.IfNoneMatch, d.head)
	c := response.Conditions{IfMatch: d.scratch.lines, IfNoneMatch: d.scratch.others}
	c.IfModifiedSince, _ = d.single(request.IfModifiedSince)
	c.IfUnmodifiedSince, _ = d.single(request.IfUnmodifiedSince)
	if _, ok := d.request.Field(request.Range); ok {
		c.IfRange, _ = d.single(request.IfRange)
	}
	var tag [response.ETagBytesMax]byte
	version := d.file.Version()
	seconds, _, validator := response.LastModified(&version, d.now.Unix)
	v := response.Validators{
		ETag: response.AppendETag(tag[:0], &version, d.coding), ModifiedSeconds: seconds, Undated: !validator,
	}
	return response.Evaluate(&c, &v, true, d.now.Unix)
}

// single returns the value of a field that came exactly once. One that came more often is not valid. A request that is refused by the
// parser, or that expires, has no head, and no fields, although some may have been parsed.
func (d *decision) single(id request.FieldID) ([]byte, bool) {
	if d.head == nil {
		return nil, false
	}
	span, ok := d.request.Field(id)
	if !ok || d.request.Repeated(id) {
		return nil, false
	}
	return span.Of(d.head), true
}
