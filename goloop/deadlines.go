package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/tlsconn"
)

// tookEnough reports whether the client has acknowledged as many bytes as it has to in a SendTimeout.
// That the socket has taken none is not a sign that the client has not: epoll reports room when a third
// of the socket's buffer is free, which may be megabytes.
func (l *Loop) tookEnough(c *conn) bool {
	if c.isStream() {
		return c.tookFrames(l.cfg.takenMin())
	}
	unsent := l.k.Unsent(c.fd)
	acked := c.delivery.sent - unsent
	if acked-c.delivery.acked <= l.cfg.takenMin() && (unsent > int64(c.sentLatest) || !c.sendPaused) {
		return false // a client that has taken all but the latest bytes, and waits for the rates, is not slow
	}
	c.delivery.acked = acked
	return true
}

// stillTakes reports whether the client of a connection without a request is still taking the end of what was sent. It is not left meanwhile:
// what it sends to a closed socket would be answered by a reset, which could overtake the rest.
func (l *Loop) stillTakes(c *conn) bool { return l.k.Unsent(c.fd) > 0 && l.tookEnough(c) }

// stalled reports whether a connection that comes back to sending, from waiting for a disk, has spent
// SendTimeout on it without a byte being taken. Its deadline began again each time.
func (l *Loop) stalled(c *conn) bool {
	if c.current == nil || c.isStream() || c.state().Deadline() != connstate.DeadlineSend || c.deadline.kind == connstate.DeadlineSend ||
		c.current.clock.spent[connstate.PhaseSend]-c.current.clock.taken < l.cfg.SendTimeout {
		return false
	}
	c.current.clock.taken = c.current.clock.spent[connstate.PhaseSend]
	return !l.tookEnough(c)
}

// takenMin is what a client must have taken more than when its SendTimeout is over.
func (cfg *Config) takenMin() int64 { return cfg.SendRateMin * int64(cfg.SendTimeout/time.Second) }

// expireRequest lets the handler respond to a request that has not become complete, or whose file could not
// be looked up, in time. It returns false if no response can be sent.
func (l *Loop) expireRequest(c *conn) bool {
	if c.state() != connstate.StateReading && c.state() != connstate.StateOpening || l.shutdown.isCutOff() {
		return false
	}
	l.response.Reset()
	req, head := &l.req, []byte(nil)
	if c.readBuf != nil {
		req, head = &c.readBuf.req, c.readBuf.bytes()
	} else {
		req.Reset(l.handler.Limits())
	}
	if !l.responder.Expire(&l.response, c.state(), req, c.current) {
		return false
	}
	l.response.KeepAlive = false // a worker thread's response may still come, and must not meet another request
	c.current.dropJob()
	l.ready(c, &l.response, req, head, nil)
	return true
}

// expire ends the connections whose deadline has passed. One that was touched in this iteration has changed,
// and settle arms its new deadline.
func (l *Loop) expire() {
	now := l.k.Now()
	for d := range connstate.DeadlineCount {
		for c := l.deadlines.first(d); c != nil && c.deadline.at <= now; {
			next := c.deadline.next
			if c.queued.settle && (c.deadline.restart || c.deadlineOf() != c.deadline.kind) {
				c = next
				continue
			}
			if c.deadline.kind == connstate.DeadlineSend && l.tookEnough(c) || c.deadline.kind == connstate.DeadlineIdle && l.stillTakes(c) {
				c.deadline.restart = true // another period
				l.deadlines.arm(c, now)
				c = next
				continue
			}
			l.counts.Expired++
			l.counts.ExpiredBy[d]++
			if c.state() == connstate.StateHandshake {
				c.tls.handshake.failure = tlsconn.FailureTimeout
			}
			if l.expireRequest(c) {
				c = next
				continue
			}
			if l.expireStream(c) {
				c = l.deadlines.first(d) // the next one may have ended with it
				continue
			}
			if c.state() == connstate.StateInit {
				l.leave(c)
				c = l.deadlines.first(d)
				continue
			}
			how := kernel.OpClose
			if c.state() == connstate.StateStreams || c.state() == connstate.StateSending || c.state() == connstate.StateReadingAsync || c.state() == connstate.StatePrefetching ||
				c.state() == connstate.StateWReady && c.current.headLeft == 0 {
				how = kernel.OpReset // it has got part of a body, which must not look whole
			}
			l.abort(c, how)
			c = l.deadlines.first(d) // its streams have ended with it
		}
	}
}
