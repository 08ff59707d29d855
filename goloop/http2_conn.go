package goloop

import (
	"cmp"

	"aws/internal/connstate"
	"aws/internal/http2"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/stats"
)

// A connection that speaks HTTP/2 is in CONN_STREAMS while it has streams, or something is to be sent or awaited, and else in CONN_INIT. Each
// of its streams is a conn, too, without a socket: it has a slot, and its exchange goes through the same states as on a connection of
// HTTP/1, with the same deadlines, jobs and transfers. What differs is how a request arrives (streamEvents) and how a response
// leaves: as frames of its parent (http2_send.go).

// http2Conn is the HTTP/2 of a connection.
type http2Conn struct {
	frames *http2.Conn
	chunk  int         // how many bytes of frames are made at once: more for a client that takes them
	plan   framePlan   // the frames that the send phase is about to send
	out    frameOutput // those that the socket has not taken
	loads  loadQueue
	ends   bool // the connection ends when what is to be sent has been

	streamBytes int // of the buffers that its streams hold

	receiving bool   // frames are being taken in
	steps     uint64 // of frames, when the deadline was last restarted
}

// http2Parts is what a loop needs for its connections that speak HTTP/2.
type http2Parts struct {
	shared  *http2.Shared
	limits  http2.Limits
	events  streamEvents
	frames  arena
	planned []plannedFrame
	heads   streamHeads
}

// protocolHTTP2 is the name of HTTP/2 in ALPN (RFC 9113, section 3.1).
const protocolHTTP2 = "h2"

// newHTTP2Parts returns what a loop needs, if its connections may speak HTTP/2.
func newHTTP2Parts(k mapper, cfg *Config, limits *request.Limits, counts *stats.Counters) (http2Parts, error) {
	if cfg.TLS == nil && !cfg.H2C {
		return http2Parts{}, nil
	}
	p := http2Parts{shared: http2.NewShared(), limits: http2.DefaultLimits()}
	p.shared.Exceeded = func(n http2.Limit) { counts.HTTP2Exceeded[n]++ }
	p.limits.HeadBytesMax = cmp.Or(limits.HeadBytesMax, request.DefaultHeadBytesMax)
	var err error
	p.frames, err = newArena(k, framesBytes)
	return p, err
}

// isStream reports whether c is a stream, and no connection.
func (c *conn) isStream() bool { return c.stream != nil }

// streamOf returns the connection that c is a stream of, or nil if c is a connection, or a stream that is over.
func (c *conn) streamOf() *conn {
	if c.stream == nil {
		return nil
	}
	return c.stream.of
}

// root returns the connection that c is, or is a stream of.
func (c *conn) root() *conn {
	if of := c.streamOf(); of != nil {
		return of
	}
	return c
}

// stream is what a conn has that is a stream.
type stream struct {
	of       *conn         // the connection; nil if the stream is over, and waits for the kernel to give its buffers back
	http2    *http2.Stream // nil once its last frame has been made
	loads    bool          // it counts in loadQueue.loading
	refused  bool          // its connection's streams hold too much
	progress int64         // of the connection and its own, when its send deadline was last looked at
}

// startHTTP2 lets a connection of which no request has been received speak HTTP/2.
func (l *Loop) startHTTP2(c *conn) {
	h := &l.http2
	c.http2 = &http2Conn{frames: http2.NewConn(h.shared, &h.limits), chunk: firstRecordBytes}
	l.counts.HTTP2Conns++
}

// preface is how a client that knows that the server speaks HTTP/2 begins (RFC 9113, section 3.4). No request of HTTP/1 does.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// prefaceStart is how many bytes of it identify HTTP/2.
const prefaceStart = len("PRI")

// beginsHTTP2 reports whether a connection's first bytes are those of HTTP/2; known is false if there are too few of them.
func beginsHTTP2(buf []byte) (is, known bool) {
	n := min(len(buf), prefaceStart)
	if string(buf[:n]) != preface[:n] {
		return false, true
	}
	return n == prefaceStart, n == prefaceStart
}

// stepStreams is the step of CONN_STREAMS, and of CONN_INIT before it: more frames have arrived.
func (l *Loop) stepStreams(c *conn, buf []byte) {
	h := c.http2
	if h.ends {
		return
	}
	if c.state() == connstate.StateInit {
		l.setState(c, connstate.StateStreams)
	}
	l.http2.events = streamEvents{l, c}
	h.receiving = true
	if !h.frames.Receive(l.k.Now(), buf, &l.http2.events) {
		h.ends = true
	}
	h.receiving = false
	if n := h.frames.Steps(); n != h.steps {
		h.steps, c.deadline.restart = n, true
	}
	l.settleStreams(c)
}

// settleStreams sees to the state of a connection that speaks HTTP/2 after something has happened to it.
func (l *Loop) settleStreams(c *conn) {
	h := c.http2
	if h.receiving || h.plan.buf != nil {
		return // it follows
	}
	over := h.ends || h.frames.Ended()
	pending := !h.out.isEmpty() || h.frames.HasControl()
	switch {
	case over && !pending:
		l.linger(c)
		return
	case pending || !h.frames.Idle():
		if c.state() == connstate.StateInit {
			l.setState(c, connstate.StateStreams)
		}
	case c.state() == connstate.StateStreams:
		l.setState(c, connstate.StateInit)
	}
	l.touch(c)
	if sendable(c) {
		l.toSend(c)
	}
}

// hasFrames reports whether frames are to be sent.
func (h *http2Conn) hasFrames() bool {
	return h.sendsFirst() || h.frames.HasControl() || !h.ends && h.frames.Next() != nil
}

// streamEvents is what a loop does about what a client has sent to one of its connections.
type streamEvents struct {
	loop *Loop
	conn *conn
}

// Request implements http2.Handler.
func (e *streamEvents) Request(s *http2.Stream, head []byte) {
	l, c := e.loop, e.conn
	sc := l.conns.takeStream()
	if sc == nil {
		l.counts.StreamsRefused++
		c.http2.frames.Reset(s, http2.RefusedStream)
		return
	}
	sc.serial, sc.peer = connstate.FirstStream+l.conns.begun, c.peer
	l.conns.begun++
	*sc.stream = stream{of: c, http2: s, progress: c.delivery.sent}
	s.Slot = sc.slot
	l.setState(sc, connstate.StateInit)
	l.req.Reset(l.handler.Limits())
	l.stepReading(sc, head, &l.req)
}

// Closed implements http2.Handler.
func (e *streamEvents) Closed(s *http2.Stream) {
	sc := e.loop.conns.at(s.Slot)
	sc.stream.http2 = nil
	e.loop.counts.StreamsReset++
	//mutation:reset-stream-goes-on
	e.loop.endConn(sc)
}

// resetStream gives up a stream whose response can't be completed.
func (l *Loop) resetStream(sc *conn, code http2.ErrorCode) {
	c := sc.stream.of
	if s := sc.stream.http2; s != nil {
		c.http2.frames.Reset(s, code)
		sc.stream.http2 = nil
	}
	l.endConn(sc)
	l.settleStreams(c)
}

// dropHTTP2 gives back what a connection holds for HTTP/2, its streams included.
func (l *Loop) dropHTTP2(c *conn) {
	h := c.http2
	if h == nil {
		return
	}
	h.frames.Each(func(s *http2.Stream) {
		sc := l.conns.at(s.Slot)
		sc.stream.http2 = nil
		l.endConn(sc)
	})
	for _, frames := range [][]plannedFrame{h.out.frames, l.http2.planned[h.plan.from:h.plan.to]} { // which may be last ones
		for _, f := range frames {
			if sc := l.conns.at(f.slot); sc.gen == f.gen && sc.stream.of == c {
				l.endConn(sc)
			}
		}
	}
	assert(h.streamBytes == 0, "a stream that is over holds a buffer")
	h.frames.Release()
	l.heads.giveIf(h.out.buf)
	c.http2 = nil
	l.counts.HTTP2Conns--
}

// goodbye returns the frames that are sent before a connection is closed: a GOAWAY where what has been sent before ends with a frame.
func (c *conn) goodbye() []byte {
	h := c.http2
	if h == nil || !h.out.isEmpty() || h.ends || h.frames.Ended() {
		return nil
	}
	h.frames.Fail(http2.NoError)
	return h.frames.AppendControl(nil)
}

// shutDownStreams announces the end to the clients that speak HTTP/2.
func (l *Loop) shutDownStreams() {
	for c := range l.conns.all() {
		if c.http2 != nil && c.fd >= 0 {
			c.http2.frames.Shutdown()
			l.settleStreams(c)
		}
	}
}

// streamsDeadline is the deadline of a connection in CONN_STREAMS. Its streams have their own.
func (c *conn) streamsDeadline() connstate.Deadline {
	switch h := c.http2; {
	case !h.out.isEmpty() || h.frames.HasControl():
		return connstate.DeadlineSend
	//mutation:silent-client-awaited
	case h.frames.AwaitsClient():
		return connstate.DeadlineHead
	default:
		return connstate.DeadlineNone
	}
}

// deadlineOf returns the deadline that a connection is under.
func (c *conn) deadlineOf() connstate.Deadline {
	if c.state() == connstate.StateStreams {
		return c.streamsDeadline()
	}
	return c.state().Deadline()
}

// tookFrames reports whether frames of a stream, or of its connection, were sent since this was last asked: a stream that waits for
// others is not slow.
func (c *conn) tookFrames(least int64) bool {
	now := c.delivery.sent + c.root().delivery.sent
	took := now-c.stream.progress > least
	c.stream.progress = now
	return took
}

// expireStream ends a stream whose deadline has passed, or a connection whose client does not go on with what it has begun.
func (l *Loop) expireStream(c *conn) bool {
	switch {
	case c.isStream():
		l.resetStream(c, http2.Cancel)
	case c.http2 != nil && c.deadline.kind == connstate.DeadlineHead:
		c.http2.ends = !c.http2.frames.Expire()
		c.deadline.restart = true
		l.settleStreams(c)
	default:
		return false
	}
	return true
}

// endOfStream ends a stream as abort does a connection. It returns false if c is none.
func (l *Loop) endOfStream(sc *conn, how netKind) bool {
	if !sc.isStream() {
		return false
	}
	code := http2.InternalError
	switch {
	case sc.stream.refused:
		l.counts.StreamsRefused++
		code = http2.RefusedStream
	case how == kernel.OpReset:
		l.counts.Resets++
	}
	l.resetStream(sc, code)
	return true
}

// isHeldBack reports whether a stream's client does not take what is loaded for it.
func (c *conn) isHeldBack() bool {
	of, s := c.stream.of, c.stream.http2
	return of.writeBlocked || s != nil && of.http2.frames.WindowOf(s) == 0
}

// onWritable lets a connection that receives send again, whose socket has room.
func (l *Loop) onWritable(c *conn) {
	if !c.writeBlocked {
		c.epoll.unwanted = true
	}
	c.writeBlocked = false
	l.touch(c)
	if sendable(c) {
		l.toSend(c)
	}
}

// readPreface lets a connection speak HTTP/2 if that is how its client begins. It returns false if it speaks HTTP/1.
func (l *Loop) readPreface(c *conn, buf []byte, req *request.Request) bool {
	is, known := beginsHTTP2(buf)
	switch {
	case !known:
		l.touch(c)
		l.keepReceived(c, buf, req)
		return true
	case !is:
		c.h2c = false
		return false
	}
	c.h2c = false
	if c.current != nil { // a part of the PROXY protocol header came before
		l.setState(c, connstate.StateStreams)
		l.dropCurrent(c)
	}
	l.startHTTP2(c)
	kept := c.readBuf
	c.readBuf = nil
	l.stepStreams(c, buf)
	if kept != nil {
		l.readBufs.give(kept)
	}
	return true
}

// closeIdleHTTP2 ends a connection without streams while the loop drains. Its client has been notified.
func (l *Loop) closeIdleHTTP2(c *conn) {
	if c.fd >= 0 && c.http2.frames.Streams() == 0 && len(c.http2.out.frames) == 0 && c.state() != connstate.StateLingering {
		l.leave(c)
	}
}

// leave ends a connection that has been without a request for long enough. A client of HTTP/2 may send frames all the same (WINDOW_UPDATE, PING), and a reset in return
// could overtake what it has not read yet.
func (l *Loop) leave(c *conn) {
	if c.http2 != nil {
		l.linger(c)
		return
	}
	l.abort(c, kernel.OpClose)
}
