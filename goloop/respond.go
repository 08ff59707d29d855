package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
)

// respond lets the handler decide about a complete request, and makes its response ready to be sent.
// If the file has to be looked up off the loop first, the request waits in CONN_OPENING.
func (l *Loop) respond(c *conn, buf []byte, req *request.Request) {
	l.response.Reset()
	l.finding = finder{Loop: l, c: c}
	if !l.responder.Respond(&l.response, req, buf, &l.finding) {
		l.dropFile(&l.response.File)
		l.keepPart(c, buf, req)
		if c.state() != connstate.StateOpening && c.state() != connstate.StateFree {
			l.setState(c, connstate.StateOpening)
		}
		return
	}
	l.dropFound(c)
	l.ready(c, &l.response, req, buf, buf[req.Len():])
}

// ready makes a response that of the connection's current exchange, and lets it be sent. The bytes
// that follow the request are kept if the connection is. head holds as much of the request as has been read; it is
// nil when nothing has.
func (l *Loop) ready(c *conn, r *handler.Response, req *request.Request, head, rest []byte) {
	assert(r.File == nil || r.File.Class == kernel.Done, "a response is about a file that there is not")
	x := c.current
	x.record = l.record(r, req, head)
	if !l.compose(x, r) {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	if x.keepAlive && r.HasBody {
		rest = l.discardArrived(x, r, rest)
	}
	x.lingers = r.Linger || r.HasBody || len(rest) > 0
	if x.keepAlive {
		l.keepRest(c, rest)
	} else {
		l.dropPart(c)
	}
	l.setState(c, connstate.StateWReady)
	l.startBody(x)
	l.toSend(c)
	if x.keepAlive && !x.discarding && c.part != nil && !x.parts.more() {
		l.prepareNext(c)
	}
}

// keepRest keeps the bytes that a client has sent after its request.
func (l *Loop) keepRest(c *conn, rest []byte) {
	if len(rest) == 0 {
		l.dropPart(c)
		return
	}
	if c.part == nil {
		if c.part = l.newPart(); c.part == nil {
			c.current.keepAlive = false // out of memory: this response is the last
			return
		}
	}
	c.part.n = copy(c.part.buf, rest)
	c.part.req.Reset(l.handler.Limits())
}

// finder is the Finder for one connection's request.
type finder struct {
	*Loop
	c    *conn
	peek bool // nothing is to be asked for: what is not known at once is not wanted
}

// Find implements Finder.
func (f *finder) Find(m *docroot.Mount, name []byte) (*docroot.File, bool) {
	l, c := f.Loop, f.c
	now := l.k.Now()
	if file := c.holds(m, name); file != nil {
		return file, true
	}
	if file := docroot.Impossible(m, name); file != nil {
		return file, true
	}
	file, fresh := l.cache.Get(m, name, now)
	switch {
	case fresh == docroot.Fresh && l.hasItsSize(file, now):
		l.counts.CacheHits++
		return file, true
	case fresh == docroot.Stale && file.Class == kernel.Done && file.Remote && f.peek:
		l.dropFile(&file)
		return nil, false
	case fresh == docroot.Stale && file.Class == kernel.Done && !file.Remote:
		l.counts.OpensCached++
		if l.k.Stat(m.Root, name, &l.looked) == kernel.Done && l.looked.Same(&file.Info) {
			l.cache.Validated(file, now)
			return file, true
		}
		fallthrough
	case fresh != docroot.Missing:
		l.closing = l.cache.Drop(file, l.closing)
		l.dropFile(&file)
	}
	class := l.k.Open(m.Root, name, &l.opened)
	if f.peek && (class == kernel.Again || class == kernel.Exhausted) {
		return nil, false
	}
	switch class {
	case kernel.Again:
		l.askOpen(c, m, name)
		return nil, false
	case kernel.Exhausted:
		l.openRefused(c)
		return nil, false
	default:
		l.counts.OpensCached++
		file := l.remember(m, name, class, &l.opened, false)
		if c.refusals > 0 {
			file.Hold()
			l.hold(c, file)
		}
		return file, true
	}
}

// hasItsSize reports whether a file whose name is trusted still has the size that its header section says: one that was
// written in place since then may not be promised in its old length. It is asked once per turn. Content that is kept in
// memory goes with its header section, and anyone who would have to be waited for is not asked.
func (l *Loop) hasItsSize(file *docroot.File, now time.Duration) bool {
	if file.Class != kernel.Done || file.Made || file.Remote || file.Small.Load() != nil || file.Sized(now) {
		return true
	}
	return l.k.Size(file.FD) == file.Size
}

// Make implements Finder.
func (f *finder) Make(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, bool) {
	file, known := f.known(m, key)
	if !known && !f.peek {
		f.askMake(f.c, m, key, build)
	}
	return file, known
}

// known returns what was made under a key, with a reference, if that is still trusted.
func (f *finder) known(m *docroot.Mount, key []byte) (*docroot.File, bool) {
	l := f.Loop
	if file := f.c.holds(m, key); file != nil {
		return file, true
	}
	file, fresh := l.cache.Get(m, key, l.k.Now())
	if fresh == docroot.Fresh {
		return file, true
	}
	if fresh == docroot.Stale {
		l.closing = l.cache.Drop(file, l.closing)
		l.dropFile(&file)
	}
	return nil, false
}

// Full implements Finder.
func (f *finder) Full() bool { return f.cache.Full() }

// Directories implements Finder.
func (f *finder) Directories() kernel.Directories { return f.k }

// Random implements Finder.
func (f *finder) Random() uint64 { return f.k.Random() }

// Small implements Finder. The content is as old as the name's latest look-up; a file that has changed
// since then is another one at the next.
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

// Ending implements Finder.
func (f *finder) Ending() bool { return f.shutdown.draining }

// Release implements Finder.
func (f *finder) Release(file *docroot.File) { f.dropFile(&file) }

// Unix implements Finder.
func (f *finder) Unix() int64 { return f.k.Wall() }

// Now implements Finder.
func (f *finder) Now() time.Duration { return f.k.Now() }

// remember puts what a name stands for into the cache.
func (l *Loop) remember(m *docroot.Mount, name []byte, class kernel.Class, opened *kernel.Opened, made bool) *docroot.File {
	file := docroot.NewFile(m, string(name), class, opened)
	file.Made = made
	if class == kernel.Done {
		l.handler.Prepare(file)
	}
	l.closing = l.cache.Add(file, l.k.Now(), l.closing)
	return file
}

// retry lets a connection ask again in a moment.
func (l *Loop) retry(c *conn) { l.retries.add(c.slot, l.k.Now()) }
