package handler

import (
	"bytes"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/rate"
	"aws/internal/request"
	"aws/internal/response"
)

// Response is what goes to the client for one request.
type Response struct {
	Status    response.Status
	Head      []byte         // the header section, and a body that is in memory; appended to by the Responder
	HeadBytes int            // of Head, what is the header section; 0: up to the empty line
	Shared    []byte         // behind that: a body in memory that other responses have, too, and that never changes
	File      *docroot.File  // whose bytes [From, To) are the body; nil: there are none
	Mount     *docroot.Mount // that the request's path belongs to, or nil; for the record
	User      []byte         // who has shown the password, or empty; for the record
	Limit     *rate.Limit    // of the rate of the body, beside that of the server; nil: none
	From      int64
	To        int64
	Generator Generator // makes the body, whose length is not known; nil: it is another one. The loop closes it
	Chunked   bool      // the body of Generator is sent in chunks (RFC 9112 section 7.1); else the end of the connection ends it
	Parts     []Part    // what follows the bytes [From, To)
	PartText  []byte    // of all parts, one behind the other
	KeepAlive bool      // the connection is kept for another request
	// Linger says that the client may still be sending: our side is shut down, and what it sends is
	// discarded for a while, so that it reads the response and not a reset (RFC 9112 section 9.6).
	Linger bool
	// HasBody says that the request has a body, of which nothing has been consumed. If the
	// connection is kept, the loop discards it, within the limits that Body was reset with.
	HasBody bool
	Body    request.Body
}

// Generator makes a body while it is sent. Its methods are called by worker threads, one at a time, and may block on disks.
type Generator interface {
	// Next makes the next bytes, up to the length of piece, and returns their number. Fewer bytes, also none, mean that it has
	// worked for long enough. Ended is true with the last bytes, of which there are some. The class is Exhausted if Next may be
	// tried again later, and any other but Done if the body can't be completed.
	Next(directories kernel.Directories, piece []byte) (n int, ended bool, class kernel.Class)
	// Close frees what the generator holds. Nothing is called afterwards.
	Close(directories kernel.Directories)
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

// HeadLen returns how many bytes of Head are the header section. What follows them is body.
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
