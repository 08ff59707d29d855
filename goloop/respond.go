package goloop

import (
	"aws/internal/connstate"
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
		if c.state != connstate.StateOpening && c.state != connstate.StateFree {
			l.setState(c, connstate.StateOpening)
		}
		return
	}
	l.dropFound(c)
	l.ready(c, req, buf, buf[req.Len():])
}

// ready makes the response that stands in l.ans the connection's, and lets it be sent. The bytes
// that follow the request are kept if the connection is. head holds as much of the request as has been read; it is
// nil when nothing has.
func (l *Loop) ready(c *conn, req *request.Request, head, rest []byte) {
	a := &l.response
	assert(a.File == nil || a.File.Class == kernel.Done, "a response is about a file that there is not")
	rec := l.record(a, req, head)
	if c.headBuf = l.heads.take(len(a.Head)); c.headBuf == nil {
		l.dropFile(&a.File)
		c.rec, c.responding = rec, true
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	c.rec, c.responding, c.sent = rec, true, 0
	c.writeBuf, c.headLeft = c.headBuf[:copy(c.headBuf, a.Head)], a.HeadLen()
	c.file, a.File = a.File, nil
	c.off, c.end, c.prefetchEnd, c.prefetchAt = a.From, a.To, prefetchOf(c.file, a.To), 0
	c.keep = a.KeepAlive
	if len(a.Parts) > 0 || c.keep && a.HasBody {
		rest = l.takeTail(c, rest)
	}
	c.linger = a.Linger || a.HasBody || len(rest) > 0
	if c.keep {
		l.keepRest(c, rest)
	} else {
		l.dropPart(c)
	}
	l.setState(c, connstate.StateWReady)
	if c.off < c.end && c.file.Loads() {
		l.startDynamic(c)
	}
	l.toSend(c)
	if c.keep && c.part != nil && c.tail == nil {
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
			c.keep = false // out of memory: this response is the last
			return
		}
	}
	c.part.n = copy(c.part.buf, rest)
	c.part.req.Reset(l.handler.Limits())
}

// retry lets a connection ask again in a moment.
func (l *Loop) retry(c *conn) {
	if len(l.retryq) == 0 {
		l.retryAt = max(l.retryAt, l.k.Now()+retryAfter)
	}
	l.retryq = append(l.retryq, c.slot)
}

// dropHead gives the header's buffer back.
func (l *Loop) dropHead(c *conn) {
	if c.headBuf == nil {
		return
	}
	l.heads.give(c.headBuf)
	c.headBuf, c.writeBuf, c.headLeft = nil, nil, 0
}
