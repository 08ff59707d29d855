package goloop

import (
	"fmt"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
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

// NewDropIn returns the drop-in's handler for the directories static and dynamic beneath root. Links
// may lead from one to the other.
func NewDropIn(root kernel.Root, dir string) (Handler, error) {
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

// DropInCacheLimits returns the limits of the drop-in's cache: a name is looked up in every turn in
// which it is asked for, so that a response is never older than its request.
func DropInCacheLimits(filesMax int) docroot.Limits {
	return docroot.Limits{FilesMax: filesMax, IdleMax: 5 * time.Second}
}

// Mounts returns what is served, longest prefix first.
func (d *dropIn) Mounts() []*docroot.Mount { return d.table.Mounts() }

// Limits implements Handler.
func (d *dropIn) Limits() *request.Limits { return &d.limits }

// Prepare implements Handler: all of the header but its date.
func (d *dropIn) Prepare(f *docroot.File) {
	v := versionOf(f)
	f.Head = d.appendFileHead(nil, f, response.FloorSeconds(f.MtimeNs), v.Dated())
}

// appendFileHead appends the header section of a file's response, with room for its date.
func (d *dropIn) appendFileHead(b []byte, f *docroot.File, modifiedSeconds int64, dated bool) []byte {
	b = appendHead(b, response.OK, undated)
	if dated {
		b = response.AppendFieldDate(b, "Last-Modified", modifiedSeconds)
	}
	b = response.AppendField(b, "Content-Type", response.WithCharset(d.types.Lookup(f.Name)))
	b = response.AppendFieldInt(b, "Content-Length", f.Size)
	b = response.AppendField(b, "Connection", "close")
	return response.AppendEnd(b)
}

// versionOf returns what distinguishes a version of a file from others.
func versionOf(f *docroot.File) response.Version {
	return response.Version{SizeBytes: f.Size, ModifiedNs: f.MtimeNs, ChangedNs: f.CtimeNs, Inode: f.Ino}
}

// undated keeps the place of a date.
const undated = "Thu, 01 Jan 1970 00:00:00 GMT"

// dateAt is where the date stands in a header that appendHead has begun.
func dateAt(s response.Status) int {
	return len(response.AppendStatusLine(nil, s)) + len("Date: ")
}

func appendHead(dst []byte, s response.Status, date string) []byte {
	dst = response.AppendStatusLine(dst, s)
	dst = response.AppendField(dst, "Date", date)
	return response.AppendField(dst, "Server", "aws")
}

var (
	okDateAt       = dateAt(response.OK)
	notFoundDateAt = dateAt(response.NotFound)
	notFoundHead   = func() []byte {
		b := appendHead(nil, response.NotFound, undated)
		b = response.AppendField(b, "Content-Length", "0")
		b = response.AppendField(b, "Connection", "close")
		return response.AppendEnd(b)
	}()
)

// appendDated appends a prepared header and puts the date into its place.
func appendDated(dst, head []byte, at int, date []byte) []byte {
	from := len(dst) + at
	dst = append(dst, head...)
	copy(dst[from:], date)
	return dst
}

// Response implements Handler.
func (d *dropIn) Respond(a *Response, req *request.Request, head []byte, find Finder) bool {
	length, chunked := req.BodyLength()
	a.HasBody = length > 0 || chunked
	if req.Method != request.MethodGet && req.Method != request.MethodHead {
		d.notFound(a, find)
		return true
	}
	path, verdict := request.ResolvePath(a.path, req.Path().Of(head))
	a.path = path
	var m *docroot.Mount
	if verdict == request.PathOK {
		m = d.table.Match(path)
		a.Mount = m
	}
	if m == nil || docroot.IsDirectoryName(m.Name(path)) {
		d.notFound(a, find)
		return true
	}
	f, ok := find.Find(m, m.Name(path))
	if !ok {
		return false
	}
	a.File = f
	if f.Class != kernel.Done {
		d.notFound(a, find)
		return true
	}
	a.Status = response.OK
	v := versionOf(f)
	if seconds, send, validator := response.LastModified(&v, find.Unix()); validator || !v.Dated() {
		a.Head = appendDated(a.Head, f.Head, okDateAt, find.Date())
	} else { // it has just been written
		from := len(a.Head)
		a.Head = d.appendFileHead(a.Head, f, seconds, send)
		copy(a.Head[from+okDateAt:], find.Date())
	}
	a.headBytes = len(a.Head)
	if req.Method == request.MethodGet {
		a.To = f.Size
	}
	return true
}

func (d *dropIn) notFound(a *Response, find Finder) {
	a.Status = response.NotFound
	a.Head = appendDated(a.Head, notFoundHead, notFoundDateAt, find.Date())
	a.headBytes = len(a.Head)
}

// Refuse implements Handler. What follows a head that can't be understood is not understood
// either, and thrown away.
func (d *dropIn) Refuse(a *Response, _ *request.Request, find Finder) {
	d.notFound(a, find)
	a.Linger = true
}

// Busy implements Handler: it has only two responses, and neither is right.
func (d *dropIn) Busy(*Response, Finder) bool { return false }

// Expire implements Handler: a client that takes too long is not answered.
func (d *dropIn) Expire(*Response, connstate.State, *request.Request, Finder) bool { return false }

// String names the handler, for people.
func (d *dropIn) String() string {
	return fmt.Sprintf("static/ by sendfile and dynamic/ by AIO from %s", d.table.Mounts()[0].Dir)
}
