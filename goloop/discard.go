package goloop

import (
	"aws/internal/connstate"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
)

// discardArrived throws away as much of the request's body as has arrived with its head, if the connection is kept after the
// response. It returns the bytes behind the body.
func (l *Loop) discardArrived(x *exchange, r *handler.Response, rest []byte) []byte {
	x.requestBody = r.Body
	n, done, defect := x.requestBody.Next(rest)
	if defect != request.DefectNone {
		x.keepAlive = false
		return rest
	}
	if x.discarding = !done; done {
		r.HasBody = false
	}
	return rest[n:]
}

// stepDiscarding is the step of CONN_DISCARDING: more of the request's body has arrived. The response has been sent.
func (l *Loop) stepDiscarding(c *conn, buf []byte) {
	x := c.current
	assert(x.state == connstate.StateDiscarding && x.discarding, "a body is discarded outside of CONN_DISCARDING")
	n, done, defect := x.requestBody.Next(buf)
	switch {
	case defect != request.DefectNone:
		//mutation:reset-before-response
		l.linger(c)
	case done:
		//mutation:bytes-behind-body-lost
		l.keepRest(c, buf[n:])
		l.awaitRequest(c)
	}
}

// linger begins the lingering close of a connection whose response has been sent. If it were closed now, unread input
// would cause a reset, which may overtake the response.
func (l *Loop) linger(c *conn) {
	if c.sendsByKernel() {
		l.lingerOpen(c)
		return
	}
	l.closer.addWith(kernel.OpShutdown, c.fd, c.farewell(kernel.OpShutdown))
	l.setState(c, connstate.StateLingering)
	l.release(c)
}

// stepLingering is the step of CONN_LINGERING: n more bytes have arrived and are discarded.
func (l *Loop) stepLingering(c *conn, n int) {
	assert(c.state() == connstate.StateLingering, "a connection lingers outside of CONN_LINGERING")
	c.lingered += int32(n)
	if c.lingered > lingerBytesMax {
		l.abort(c, kernel.OpClose)
	}
}
