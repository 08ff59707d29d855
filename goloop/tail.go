package goloop

import (
	"aws/internal/connstate"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
)

// tail is what a connection has to do after the body bytes that are just being sent: the
// segments that follow, then the rest of the request's body.
type tail struct {
	segments []handler.Part
	text     []byte // of all segments that follow, one behind the other
	next     int    // the next segment
	textAt   int    // where its text begins
	draining bool   // the request's body has not been received in full
	body     request.Body
}

// more reports whether segments follow. It is good for no tail, too.
func (t *tail) more() bool { return t != nil && t.next < len(t.segments) }

// takeTail keeps what the response has beyond its first body bytes, and throws away as much of the
// request's body as has arrived. It returns the bytes behind the body.
func (l *Loop) takeTail(c *conn, rest []byte) []byte {
	a := &l.response
	var ok bool
	if c.tail, ok = l.tails.take(); !ok {
		c.tail = &tail{}
	}
	t := c.tail
	t.segments = append(t.segments[:0], a.Parts...)
	t.text = append(t.text[:0], a.PartText...)
	t.next, t.textAt = 0, 0
	t.draining = c.keep && a.HasBody
	if !t.draining {
		return rest
	}
	t.body = a.Body
	n, done, defect := t.body.Next(rest)
	if defect != request.DefectNone {
		c.keep, t.draining = false, false
		return rest
	}
	if done {
		t.draining, a.HasBody = false, false
	}
	return rest[n:]
}

func (l *Loop) dropTail(c *conn) {
	if c.tail != nil {
		l.tails.give(c.tail)
		c.tail = nil
	}
}

// nextSegment makes the next segment ready to be sent.
func (l *Loop) nextSegment(c *conn) {
	t := c.tail
	s := t.segments[t.next]
	if c.headBuf = l.heads.take(s.TextBytes); c.headBuf == nil {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	c.writeBuf, c.headLeft = c.headBuf[:copy(c.headBuf, t.text[t.textAt:t.textAt+s.TextBytes])], 0
	t.next++
	t.textAt += s.TextBytes
	l.dropWindow(c)
	c.off, c.end, c.prefetchEnd, c.prefetchAt = s.From, s.To, prefetchOf(c.file, s.To), 0
	l.setState(c, connstate.StateWReady)
	if c.off < c.end && c.file.Loads() {
		l.startDynamic(c)
	}
}

// lingerAfter ends a connection that has had its response, and may be sending on: closed now, what it has sent
// would be answered with a reset, which may overtake the response.
func (l *Loop) lingerAfter(c *conn) {
	l.hangUps = append(l.hangUps, hangUp{kind: kernel.OpShutdown, fd: c.fd})
	l.setState(c, connstate.StateLingering)
	l.release(c)
}

// discardBody throws away what has arrived of a request's body.
func (l *Loop) discardBody(c *conn, buf []byte) {
	n, done, defect := c.tail.body.Next(buf)
	switch {
	case defect != request.DefectNone:
		l.lingerAfter(c)
	case done:
		l.dropTail(c)
		l.setState(c, connstate.StateInit)
		l.keepRest(c, buf[n:])
		if c.part != nil {
			l.toParse(c)
		}
	}
}
