package handler

import (
	"net/netip"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/response"
)

// Files is what a Responder has for one request besides the request itself: the files, the time, and random numbers.
// The loop implements it. No method waits.
//
// A *docroot.File that a method returns is a reference of the caller's, who gives it to Response.File or to Release.
// What worker threads have found out for a request stays known until the request is decided.
type Files interface {
	// LookUp finds out what a Lookup asks for. False means that a worker thread has been asked, or that it is to be tried
	// again in a moment; the Lookup holds no references then. However many names are unknown, LookUp has them
	// looked up by one job, up to a limit that no usual configuration reaches.
	LookUp(l *Lookup) bool
	// Make returns the file that build makes; its Class says whether there is one. It is kept under the key, beside the names of
	// the mount's files, for as long as the outcome of a look-up is. build runs on a worker thread that may wait for a
	// disk. It is refused while files that were made take too much memory.
	Make(m *docroot.Mount, key []byte, build Build) (*docroot.File, Outcome)
	// Compressed returns the form of a file in a coding, if the server has made it. Otherwise it may have a worker thread make it.
	// It is pending for a short time only. It is refused while the form is not there.
	Compressed(f *docroot.File, c response.Coding) (*docroot.File, Outcome)
	// Check is Make for what takes a processor for long and waits for nothing. It is refused while too many are
	// pending, for the same client or in all.
	Check(m *docroot.Mount, key []byte, build Build) (*docroot.File, Outcome)
	// Small returns the content of a small file that is in memory, or nil. It is cheaper to send from
	// there than by sendfile. The content must not be changed.
	Small(f *docroot.File) []byte
	// Release gives a reference back.
	Release(f *docroot.File)
	// Moment returns the time of the response. It is the same in all calls for one call of a Responder.
	Moment() Moment
	// Client returns the address of the client, or the zero Addr for one that has none (a Unix socket).
	Client() netip.Addr
	// TLS returns what is known of the TLS connection of the client, or nil for a connection without TLS. It must not be
	// changed.
	TLS() *TLS
	// Random returns a number that nobody outside can predict.
	Random() uint64
}

// Moment is the time of a response, and what is true at that time.
type Moment struct {
	Date      []byte        // as an IMF-fixdate; not to be changed
	Unix      int64         // in seconds since 1970
	Monotonic time.Duration // on the loop's clock
	Ending    bool          // the server is shutting down: no connection is kept
}

// TLS describes a TLS connection after its handshake.
type TLS struct {
	// Site is the name of the site whose certificate and rules for client certificates the handshake had: that of
	// tlsconfig.Store.SiteOf. A look-up by the Host of a request may read the client's server name differently.
	Site string
}

// Build makes a file for a response, on a worker thread. It must not use anything of the Responder or of the request.
type Build func(directories kernel.Directories) (kernel.Opened, kernel.Class)

// Outcome says what has become of Files.Make, Files.Check or Files.Compressed.
type Outcome uint8

// The outcomes of Files.Make, Files.Check and Files.Compressed.
const (
	OutcomeDone    Outcome = iota // the file's Class says how it ended; a form is there
	OutcomePending                // a worker thread has been asked, or it is to be tried again in a moment
	OutcomeRefused                // there is too much of it already, or there is no form
)
