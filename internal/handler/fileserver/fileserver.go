package fileserver

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/listing"
	"aws/internal/request"
	"aws/internal/response"
)

// Options says what the handler of `aws serve` answers. The zero value of each field is off.
type Options struct {
	Mounts       []*docroot.Mount
	Access       []*docroot.AccessRule // who may have what, by the paths that are asked for
	Limits       request.Limits
	Body         request.BodyLimits
	RangesMax    int      // ranges that one request may ask for; more are ignored
	Index        []string // names that stand for a directory, the first that is there
	List         bool     // directories without an index are listed
	ListMax      int      // entries that a listing shows
	SPA          string   // path of a file that is sent instead of 404
	DotFiles     bool     // names that begin with a dot are served
	Precompress  bool     // name.zst, name.br and name.gz may be sent for name
	CORS         bool     // any origin may read
	Fields       []Field  // fields for every response
	CacheControl []Glob   // the first that matches counts
	Types        *response.MediaTypes
	TypeGlobs    []Glob // go before Types; the first that matches counts
	ErrorPages   map[response.Status]ErrorPage
}

// Field is a header field.
type Field struct{ Name, Value string }

// Glob gives a value to the files that match a pattern of path.Match. A pattern with a slash is held against the whole
// path of the file, that of the mount included, which begins with a slash; one without against its last element.
type Glob struct{ Pattern, Value string }

// ErrorPage is the body of a response that reports an error.
type ErrorPage struct {
	Type string
	Body []byte
}

// globMatch returns the value of the first glob that matches a path.
func globMatch(globs []Glob, name string) (string, bool) {
	for _, g := range globs {
		subject := name
		if !strings.Contains(g.Pattern, "/") {
			subject = path.Base(name)
		}
		if ok, err := path.Match(g.Pattern, subject); ok && err == nil {
			return g.Value, true
		}
	}
	return "", false
}

// fileServer is the handler of `aws serve`: HTTP/1.1 for files, after RFC 9110 and RFC 9112.
type fileServer struct {
	Options
	table    *docroot.Table
	access   *docroot.AccessTable
	spa      []byte  // SPA
	common   []Field // of every response: the server's own, and those of the options
	cache    string  // Cache-Control of the options
	verified verified
}

const rangesMaxDefault = 64

// New returns the handler of `aws serve`. The error says which option can't be.
func New(o Options) (handler.Handler, error) {
	table, err := docroot.NewTable(o.Mounts...)
	if err != nil {
		return nil, err
	}
	access, err := docroot.NewAccessTable(o.Access...)
	if err != nil {
		return nil, err
	}
	if o.Types == nil {
		o.Types = response.NewMediaTypes()
	}
	if o.RangesMax == 0 {
		o.RangesMax = rangesMaxDefault
	}
	common, cache, err := commonFields(&o)
	if err != nil {
		return nil, err
	}
	for _, globs := range [][]Glob{o.CacheControl, o.TypeGlobs} {
		for _, g := range globs {
			if _, err := path.Match(g.Pattern, ""); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", g.Pattern, err)
			}
			if strings.Contains(g.Pattern, "/") && !strings.HasPrefix(g.Pattern, "/") && !strings.HasPrefix(g.Pattern, "*") {
				return nil, fmt.Errorf("pattern %q matches nothing: one with a slash is held against whole paths, which begin with a slash; write %q",
					g.Pattern, "/"+g.Pattern)
			}
			if !response.ValidField("X", g.Value) {
				return nil, fmt.Errorf("pattern %q: %q can't be the value of a field", g.Pattern, g.Value)
			}
		}
	}
	return &fileServer{Options: o, table: table, access: access, spa: []byte(o.SPA), common: common, cache: cache}, nil
}

// Mounts returns what is served, longest prefix first.
func (d *fileServer) Mounts() []*docroot.Mount { return d.table.Mounts() }

// Limits implements handler.Handler.
func (d *fileServer) Limits() *request.Limits { return &d.Options.Limits }

// meta is what a file's responses have in common, besides f.Head, which is the header of the whole
// file in its plain form without its last fields.
type meta struct {
	mediaType string
	cache     string
	rule      *docroot.AccessRule // of the path that the file is at, whatever path it is sent for
}

// Prepare implements handler.Handler.
func (d *fileServer) Prepare(f *docroot.File) {
	name := f.Mount.Path(f.Name)
	m := &meta{}
	if f.Made {
		// A listing: whatever is said about names is not about it, but its directory's rule is.
		directory, _, _ := strings.Cut(f.Name, "\x00")
		m.rule = d.access.Match([]byte(f.Mount.Path(directory)))
		m.mediaType = response.WithCharset(d.Types.Lookup(f.Name[strings.LastIndexByte(f.Name, 0)+1:]))
		m.cache = "no-cache"
		f.Extra = m
		f.Head = d.prepareHead(f, m)
		return
	}
	if t, ok := globMatch(d.TypeGlobs, name); ok {
		m.mediaType = response.WithCharset(t)
	} else {
		m.mediaType = response.WithCharset(d.Types.Lookup(f.Name))
	}
	m.cache, _ = globMatch(d.CacheControl, name)
	m.rule = d.access.Match([]byte(name))
	f.Extra = m
	f.Head = d.prepareHead(f, m)
}

// prepareHead returns the header section of the whole file in its plain form without its last fields, as it is once
// the second of its modification has passed.
func (d *fileServer) prepareHead(f *docroot.File, m *meta) []byte {
	v := f.Version()
	return d.appendFileHead(nil, response.OK, response.Undated, response.FloorSeconds(f.MtimeNs), v.Dated(), f, m, response.Identity, f.Size)
}

// appendFileHead appends the header section of a response about a file, all but its last fields. modifiedSeconds is
// sent as Last-Modified if dated says so. A negative length leaves Content-Length out.
func (d *fileServer) appendFileHead(b []byte, s response.Status, date []byte, modifiedSeconds int64, dated bool, f *docroot.File, m *meta, c response.Coding, length int64) []byte {
	b = d.appendCommon(b, s, date, m.cache)
	if dated {
		b = response.AppendFieldDate(b, "Last-Modified", modifiedSeconds)
	}
	var tag [response.ETagBytesMax]byte
	v := f.Version()
	b = response.AppendFieldBytes(b, "ETag", response.AppendETag(tag[:0], &v, c))
	if s == response.NotModified {
		return b // RFC 9110 section 15.4.5: what the cache has stands
	}
	if s != response.RangeNotSatisfiable {
		b = response.AppendField(b, "Content-Type", m.mediaType)
		if c != response.Identity {
			b = response.AppendField(b, "Content-Encoding", c.String())
		}
	}
	b = response.AppendField(b, "Accept-Ranges", "bytes")
	if length >= 0 {
		b = response.AppendFieldInt(b, "Content-Length", length)
	}
	return b
}

// appendCommon appends what every response begins with. cache is its Cache-Control; where it is empty, that of the
// options counts.
func (d *fileServer) appendCommon(b []byte, s response.Status, date []byte, cache string) []byte {
	b = response.AppendStatusLine(b, s)
	b = response.AppendFieldBytes(b, "Date", date)
	for _, f := range d.common {
		b = response.AppendField(b, f.Name, f.Value)
	}
	if cache == "" {
		cache = d.cache
	}
	if cache != "" {
		b = response.AppendField(b, cacheControl, cache)
	}
	return b
}

// NewResponder implements handler.Handler.
func (d *fileServer) NewResponder() handler.Responder { return &responder{fileServer: d} }

// responder decides about the requests of one loop.
type responder struct {
	*fileServer
	scratch scratch
}

// scratch is memory that one request after the other uses.
type scratch struct {
	path, bytes   []byte
	lines, others [][]byte
	ranges        []response.Range
}

// Respond implements handler.Responder.
func (d *responder) Respond(r *handler.Response, req *request.Request, head []byte, find handler.Finder) bool {
	q := query{d: d.fileServer, s: &d.scratch, r: r, req: req, head: head, find: find}
	r.KeepAlive = req.KeepAlive() && !find.Ending()
	length, chunked := req.BodyLength()
	if length > 0 || chunked {
		r.HasBody = true
		r.Body.Reset(length, chunked, &d.Body)
		if bodyMax := d.bodyMax(); length > bodyMax {
			r.KeepAlive = false
			q.fail(response.ContentTooLarge)
			return q.done(response.ContentTooLarge)
		}
		arrived := r.Body // a copy, which looks ahead
		if _, _, defect := arrived.Next(head[req.Len():]); defect != request.DefectNone {
			r.KeepAlive = false
			s := q.fail(response.Status(defect.Status()))
			return q.done(s)
		}
		if req.ExpectContinue() {
			r.KeepAlive = false // the body may follow or not; RFC 9110 section 10.1.1
		}
	}
	s, ok := q.decide()
	return ok && q.done(s)
}

func (d *fileServer) bodyMax() int64 {
	if d.Body.BytesMax > 0 {
		return d.Body.BytesMax
	}
	return request.DefaultBodyBytesMax
}

// Refuse implements handler.Responder. The framing of whatever follows is in doubt.
func (d *responder) Refuse(r *handler.Response, req *request.Request, find handler.Finder) {
	r.Linger = true
	d.failPlain(r, response.Status(req.Defect().Status()), req, find)
}

// Busy implements handler.Responder.
func (d *responder) Busy(r *handler.Response, find handler.Finder) bool {
	r.Linger = true
	// No request has been looked at. It may be a HEAD, whose response has no body.
	q := query{d: d.fileServer, s: &d.scratch, r: r, req: &request.Request{Method: request.MethodHead}, find: find, bare: true}
	r.Status = q.fail(response.ServiceUnavailable)
	return true
}

// Expire implements handler.Responder.
func (d *responder) Expire(r *handler.Response, in connstate.State, req *request.Request, find handler.Finder) bool {
	s := response.RequestTimeout
	if in == connstate.StateOpening {
		s = response.ServiceUnavailable
	}
	r.Linger = true
	d.failPlain(r, s, req, find)
	return true
}

// failPlain responds with an error, whatever the request asks for, and closes.
func (d *responder) failPlain(r *handler.Response, s response.Status, req *request.Request, find handler.Finder) {
	q := query{d: d.fileServer, s: &d.scratch, r: r, req: req, find: find}
	r.Status = q.fail(s)
}

// query is a request while it is being answered.
type query struct {
	d    *fileServer
	s    *scratch
	r    *handler.Response
	req  *request.Request
	head []byte
	find handler.Finder

	plain  *docroot.File // the file that the target names
	file   *docroot.File // the form of it that is sent
	coding response.Coding
	vary   bool
	listed bool // the file is a directory's listing
	bare   bool // there is no body, whatever the method
	busy   bool // too many passwords are being checked
}

// end appends the head's last fields, which are about the connection.
func (q *query) end() {
	switch {
	case !q.r.KeepAlive:
		q.r.Head = response.AppendField(q.r.Head, "Connection", "close")
	case q.req.Minor == 0:
		q.r.Head = response.AppendField(q.r.Head, "Connection", "keep-alive")
	}
	q.r.Head = response.AppendEnd(q.r.Head)
	q.r.HeadBytes = len(q.r.Head)
}

// done finishes a response that has been decided.
func (q *query) done(s response.Status) bool {
	if q.file != nil && q.file != q.plain {
		q.r.File = q.file
		q.release(q.plain)
	} else if q.plain != nil {
		q.r.File = q.plain
	}
	q.r.Status = s
	return true
}

// release gives a reference back. Its descriptors can't be the last ones to go: the cache, or the
// connection that waited for it, has it, too; should they be, the loop closes them.
func (q *query) release(f *docroot.File) {
	if f != nil {
		q.find.Release(f)
	}
}

const allowed = "GET, HEAD, OPTIONS"

// decide finds out what to respond to and composes it. It returns false when a name has to be looked
// up first.
func (q *query) decide() (response.Status, bool) {
	if q.req.ExpectUnknown() {
		return q.fail(response.ExpectationFailed), true
	}
	switch q.req.Method {
	case request.MethodGet, request.MethodHead, request.MethodOptions:
	case request.MethodUnknown:
		return q.fail(response.NotImplemented), true
	default:
		return q.fail(response.MethodNotAllowed), true
	}
	if q.req.TargetForm() == request.AsteriskForm {
		if q.req.Method != request.MethodOptions {
			return q.fail(response.BadRequest), true
		}
		return q.options(), true
	}
	if q.misdirected() {
		return q.fail(response.MisdirectedRequest), true
	}
	p, verdict := request.ResolvePath(q.s.path[:0], q.req.Path().Of(q.head))
	q.s.path = p
	if verdict != request.PathOK {
		return q.fail(response.BadRequest), true
	}
	if q.hidden(p) {
		return q.fail(response.NotFound), true
	}
	rule := q.d.access.Match(p)
	// Browsers ask beforehand, without credentials, about whatever a page wants to fetch: they get to know what may be
	// asked, and not what there is. Anything but success would be an error of the network to the page.
	if q.req.Method == request.MethodOptions && (q.d.CORS || rule != nil && rule.Users != nil) {
		return q.options(), true
	}
	if allowed, known := q.authorize(rule); !allowed {
		if !known {
			return 0, false
		}
		return q.challenge(), true
	}
	class, ok := q.lookUp(p)
	if !ok {
		return 0, false
	}
	if class == kernel.Done {
		if allowed, known := q.authorizeFile(rule); !allowed {
			if !known {
				return 0, false
			}
			return q.challenge(), true
		}
	}
	switch class {
	case kernel.Done:
		if q.req.Method == request.MethodOptions {
			return q.options(), true
		}
		if ok := q.negotiate(); !ok {
			return 0, false
		}
		return q.conditional(), true
	case kernel.Directory:
		return q.redirect(p), true
	case kernel.Denied:
		return q.fail(response.Forbidden), true
	case kernel.Absent:
		return q.fail(response.NotFound), true
	case kernel.Exhausted:
		return q.fail(response.ServiceUnavailable), true
	default:
		return q.fail(response.InternalServerError), true
	}
}

// misdirected reports whether an absolute target asks for what is not served here: a resource
// of another scheme (RFC 9110 section 15.5.20).
func (q *query) misdirected() bool {
	t := q.req.Target.Of(q.head)
	return q.req.TargetForm() == request.AbsoluteForm && len(t) > 5 && (t[4] == 's' || t[4] == 'S')
}

// hidden reports whether a path has an element that begins with a dot and is not to be served.
// /.well-known/ is there to be seen (RFC 8615).
func (q *query) hidden(p []byte) bool {
	if q.d.DotFiles {
		return false
	}
	const wellKnown = "/.well-known"
	if bytes.HasPrefix(p, []byte(wellKnown)) && (len(p) == len(wellKnown) || p[len(wellKnown)] == '/') {
		p = p[len(wellKnown):]
	}
	for i := 1; i < len(p); i++ {
		if p[i] == '.' && p[i-1] == '/' {
			return true
		}
	}
	return false
}

// lookUp finds what a path stands for: a file, an index, a listing, or the file that is sent instead of nothing. Whether
// the client may have that file is for authorizeFile to say.
func (q *query) lookUp(p []byte) (kernel.Class, bool) {
	class, ok := q.lookUpPath(p)
	if !ok || class != kernel.Absent || q.d.SPA == "" {
		return class, ok
	}
	m := q.d.table.Match(q.d.spa)
	if m == nil {
		return class, true
	}
	instead, ok := q.open(m, m.Name(q.d.spa))
	if instead == kernel.Directory {
		return kernel.Absent, ok // a redirection there would never end
	}
	return instead, ok
}

func (q *query) lookUpPath(p []byte) (kernel.Class, bool) {
	m := q.d.table.Match(p)
	q.r.Mount = m
	if m == nil {
		if q.isMount(p) {
			return kernel.Directory, true
		}
		return kernel.Absent, true
	}
	name := m.Name(p)
	if !docroot.IsDirectoryName(name) {
		class, ok := q.open(m, name)
		if ok && class == kernel.Absent && q.isMount(p) {
			return kernel.Directory, true
		}
		return class, ok
	}
	for _, index := range q.d.Index {
		q.s.bytes = append(append(q.s.bytes[:0], p...), index...)
		at := q.d.table.Match(q.s.bytes) // a nearer one than m, if the index names a file in a directory below
		class, ok := q.open(at, at.Name(q.s.bytes))
		if !ok || class != kernel.Absent && class != kernel.Directory {
			return class, ok
		}
	}
	if q.d.List {
		return q.list(m, name, p)
	}
	return kernel.Absent, true
}

// isMount reports whether a path is the prefix of a mount but for its last slash: it is a directory, too.
func (q *query) isMount(p []byte) bool {
	m := q.d.table.Match(append(p, '/'))
	return m != nil && len(m.Prefix) == len(p)+1 && m.HasOwnRoot()
}

// open finds a file and makes it the request's.
func (q *query) open(m *docroot.Mount, name []byte) (kernel.Class, bool) {
	f, ok := q.find.Find(m, name)
	if !ok {
		return 0, false
	}
	if f.Class != kernel.Done {
		class := f.Class
		q.release(f)
		return class, true
	}
	q.plain, q.file = f, f
	return kernel.Done, true
}

// negotiate chooses among the file's codings (RFC 9110 section 12.5.3). It returns false when the
// name of one has to be looked up first.
func (q *query) negotiate() bool {
	if !q.d.Precompress || q.plain.Made {
		return true
	}
	q.s.lines = q.req.AppendLines(q.s.lines[:0], request.AcceptEncoding, q.head)
	now := q.find.Now()
	if len(q.s.lines) == 0 && q.plain.FormsKnown(now) {
		q.vary = q.plain.HasForms()
		return true // it gets the plain one, whatever others there are
	}
	codings := response.Codings(0).With(response.Identity)
	var found [response.CodingCount]*docroot.File
	ok := true
	for _, c := range [...]response.Coding{response.Zstd, response.Brotli, response.Gzip} {
		q.s.bytes = append(append(q.s.bytes[:0], q.plain.Name...), c.Suffix()...)
		f, known := q.find.Find(q.plain.Mount, q.s.bytes)
		if !known {
			ok = false
			break
		}
		// One that is older than the plain file is a left-over, and one that fewer people may have is for them.
		if f.Class == kernel.Done && response.FormIsCurrent(q.plain.MtimeNs, f.MtimeNs) &&
			q.plain.Extra.(*meta).rule.Includes(f.Extra.(*meta).rule) {
			codings = codings.With(c)
		}
		found[c] = f
	}
	if ok {
		c, acceptable := response.NegotiateCoding(q.s.lines, codings)
		q.vary = codings != response.Codings(0).With(response.Identity)
		q.plain.SetForms(q.vary, now)
		if acceptable && c != response.Identity {
			q.coding, q.file = c, found[c]
			found[c] = nil
		}
	}
	for _, f := range found {
		q.release(f)
	}
	if !ok {
		q.release(q.plain)
		q.plain, q.file = nil, nil
	}
	return ok
}

// conditional responses about the file as the request's conditions and ranges have it.
func (q *query) conditional() response.Status {
	outcome := response.Proceed
	if q.req.HasAny(request.IfMatch, request.IfNoneMatch, request.IfModifiedSince,
		request.IfUnmodifiedSince, request.IfRange) {
		outcome = q.evaluate()
	}
	switch outcome {
	case response.OutcomeNotModified:
		q.begin(response.NotModified, -1)
		q.end()
		return response.NotModified
	case response.OutcomePreconditionFailed:
		return q.fail(response.PreconditionFailed)
	case response.ProceedWhole:
	case response.Proceed:
		// Range means something in GET only (RFC 9110 section 14.2).
		if value, ok := q.single(request.Range); ok && q.req.Method == request.MethodGet {
			var verdict response.RangeVerdict
			q.s.ranges, verdict = response.ParseRanges(q.s.ranges[:0], value, q.file.Size, q.d.RangesMax)
			switch verdict {
			case response.RangesSatisfiable:
				return q.partial()
			case response.RangesUnsatisfiable:
				return q.unsatisfiable()
			case response.RangesIgnored:
			}
		}
	}
	return q.whole()
}

// single returns the value of a field that came once; one that came more often has no meaning.
func (q *query) single(id request.FieldID) ([]byte, bool) {
	span, ok := q.req.Field(id)
	if !ok || q.req.Repeated(id) {
		return nil, false
	}
	return span.Of(q.head), true
}

func (q *query) evaluate() response.Outcome {
	var tag [response.ETagBytesMax]byte
	q.s.lines = q.req.AppendLines(q.s.lines[:0], request.IfMatch, q.head)
	q.s.others = q.req.AppendLines(q.s.others[:0], request.IfNoneMatch, q.head)
	c := response.Conditions{IfMatch: q.s.lines, IfNoneMatch: q.s.others}
	c.IfModifiedSince, _ = q.single(request.IfModifiedSince)
	c.IfUnmodifiedSince, _ = q.single(request.IfUnmodifiedSince)
	if _, ok := q.req.Field(request.Range); ok {
		c.IfRange, _ = q.single(request.IfRange)
	}
	version := q.file.Version()
	seconds, _, validator := response.LastModified(&version, q.find.Unix())
	v := response.Validators{
		ETag: response.AppendETag(tag[:0], &version, q.coding), ModifiedSeconds: seconds, Undated: !validator,
	}
	return response.Evaluate(&c, &v, true, q.find.Unix())
}

// begin appends the header of a response about the file, all but its last fields.
func (q *query) begin(s response.Status, length int64) {
	q.appendFile(s, q.plain.Extra.(*meta), length)
}

// appendFile appends the header section of a response about the file, all but its last fields.
func (q *query) appendFile(s response.Status, m *meta, length int64) {
	version := q.file.Version()
	seconds, send, validator := response.LastModified(&version, q.find.Unix())
	if s == response.OK && q.coding == response.Identity && (validator || !version.Dated()) {
		q.r.Head = response.AppendDated(q.r.Head, response.OK, q.file.Head, q.find.Date())
	} else {
		q.r.Head = q.d.appendFileHead(q.r.Head, s, q.find.Date(), seconds, send, q.file, m, q.coding, length)
	}
	q.appendVary()
}

// appendVary appends what the choice among the file's forms depends on, and what goes with a listing.
func (q *query) appendVary() {
	if q.vary {
		q.r.Head = response.AppendField(q.r.Head, "Vary", "Accept-Encoding")
	}
	if q.listed {
		q.r.Head = response.AppendField(q.r.Head, "Vary", "Accept")
		q.r.Head = response.AppendField(q.r.Head, "Content-Security-Policy", listing.ContentSecurityPolicy)
	}
}

// whole responds with all of the file.
func (q *query) whole() response.Status {
	q.begin(response.OK, q.file.Size)
	q.end()
	if q.req.Method != request.MethodGet {
		return response.OK
	}
	if !q.file.Loads() {
		if content := q.find.Small(q.file); content != nil {
			q.r.Head = append(q.r.Head, content...)
			return response.OK
		}
	}
	q.r.To = q.file.Size
	return response.OK
}

// partial responds with the ranges.
func (q *query) partial() response.Status {
	size := q.file.Size
	if len(q.s.ranges) == 1 {
		r := q.s.ranges[0]
		q.begin(response.PartialContent, r.Length)
		var value [64]byte
		q.r.Head = response.AppendFieldBytes(q.r.Head, "Content-Range", response.AppendContentRange(value[:0], r, size))
		q.end()
		q.r.From, q.r.To = r.Start, r.Start+r.Length
		return response.PartialContent
	}
	var boundary [response.BoundaryBytes]byte
	mark := response.AppendBoundary(boundary[:0], q.find.Random(), q.find.Random())
	mediaType := q.plain.Extra.(*meta).mediaType
	length := response.MultipartBytes(q.s.ranges, mediaType, size)
	q.multipartHead(mark, length)
	for i, r := range q.s.ranges {
		q.s.bytes = response.AppendPartHead(q.s.bytes[:0], mark, mediaType, r, size)
		if i == 0 {
			q.r.Head = append(q.r.Head, q.s.bytes...)
			q.r.From, q.r.To = r.Start, r.Start+r.Length
			continue
		}
		q.r.AddPart(q.s.bytes, r.Start, r.Start+r.Length)
	}
	q.s.bytes = response.AppendPartsEnd(q.s.bytes[:0], mark)
	q.r.AddPart(q.s.bytes, 0, 0)
	return response.PartialContent
}

// multipartHead appends the header of a response in several parts, whose Content-Type is its own.
func (q *query) multipartHead(mark []byte, length int64) {
	typed := *q.plain.Extra.(*meta)
	q.s.bytes = response.AppendMultipartType(q.s.bytes[:0], mark)
	typed.mediaType = string(q.s.bytes)
	q.appendFile(response.PartialContent, &typed, length)
	q.end()
}

func (q *query) unsatisfiable() response.Status {
	size := q.file.Size
	q.begin(response.RangeNotSatisfiable, 0)
	var value [64]byte
	q.r.Head = response.AppendFieldBytes(q.r.Head, "Content-Range", response.AppendUnsatisfiedRange(value[:0], size))
	q.end()
	return response.RangeNotSatisfiable
}

// redirect responds with the directory's own name (RFC 9110 section 15.4.2), the query kept. The reference is relative to the
// path that the client asked for (section 10.2.2): a proxy in front may have cut a part off it.
func (q *query) redirect(p []byte) response.Status {
	q.r.Head = q.d.appendCommon(q.r.Head, response.MovedPermanently, q.find.Date(), "")
	q.s.bytes = response.AppendEscapedPath(q.s.bytes[:0], string(p[bytes.LastIndexByte(p, '/')+1:])+"/")
	if query := q.req.Query(); query.Len > 0 {
		q.s.bytes = append(append(q.s.bytes, '?'), query.Of(q.head)...)
	}
	q.r.Head = response.AppendFieldBytes(q.r.Head, "Location", q.s.bytes)
	q.text(response.MovedPermanently)
	return response.MovedPermanently
}

// appendUnlessGiven appends a field unless the options have one of that name, which every response has.
func (q *query) appendUnlessGiven(name, value string) {
	for _, f := range q.d.Fields {
		if strings.EqualFold(f.Name, name) {
			return
		}
	}
	q.r.Head = response.AppendField(q.r.Head, name, value)
}

// options responds with what may be asked (RFC 9110 section 9.3.7).
func (q *query) options() response.Status {
	q.release(q.plain)
	q.plain, q.file = nil, nil
	q.r.Head = q.d.appendCommon(q.r.Head, response.NoContent, q.find.Date(), "")
	q.r.Head = response.AppendField(q.r.Head, "Allow", allowed)
	if q.d.CORS {
		q.appendUnlessGiven("Access-Control-Allow-Methods", allowed)
		q.appendUnlessGiven("Access-Control-Allow-Headers", "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since")
		q.appendUnlessGiven("Access-Control-Max-Age", "86400")
	}
	q.end()
	return response.NoContent
}

// fail responds with an error.
func (q *query) fail(s response.Status) response.Status {
	if q.file != q.plain {
		q.release(q.file)
	}
	q.release(q.plain)
	q.plain, q.file = nil, nil
	q.r.Head = q.d.appendCommon(q.r.Head, s, q.find.Date(), "")
	if s == response.PreconditionFailed {
		q.appendVary() // another form might have met the condition
	}
	switch s {
	case response.MethodNotAllowed, response.NotImplemented:
		q.r.Head = response.AppendField(q.r.Head, "Allow", allowed)
	case response.Unauthorized:
		q.r.Head = response.AppendField(q.r.Head, "WWW-Authenticate", `Basic realm="files", charset="UTF-8"`)
	case response.ServiceUnavailable:
		q.r.Head = response.AppendField(q.r.Head, "Retry-After", "1")
	default: // the status says it all
	}
	q.text(s)
	return s
}

// text ends a response whose body is a short text, or an error page.
func (q *query) text(s response.Status) {
	page, ok := q.d.ErrorPages[s]
	mediaType := "text/plain; charset=utf-8"
	if ok {
		mediaType = page.Type
		q.s.bytes = append(q.s.bytes[:0], page.Body...)
	} else {
		q.s.bytes = append(response.AppendInt(q.s.bytes[:0], int64(s)), ' ')
		q.s.bytes = append(append(q.s.bytes, s.Reason()...), '\n')
	}
	if q.bare {
		q.s.bytes = q.s.bytes[:0]
	} else {
		q.r.Head = response.AppendField(q.r.Head, "Content-Type", mediaType)
	}
	q.r.Head = response.AppendFieldInt(q.r.Head, "Content-Length", int64(len(q.s.bytes)))
	q.end()
	if q.req.Method != request.MethodHead {
		q.r.Head = append(q.r.Head, q.s.bytes...)
	}
}

// String names the handler, for people.
func (d *fileServer) String() string { return "HTTP/1.1" }
