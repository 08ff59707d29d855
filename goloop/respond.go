package goloop

import (
	"aws/internal/connstate"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
)

// respond lets the handler decide about a complete request, and makes its response ready to be sent.
// If the file has to be looked up off the loop first, the request waits in CONN_OPENING.
func (l *Loop) respond(c *conn, buf []byte, req *request.Request) {
	l.response.Reset()
	if !l.responder.Respond(&l.response, req, buf, c.current) {
		l.dropFile(&l.response.File)
		l.keepReceived(c, buf, req)
		if c.state() != connstate.StateOpening && c.state() != connstate.StateFree {
			l.setState(c, connstate.StateOpening)
		}
		return
	}
	c.current.dropFound()
	l.ready(c, &l.response, req, buf, buf[req.Len():])
}

// ready makes a response that of the connection's current exchange, and lets it be sent. The bytes
// that follow the request are kept if the connection is. head holds as much of the request as has been read; it is
// nil when nothing has.
func (l *Loop) ready(c *conn, r *handler.Response, req *request.Request, head, rest []byte) {
	assert(r.File == nil || r.File.Class == kernel.Done, "a response is about a file that there is not")
	x := c.current
	x.record = l.record(c, r, req, head)
	if !l.compose(x, r) {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	if c.isStream() {
		l.dropReadBuf(c)
		l.setState(c, connstate.StateWReady)
		l.startBody(x)
		l.toSend(c)
		return
	}
	if x.keepAlive && r.HasBody {
		rest = l.discardArrived(x, r, rest)
	}
	// Over TLS, a close_notify or KeyUpdate of the client may be unread.
	x.lingers = r.Linger || r.HasBody || len(rest) > 0 || c.tls != nil
	if x.keepAlive {
		l.keepRest(c, rest)
	} else {
		l.dropReadBuf(c)
	}
	l.setState(c, connstate.StateWReady)
	l.startBody(x)
	l.toSend(c)
	if x.keepAlive && !x.discarding && c.readBuf != nil && !x.parts.more() {
		l.prepareNext(c)
	}
}

// keepRest keeps the bytes that a client has sent after its request.
func (l *Loop) keepRest(c *conn, rest []byte) {
	if len(rest) == 0 {
		l.dropReadBuf(c)
		return
	}
	if c.readBuf == nil {
		if c.readBuf = l.readBufs.take(); c.readBuf == nil {
			c.current.keepAlive = false // out of memory: this response is the last
			return
		}
	}
	c.readBuf.n = copy(c.readBuf.buf, rest)
	c.readBuf.req.Reset(l.handler.Limits())
}

// retry lets a connection ask again in a moment.
func (l *Loop) retry(c *conn) { l.retries.add(waitingConn{c.slot, c.gen}, l.k.Now()) }
