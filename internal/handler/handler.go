package handler

import (
	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/request"
)

// Handler decides what the response to a request is. A Handler is shared by the loops and does not change once they run.
type Handler interface {
	// Limits returns the limits of a request's head.
	Limits() *request.Limits
	// Prepare computes what all responses for a file have in common, once for each file that is opened. It is called by
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
	// Respond decides about a complete request; head holds all that has arrived of it. False means that a method of files
	// has reported an outcome as pending: Respond is then called again for the same request, with a Response that was reset.
	Respond(r *Response, req *request.Request, head []byte, files Files) bool
	// Refuse decides about a head that is malformed or exceeds its limits.
	Refuse(r *Response, req *request.Request, files Files)
	// Busy decides about a connection of an address that has too many. False resets it.
	Busy(r *Response, files Files) bool
	// Expire decides about a request that is not complete in time (connstate.StateReading), or whose file could
	// not be looked up in time (connstate.StateOpening). req has what is known of it. False closes the connection without
	// a response.
	Expire(r *Response, in connstate.State, req *request.Request, files Files) bool
}
