package goloop

import (
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
)

// finder implements handler.Files for one connection's request.
type finder struct {
	*Loop
	c    *conn
	peek bool // nothing is asked of worker threads, and nothing is retried: what is not known at once is not wanted
}

// Small implements handler.Files. The content is as old as the latest look-up of the file's name; if the file has changed
// since then, the next look-up finds another one.
func (f *finder) Small(file *docroot.File) []byte {
	if p := file.Small.Load(); p != nil {
		return *p
	}
	now := f.k.Now()
	if file.Size == 0 || file.Size > smallBytesMax || file.Made ||
		file.SmallTried.Load() != 0 && now-time.Duration(file.SmallTried.Load()) < smallRetry {
		return nil
	}
	file.SmallTried.Store(int64(now))
	content := make([]byte, file.Size)
	if f.k.Peek(file.FD, content) != file.Size {
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
func (f *finder) Release(file *docroot.File) { f.dropFile(&file) }

// Moment implements handler.Files.
func (f *finder) Moment() handler.Moment {
	return handler.Moment{Date: f.date.text[:], Unix: f.k.Wall(), Monotonic: f.k.Now(), Ending: f.shutdown.draining}
}

// Random implements handler.Files.
func (f *finder) Random() uint64 { return f.k.Random() }
