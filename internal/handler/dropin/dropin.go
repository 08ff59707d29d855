package dropin

import (
	"fmt"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// dropIn is the handler of the server that aws takes the place of: GET and HEAD, 200 and 404, and
// the connection is closed after one response. Whatever is malformed, unknown or not allowed is 404.
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

// CacheLimits returns the limits of the drop-in's cache: a name is looked up in every turn in
// which it is asked for, so that a response is never older than its request.
func CacheLimits(filesMax int) docroot.Limits {
	return docroot.Limits{FilesMax: filesMax, IdleMax: 5 * time.Second}
}

// Mounts returns what is served, longest prefix first.
func (d *dropIn) Mounts() []*docroot.Mount { return d.table.Mounts() }

// Limits implements handler.Handler.
func (d *dropIn) Limits() *request.Limits { return &d.limits }

// Prepare implements handler.Handler: all of the header but its date.
func (d *dropIn) Prepare(f *docroot.File) {
	v := f.Version()
	f.Head = d.appendFileHead(nil, f, response.FloorSeconds(f.MtimeNs), v.Dated())
}

// appendFileHead appends the header section of a file's response, with room for its date.
func (d *dropIn) appendFileHead(b []byte, f *docroot.File, modifiedSeconds int64, dated bool) []byte {
	b = appendHead(b, response.OK)
	if dated {
		b = response.AppendFieldDate(b, "Last-Modified", modifiedSeconds)
	}
	b = response.AppendField(b, "Content-Type", response.WithCharset(d.types.Lookup(f.Name)))
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
func (d *dropIn) NewResponder() handler.Responder { return &responder{dropIn: d} }

// responder decides about the requests of one loop.
type responder struct {
	*dropIn
	path []byte // memory for resolved paths
}

// Respond implements handler.Responder.
func (d *responder) Respond(r *handler.Response, req *request.Request, head []byte, find handler.Finder) bool {
	length, chunked := req.BodyLength()
	r.HasBody = length > 0 || chunked
	if req.Method != request.MethodGet && req.Method != request.MethodHead {
		d.notFound(r, find)
		return true
	}
	path, verdict := request.ResolvePath(d.path[:0], req.Path().Of(head))
	d.path = path
	var m *docroot.Mount
	if verdict == request.PathOK {
		m = d.table.Match(path)
		r.Mount = m
	}
	if m == nil || docroot.IsDirectoryName(m.Name(path)) {
		d.notFound(r, find)
		return true
	}
	f, ok := find.Find(m, m.Name(path))
	if !ok {
		return false
	}
	if f.Class != kernel.Done {
		find.Release(f)
		d.notFound(r, find)
		return true
	}
	r.File = f
	r.Status = response.OK
	v := f.Version()
	if seconds, send, validator := response.LastModified(&v, find.Unix()); validator || !v.Dated() {
		r.Head = response.AppendDated(r.Head, response.OK, f.Head, find.Date())
	} else { // it has just been written
		from := len(r.Head)
		r.Head = d.appendFileHead(r.Head, f, seconds, send)
		copy(r.Head[from+response.DateOffset(response.OK):], find.Date())
	}
	r.HeadBytes = len(r.Head)
	if req.Method == request.MethodGet {
		r.To = f.Size
	}
	return true
}

func (d *responder) notFound(r *handler.Response, find handler.Finder) {
	r.Status = response.NotFound
	r.Head = response.AppendDated(r.Head, response.NotFound, notFoundHead, find.Date())
	r.HeadBytes = len(r.Head)
}

// Refuse implements handler.Handler. What follows a head that can't be understood is not understood
// either, and thrown away.
func (d *responder) Refuse(r *handler.Response, _ *request.Request, find handler.Finder) {
	d.notFound(r, find)
	r.Linger = true
}

// Busy implements handler.Handler: it has only two responses, and neither is right.
func (d *responder) Busy(*handler.Response, handler.Finder) bool { return false }

// Expire implements handler.Handler: a client that takes too long is not answered.
func (d *responder) Expire(*handler.Response, connstate.State, *request.Request, handler.Finder) bool {
	return false
}

// String names the handler, for people.
func (d *responder) String() string {
	return fmt.Sprintf("static/ by sendfile and dynamic/ by AIO from %s", d.table.Mounts()[0].Dir)
}
