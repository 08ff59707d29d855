package handler

import (
	"bytes"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// Handler decides what the response to a request is: all in which the modes of the server differ. A Handler is
// shared by the loops and does not change once they run.
type Handler interface {
	// Limits returns what a request head may be.
	Limits() *request.Limits
	// Prepare makes ready, once for each file that is opened, what the responses for it have in common. It is called by
	// all of the loops.
	Prepare(f *docroot.File)
	// NewResponder returns what decides about the requests of one loop.
	NewResponder() Responder
	// Mounts returns what is served, longest prefix first.
	Mounts() []*docroot.Mount
}

// Responder decides about the requests of one loop, one after the other. It keeps nothing of a request but memory that is used
// again for the next one.
type Responder interface {
	// Respond decides about a complete request. It returns false when find has returned false: it is then called again
	// for the same request, once what was asked for is known.
	Respond(r *Response, req *request.Request, head []byte, find Finder) bool
	// Refuse decides about a head that is malformed or beyond its limits.
	Refuse(r *Response, req *request.Request, find Finder)
	// Busy decides about a connection of an address that has too many. False resets it.
	Busy(r *Response, find Finder) bool
	// Expire decides about a request that is not complete in time (connstate.StateReading), or whose file could
	// not be looked up in time (connstate.StateOpening). Of one that is not complete, req has what is known. False closes the
	// connection without a response.
	Expire(r *Response, in connstate.State, req *request.Request, find Finder) bool
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
	Status    response.Status
	Head      []byte // the header, and a body that is not a file's; appended to by the handler
	File      *docroot.File
	Mount     *docroot.Mount // that the request's path belongs to, or nil; for the record
	User      []byte         // who has shown the password, or empty; for the record
	From      int64          // the file's bytes [From, To) are the body
	To        int64
	KeepAlive bool // the connection is kept for another request
	// Linger says that the client may still be sending: our side is shut, and what it sends is
	// thrown away for a while, so that it reads the response and not a reset (RFC 9112 section 9.6).
	Linger bool
	// HasBody says that the request has a body, of which nothing has been looked at. If the
	// connection is kept, the loop throws it away, within the limits that Body was reset with.
	HasBody bool
	Body    request.Body

	HeadBytes int    // of Head, what is the header section; 0: up to the empty line
	Parts     []Part // what follows the bytes [From, To)
	PartText  []byte // of all parts, one behind the other
}

// Part is a part of a response in several parts: a text, then bytes of the file.
type Part struct {
	TextBytes int
	From, To  int64
}

// Reset makes a response ready to be decided. The memory of its slices is used again.
func (r *Response) Reset() {
	*r = Response{Head: r.Head[:0], User: r.User[:0], Parts: r.Parts[:0], PartText: r.PartText[:0], Body: r.Body}
}

// HeadLen returns how many bytes of Head are the header. What follows them is body.
func (r *Response) HeadLen() int {
	if r.HeadBytes == 0 {
		r.HeadBytes = bytes.Index(r.Head, endOfHead) + len(endOfHead)
	}
	return r.HeadBytes
}

var endOfHead = []byte("\r\n\r\n")

// AddPart adds bytes that follow what the response has so far: a text, then the file's bytes
// [from, to).
func (r *Response) AddPart(text []byte, from, to int64) {
	r.Parts = append(r.Parts, Part{TextBytes: len(text), From: from, To: to})
	r.PartText = append(r.PartText, text...)
}

// CheckOutcome says what has become of a check.
type CheckOutcome uint8

// The outcomes of Finder.Check.
const (
	CheckDone    CheckOutcome = iota // the file says how it ended
	CheckPending                     // it has to be waited for
	CheckRefused                     // too many are waited for already
)
