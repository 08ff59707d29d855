package goloop

import (
	"bytes"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// Handler is what a mode of the server may respond to: all in which the modes differ. A Handler is
// shared by the loops and is not changed once they run.
type Handler interface {
	// Limits returns what a request head may be.
	Limits() *request.Limits
	// Prepare makes ready, once for each file that is opened, what the responses for it have in common.
	Prepare(f *docroot.File)
	// Response decides about a complete request. It returns false when find has returned false: the
	// request is then answered again once the name has been looked up.
	Respond(a *Response, req *request.Request, head []byte, find Finder) bool
	// Refuse decides about a head that is malformed or beyond its limits.
	Refuse(a *Response, req *request.Request, find Finder)
	// Busy decides about a connection of an address that has too many. False resets it.
	Busy(a *Response, find Finder) bool
	// Expire decides about a request that is not complete in time (connstate.StateReading), or whose file could
	// not be looked up in time (connstate.StateOpening). Of one that is not complete, req has what is known. False closes the
	// connection without a response.
	Expire(a *Response, in connstate.State, req *request.Request, find Finder) bool
}

// Finder finds files without waiting for a disk.
type Finder interface {
	// Find returns what a name stands for, with a reference, or false when it has to be looked up
	// off the loop first. The file's Class says whether there is one.
	Find(m *docroot.Mount, name []byte) (*docroot.File, bool)
	// Make returns what build makes, with a reference, or false when that has to be waited for. It is
	// kept under the key for as long as a name is trusted. build runs off the loop.
	Make(m *docroot.Mount, key []byte, build Build) (*docroot.File, bool)
	// Full reports whether made files hold so much memory that no more should be made.
	Full() bool
	// Check is Make for what takes a processor for long and waits for nothing. Of one client and in all no more than a few
	// are waited for at a time; further ones are refused.
	Check(m *docroot.Mount, key []byte, build Build) (*docroot.File, CheckOutcome)
	// Directories returns what a Build may use.
	Directories() kernel.Directories
	// Random returns a number that nobody outside can predict.
	Random() uint64
	// Small returns the content of a small file that is in memory, or nil: it is cheaper to send from
	// there than by sendfile.
	Small(f *docroot.File) []byte
	// Ending reports whether the server is being shut down, and no connection is to be kept.
	Ending() bool
	// Release gives a reference back.
	Release(f *docroot.File)
	// Date returns the time of the response as an IMF-fixdate.
	Date() []byte
	// Unix returns the time of the response in seconds since 1970.
	Unix() int64
	// Now returns the monotonic time of the response.
	Now() time.Duration
}

// Build makes a file for a response, off the loop.
type Build func() (kernel.Opened, kernel.Class)

// Response is what goes to the client for one request.
type Response struct {
	Status response.Status
	Head   []byte // the header, and a body that is not a file's; appended to by the handler
	File   *docroot.File
	Mount  *docroot.Mount // that the request's path belongs to, or nil; for the record
	User   []byte         // who has shown the password, or empty; for the record
	From   int64          // the file's bytes [From, To) are the body
	To     int64
	Keep   bool // the connection is kept for another request
	// Linger says that the client may still be sending: our side is shut, and what it sends is
	// thrown away for a while, so that it reads the response and not a reset (RFC 9112 section 9.6).
	Linger bool
	// HasBody says that the request has a body, of which nothing has been looked at. If the
	// connection is kept, the loop throws it away, within the limits that Body was reset with.
	HasBody bool
	Body    request.Body

	headBytes int // of Head, what is the header; 0: up to the empty line
	segments  []segment
	text      []byte
	path      []byte // scratch for resolved paths
	scratch   []byte
	q         query
}

func (a *Response) reset() {
	a.Head, a.path, a.segments, a.text = a.Head[:0], a.path[:0], a.segments[:0], a.text[:0]
	a.File, a.Mount, a.User, a.From, a.To = nil, nil, a.User[:0], 0, 0
	a.Keep, a.Linger, a.HasBody, a.headBytes = false, false, false, 0
}

// headLen returns how many bytes of Head are the header. What follows them is body.
func (a *Response) headLen() int {
	if a.headBytes == 0 {
		a.headBytes = bytes.Index(a.Head, endOfHead) + len(endOfHead)
	}
	return a.headBytes
}

var endOfHead = []byte("\r\n\r\n")

// AddSegment adds bytes that follow what the response has so far: a text, then the file's bytes
// [from, to).
func (a *Response) AddSegment(text []byte, from, to int64) {
	a.segments = append(a.segments, segment{textBytes: len(text), from: from, to: to})
	a.text = append(a.text, text...)
}
