package fileserver

import (
	"strings"

	"aws/internal/docroot"
	"aws/internal/response"
)

const (
	cacheControl = "Cache-Control"
	hsts         = "Strict-Transport-Security" // RFC 6797 section 6.1
)

// preparation is what the responses for a file have in common besides docroot.File.Head, which is the header section of
// the whole file, without the last fields, as it is once the second of the file's modification has passed.
type preparation struct {
	mediaType    string
	cacheControl string
	policy       *policy // of the path that the file is at, whatever path it is sent for

	notCompressed string // why the server does not compress the file; "": it does
}

// prepared returns what Prepare has kept with a file.
func prepared(f *docroot.File) *preparation { return f.Extra.(*preparation) }

// Prepare implements handler.Handler.
func (s *fileServer) Prepare(f *docroot.File) {
	site := s.siteOf[f.Mount]
	if site == nil {
		return // the outcome of a check of a password, which is never sent
	}
	name := f.Name
	if f.Made { // a listing, whose name is a key of listingJob
		name, _, _ = strings.Cut(name, "\x00")
	}
	name = f.Mount.Path(name)
	p := &preparation{policy: s.policyOf(site, []byte(name))}
	if f.Made {
		// What is said of files does not apply.
		p.mediaType, p.cacheControl = response.WithCharset(s.types.Lookup(f.Name)), "no-cache"
	} else {
		p.mediaType, p.cacheControl = p.policy.ofFiles.mediaType(p.policy, name), p.policy.ofFiles.cacheControl(p.policy, name)
	}
	p.notCompressed = p.refusesCompression(f)
	v := f.Version()
	f.Extra = p
	f.Head = appendFileHead(nil, &fileHead{
		status: response.OK, date: response.Undated, modifiedSeconds: response.FloorSeconds(f.MtimeNs), dated: v.Dated(),
		file: f, preparation: p, length: f.Size,
	})
}

// fileHead describes the header section of a response about a file.
type fileHead struct {
	status          response.Status
	date            []byte
	modifiedSeconds int64
	dated           bool // modifiedSeconds is sent as Last-Modified
	file            *docroot.File
	preparation     *preparation
	mediaType       string // "": that of the preparation
	coding          response.Coding
	length          int64 // -1: Content-Length is not sent
}

// appendFileHead appends the header section of a response about a file, without the last fields.
func appendFileHead(b []byte, h *fileHead) []byte {
	b = h.preparation.policy.appendCommon(b, h.status, h.date, h.preparation.cacheControl)
	if h.dated {
		b = response.AppendFieldDate(b, "Last-Modified", h.modifiedSeconds)
	}
	var tag [response.ETagBytesMax]byte
	v := h.file.Version()
	b = response.AppendFieldBytes(b, "ETag", response.AppendETag(tag[:0], &v, h.coding))
	if h.status == response.NotModified {
		return b // the other fields are those that the client's cache has (RFC 9110 section 15.4.5)
	}
	if h.status != response.RangeNotSatisfiable {
		mediaType := h.mediaType
		if mediaType == "" {
			mediaType = h.preparation.mediaType
		}
		b = response.AppendField(b, "Content-Type", mediaType)
		if h.coding != response.Identity {
			b = response.AppendField(b, "Content-Encoding", h.coding.String())
		}
	}
	b = response.AppendField(b, "Accept-Ranges", "bytes")
	if h.length >= 0 {
		b = response.AppendFieldInt(b, "Content-Length", h.length)
	}
	return b
}

// appendCommon appends what every response begins with. Where cache is empty, Cache-Control is that of the policy.
func (p *policy) appendCommon(b []byte, status response.Status, date []byte, cache string) []byte {
	b = response.AppendStatusLine(b, status)
	b = response.AppendFieldBytes(b, "Date", date)
	for _, f := range p.common {
		b = response.AppendField(b, f.Name, f.Value)
	}
	if cache == "" {
		cache = p.cacheControl
	}
	if cache != "" {
		b = response.AppendField(b, cacheControl, cache)
	}
	return b
}

// appendHead appends the header section of a response about the file that is sent, without the last fields.
// A mediaType replaces that of the file.
func (d *decision) appendHead(s response.Status, mediaType string, length int64) {
	r, f := d.response, d.file
	v := f.Version()
	seconds, dated, validator := response.LastModified(&v, d.now.Unix)
	if s == response.OK && f == d.plain && (validator || !v.Dated()) {
		r.Head = response.AppendDated(r.Head, s, f.Head, d.now.Date)
	} else {
		r.Head = appendFileHead(r.Head, &fileHead{
			status: s, date: d.now.Date, modifiedSeconds: seconds, dated: dated,
			file: f, preparation: prepared(d.plain), mediaType: mediaType, coding: d.coding, length: length,
		})
	}
	if d.listed && d.policy.listingField {
		r.Head = response.AppendField(r.Head, "Content-Security-Policy", contentSecurityPolicy)
	}
}

// responsePolicy returns the policy whose fields and limits the response has: that of the path that the file is at, or of the request's
// where none is sent.
func (d *decision) responsePolicy() *policy {
	if d.plain != nil {
		return prepared(d.plain).policy
	}
	return d.policy
}

// endHead appends the last fields, which are about the request and the connection, and ends the header section.
func (d *decision) endHead() {
	p, r := d.responsePolicy(), d.response
	//mutation:vary-forgotten
	d.appendVary(p)
	d.appendOrigin(p)
	if d.site != nil && d.site.HSTS != "" && d.files.TLS() != nil && !p.settles(hsts) {
		r.Head = response.AppendField(r.Head, hsts, d.site.HSTS)
	}
	switch {
	case !r.KeepAlive:
		r.Head = response.AppendField(r.Head, "Connection", "close")
	case d.request.Minor == 0:
		r.Head = response.AppendField(r.Head, "Connection", "keep-alive")
	}
	r.Head = response.AppendEnd(r.Head)
	r.HeadBytes = len(r.Head)
	r.Limit = p.limit
}
