package goloop

import (
	"net/netip"
	"time"

	"aws/internal/connstate"
	"aws/internal/kernel"
)

// hasRoomForConn reports whether another connection may be accepted.
func (l *Loop) hasRoomForConn() bool { return l.conns.limits.hasRoom() }

// addAccepts adds accepts for the ready listeners to the batch, each linked to a receive. Only a
// connection that has sent nothing yet is registered with epoll. It returns the number of scratch pieces in use.
func (l *Loop) addAccepts() int {
	pieces := 0
	//mutation:accept-when-quiet
	for i, li := l.acceptor.takeReady(0); li != nil; i, li = l.acceptor.takeReady(i + 1) {
		for range li.accepts {
			if pieces == batchConnsMax || !l.batch.room(3) {
				break
			}
			c := l.conns.take()
			if c == nil {
				l.pauseAccepting(0)
				break
			}
			recv := kernel.Op{Kind: kernel.OpRecv, Flags: kernel.Link | kernel.Accepted}
			recv.SetBuf(l.piece(pieces))
			l.batch.add(ownerOf(roleAccept, c), l.acceptor.accept(i, pieces))
			l.batch.add(ownerOf(roleReceive, c), recv)
			l.batch.add(ownerOf(roleWatch, c), kernel.Op{
				Kind: kernel.OpEpollAdd, Flags: kernel.IfAgain | kernel.Accepted,
				File: l.k.Poller(), Mask: kernel.Readable, Token: c.token(),
			})
			pieces++
		}
	}
	return pieces
}

// pauseAccepting leaves new connections in the backlog for a while, and then until there is a slot
// for one.
func (l *Loop) pauseAccepting(while time.Duration) {
	l.shed()
	if l.acceptor.pause(l.k.Now() + while) {
		l.counts.AcceptPauses++
	}
}

// onAccept begins a connection, or gives its slot back.
func (l *Loop) onAccept(c *conn, op *kernel.Op) {
	li := &l.acceptor.listeners[op.Token]
	class := kernel.Classify(op.Result)
	if class == kernel.Done {
		c.fd = int32(op.Result)
		l.conns.serial++
		c.serial = l.conns.serial
		l.counts.Accepted++
		c.peer = peerOf(op)
		l.setState(c, connstate.StateInit)
		if li.tls {
			c.tls = l.newTLSConn()
		}
		c.h2c = l.cfg.H2C && !li.tls
		c.plainTCP = !li.tls && !l.cfg.H2C && c.peer.IsValid()
		c.proxyHeader = l.trusted(c.peer.Addr())
		c.countedForAddress = c.proxyHeader || l.conns.limits.enter(addressGroup(c.peer.Addr()))
		li.succeeded()
		if !c.countedForAddress {
			l.refuseAddress(c)
		}
		return
	}
	l.conns.give(c)
	switch class {
	case kernel.Canceled: // after one that failed
	case kernel.Exhausted:
		l.closer.files = l.cache.Reclaim(reclaimMax, l.closer.files)
		//mutation:accept-pause-lost
		l.pauseAccepting(acceptPause)
	default: // the backlog is empty, or the client has closed (ECONNABORTED)
		li.failed()
	}
}

// refuseAddress closes a connection that exceeds the per-address limit.
func (l *Loop) refuseAddress(c *conn) {
	l.counts.OverAddressLimit++
	if c.tls != nil { // no response could be read
		l.abort(c, kernel.OpReset)
		return
	}
	if c.state() == connstate.StateInit {
		l.begin(c)
	}
	l.response.Reset()
	if !l.responder.Busy(&l.response, c.current) {
		l.abort(c, kernel.OpReset)
		return
	}
	l.response.KeepAlive = false
	l.ready(c, &l.response, nil, nil, nil)
}

// onWatch records that a connection without received bytes is registered with epoll.
func (l *Loop) onWatch(c *conn, op *kernel.Op) {
	if c.fd < 0 {
		return // it was not accepted
	}
	switch {
	case op.Result >= 0:
		c.epoll.registered, c.epoll.mask = true, kernel.Readable
		l.touch(c)
	case kernel.Classify(op.Result) != kernel.Canceled:
		l.counts.WatchesFailed++
		l.abort(c, kernel.OpReset)
	}
}

// trusted reports whether an address is a proxy's that is trusted.
func (l *Loop) trusted(a netip.Addr) bool {
	if !a.IsValid() {
		return l.cfg.ProxyUnix
	}
	for _, p := range l.cfg.Proxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// shedMax is how many connections without a request are ended at once to make room.
const shedMax = 32

// shed ends the connections that have waited longest without sending a byte of a request, to make room
// for those that wait to be accepted. Otherwise anyone who opens enough of them locks everybody out
// for IdleTimeout.
func (l *Loop) shed() {
	now := l.k.Now()
	c := l.deadlines.first(connstate.DeadlineIdle)
	for n := 0; c != nil && n < shedMax && now-l.deadlines.armedAt(c) >= shedAfter; n++ {
		next := c.deadline.next
		if c.state() == connstate.StateInit && !c.queued.settle && !c.queued.receive && !c.queued.parse {
			l.counts.Expired++
			l.counts.ExpiredBy[connstate.DeadlineIdle]++
			l.leave(c)
		}
		c = next
	}
}

// connRoom returns whether the acceptor may accept, or when it may.
func (l *Loop) connRoom() connRoom {
	r := connRoom{left: l.hasRoomForConn(), elsewhere: l.conns.live() < l.cfg.ConnsMax, shedAt: never}
	if c := l.deadlines.first(connstate.DeadlineIdle); c != nil {
		r.shedAt = l.deadlines.armedAt(c) + shedAfter
	}
	return r
}
