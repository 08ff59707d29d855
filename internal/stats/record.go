package stats

import (
	"net/netip"
	"time"

	"aws/internal/docroot"
	"aws/internal/response"
	"aws/internal/tlsconn"
)

// Record holds the data of one exchange, once it has ended. The slices belong to the record
// and are used again with it.
type Record struct {
	Conn      uint64
	Peer      netip.AddrPort // the zero value for a Unix socket
	TLS       *tlsconn.Facts // nil if the connection does not speak TLS
	Began     time.Time      // when the request's first byte was seen
	Status    response.Status
	Major     uint8 // of the request's HTTP version
	Minor     uint8 // of it
	Kind      docroot.Kind
	File      bool           // the response was about a file
	Cold      bool           // a disk was waited for: the name's, or the file's
	Complete  bool           // the client took all of it
	Sent      int64          // bytes of it that the client took
	HeadBytes int64          // of the response; what was sent beyond them is its body
	Mount     *docroot.Mount // that the path belongs to, or nil

	Method, Target               []byte
	User                         []byte // who has shown the password that the mount asks for, or empty
	Range, IfRange               []byte
	IfNoneMatch, IfModifiedSince []byte
	Referer, Agent               []byte

	// How long it took: the head to arrive, the disk to deliver, the client to take it, and all in
	// all.
	Head, Disk, Send, Total time.Duration
}

// Sink takes records. Its methods are called by loops and must not wait.
type Sink interface {
	// Take fills list with records to be filled, as far as there are any now, and returns their number.
	Take(list []*Record) int
	// Put takes filled records, in the order in which their responses were over. They are the sink's again.
	Put(list []*Record)
}
