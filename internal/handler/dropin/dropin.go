package dropin

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// dropIn implements handler.Handler.
type dropIn struct {
	table  *docroot.Table
	types  *response.MediaTypes
	limits request.Limits
}

// New returns the drop-in's handler for the directories static and dynamic beneath root. Links
// may lead from one to the other.
func New(root kernel.Root, dir string) (handler.Handler, error) {
	table, err := docroot.NewTable(
		&docroot.Mount{Prefix: "/static/", Strip: 1, Root: root, Kind: docroot.Static, Dir: dir},
		&docroot.Mount{Prefix: "/dynamic/", Strip: 1, Root: root, Kind: docroot.Dynamic, Dir: dir},
	)
	if err != nil {
		return nil, err
	}
	return &dropIn{table: table, types: response.NewMediaTypes(), limits: request.Limits{
		HeadBytesMax: request.DefaultHeadBytesMax,
		// The head's limit is the only one.
		TargetBytesMax: request.DefaultHeadBytesMax,
		FieldsMax:      request.DefaultHeadBytesMax,
		HostOptional:   true,
		RawTarget:      true,
	}}, nil
}

// CacheLimits returns the limits of the drop-in's cache: a name is looked up in every iteration in
// which it is asked for, so that a response is never older than its request.
func CacheLimits(filesMax int) docroot.Limits {
	return docroot.Limits{FilesMax: filesMax, IdleMax: 5 * time.Second}
}

// Mounts implements handler.Handler.
func (s *dropIn) Mounts() []*docroot.Mount { return s.table.Mounts() }

// Limits implements handler.Handler.
func (s *dropIn) Limits() *request.Limits { return &s.limits }

// Prepare implements handler.Handler: all of the header but its date.
func (s *dropIn) Prepare(f *docroot.File) {
	v := f.Version()
	f.Head = s.appendFileHead(nil, f, response.FloorSeconds(f.MtimeNs), v.Dated())
}

// appendFileHead appends the header section of a file's response, with room for its date.
func (s *dropIn) appendFileHead(b []byte, f *docroot.File, modifiedSeconds int64, dated bool) []byte {
	b = appendHead(b, response.OK)
	if dated {
		b = response.AppendFieldDate(b, "Last-Modified", modifiedSeconds)
	}
	b = response.AppendField(b, "Content-Type", response.WithCharset(s.types.Lookup(f.Name)))
	b = response.AppendFieldInt(b, "Content-Length", f.Size)
	b = response.AppendField(b, "Connection", "close")
	return response.AppendEnd(b)
}

func appendHead(dst []byte, s response.Status) []byte {
	dst = response.AppendStatusLine(dst, s)
	dst = response.AppendFieldBytes(dst, "Date", response.Undated)
	return response.AppendField(dst, "Server", "aws")
}

var notFoundHead = func() []byte {
	b := appendHead(nil, response.NotFound)
	b = response.AppendField(b, "Content-Length", "0")
	b = response.AppendField(b, "Connection", "close")
	return response.AppendEnd(b)
}()

// NewResponder implements handler.Handler.
func (s *dropIn) NewResponder() handler.Responder { return &responder{dropIn: s} }

// responder implements handler.Responder. Its fields but the first are memory that is used again.
type responder struct {
	*dropIn
	path   []byte
	lookup handler.Lookup
}

// Respond implements handler.Responder.
func (s *responder) Respond(r *handler.Response, req *request.Request, head []byte, files handler.Files) bool {
	length, chunked := req.BodyLength()
	r.HasBody = length > 0 || chunked
	date := files.Moment().Date
	if req.Method != request.MethodGet && req.Method != request.MethodHead {
		notFound(r, date)
		return true
	}
	path, verdict := request.ResolvePath(s.path[:0], req.Path().Of(head))
	s.path = path
	var mount *docroot.Mount
	if verdict == request.PathOK {
		mount = s.table.Match(path)
		r.Mount = mount
	}
	if mount == nil || docroot.IsDirectoryName(mount.Name(path)) {
		notFound(r, date)
		return true
	}
	s.lookup.Reset()
	s.lookup.Add(mount, mount.Name(path), false)
	switch {
	case !files.LookUp(&s.lookup):
		return false
	case s.lookup.Class == kernel.Done:
		s.found(r, req.Method, s.lookup.File, files.Moment())
	default:
		notFound(r, date)
	}
	return true
}

// found responds with a file.
func (s *responder) found(r *handler.Response, method request.Method, f *docroot.File, now handler.Moment) {
	r.File, r.Status = f, response.OK
	v := f.Version()
	if seconds, send, validator := response.LastModified(&v, now.Unix); validator || !v.Dated() {
		r.Head = response.AppendDated(r.Head, response.OK, f.Head, now.Date)
	} else { // its Last-Modified differs from the one in f.Head until the second of its modification has passed
		from := len(r.Head)
		r.Head = s.appendFileHead(r.Head, f, seconds, send)
		copy(r.Head[from+response.DateOffset(response.OK):], now.Date)
	}
	r.HeadBytes = len(r.Head)
	if method == request.MethodGet {
		r.To = f.Size
	}
}

// notFound responds with 404.
func notFound(r *handler.Response, date []byte) {
	r.Status = response.NotFound
	r.Head = response.AppendDated(r.Head, response.NotFound, notFoundHead, date)
	r.HeadBytes = len(r.Head)
}

// Refuse implements handler.Responder. Where a malformed head ends is not known, so what follows it is discarded.
func (s *responder) Refuse(r *handler.Response, _ *request.Request, files handler.Files) {
	notFound(r, files.Moment().Date)
	r.Linger = true
}

// Busy implements handler.Responder. The connection is reset, as neither 200 nor 404 is true.
func (s *responder) Busy(*handler.Response, handler.Files) bool { return false }

// Expire implements handler.Responder. The connection is closed, as neither 200 nor 404 is true.
func (s *responder) Expire(*handler.Response, connstate.State, *request.Request, handler.Files) bool {
	return false
}
