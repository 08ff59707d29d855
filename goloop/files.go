package goloop

import (
	"net/netip"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
)

// An exchange implements handler.Files for its request. For a pipelined one nothing is asked of worker threads, and nothing is
// retried: its response is decided again when it is the current one.

// isPipelined reports whether the exchange is behind another one.
func (x *exchange) isPipelined() bool { return x.conn.current != x }

// Small implements handler.Files. The content is as old as the latest look-up of the file's name; if the file has changed
// since then, the next look-up finds another one.
func (x *exchange) Small(file *docroot.File) []byte {
	if p := file.Small.Load(); p != nil {
		return *p
	}
	now := x.loop.k.Now()
	if file.Size == 0 || file.Size > smallBytesMax || file.Made ||
		file.SmallTried.Load() != 0 && now-time.Duration(file.SmallTried.Load()) < smallRetry {
		return nil
	}
	file.SmallTried.Store(int64(now))
	content := make([]byte, file.Size)
	if x.loop.k.Peek(file.FD, content) != file.Size {
		return nil // not in memory, or shorter than it was
	}
	file.Small.Store(&content)
	return content
}

// smallBytesMax is the size up to which one send from memory is cheaper than send and sendfile, and
// fits a header's buffer; smallRetry is how soon a file that was not in memory is looked for again.
const (
	smallBytesMax = 8 << 10
	smallRetry    = 100 * time.Millisecond
)

// Release implements handler.Files.
func (x *exchange) Release(file *docroot.File) { x.loop.dropFile(&file) }

// Moment implements handler.Files.
func (x *exchange) Moment() handler.Moment {
	return handler.Moment{Date: x.loop.date.text[:], Unix: x.loop.k.Wall(), Monotonic: x.loop.k.Now(), Ending: x.loop.shutdown.draining}
}

// Client implements handler.Files.
func (x *exchange) Client() netip.Addr { return x.conn.peer.Addr() }

// TLS implements handler.Files.
func (x *exchange) TLS() *handler.TLS {
	if t := x.conn.root().tls; t != nil {
		return &t.described
	}
	return nil
}

// Random implements handler.Files.
func (x *exchange) Random() uint64 { return x.loop.k.Random() }
