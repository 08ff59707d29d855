package goloop

import (
	"aws/internal/connstate"
	"aws/internal/http2"
	"aws/internal/kernel"
	"aws/internal/proxyproto"
	"aws/internal/request"
)

// runBatch makes the cgo call and gives each operation's result to its owner.
func (l *Loop) runBatch() {
	ops := l.batch.carryOut(l.k)
	if len(ops) == 0 {
		return
	}
	l.clock.look(l.k)
	l.counts.CgoCalls++
	l.counts.OpsPerCgoCall.Add(len(ops))
	for i := range ops {
		o := l.batch.owners[i]
		if o.role == roleNone {
			continue
		}
		c := l.conns.at(o.slot)
		alive := c.gen == o.gen
		if o.records != recordsNone {
			if alive && c.tls != nil {
				alive = l.settleRecords(c, &o, &l.batch.ops[i])
			} else {
				l.batch.ops[i].SetLen(l.batch.ops[i].Offset)
			}
		}
		if o.sends {
			l.countSent(c, alive, o, &l.batch.ops[i])
		}
		if alive {
			l.onResult(c, o.role, i)
		}
	}
}

// onResult hands a connection the result of one of its operations.
func (l *Loop) onResult(c *conn, r role, i int) {
	op := &l.batch.ops[i]
	switch r {
	case roleNone:
	case roleAccept:
		l.onAccept(c, op)
	case roleReceive:
		l.onReceive(c, op)
	case roleLastReceive:
		l.onLastReceive(c, op)
	case roleWatch:
		l.onWatch(c, op)
	case roleMessage:
		l.onMessage(c, op)
	case roleResident:
		l.onResident(c, op)
	case roleFile:
		l.onSendfile(c, op)
	case roleUncork:
		l.onUncork(c, op)
	case roleBuffer:
		l.onBuffer(c, op)
	case roleRead:
		l.onRead(c, op)
	case roleControl:
		l.onControl(c, op)
	case roleHandshake:
		l.onHandshakeSent(c, op)
	case roleKernelTLS:
		l.onKernelTLS(c, op)
	case roleKernelAlert:
		l.onKernelAlert(c, op)
	case roleFrames:
		l.onFrames(c, op)
	case roleFramesLeft:
		l.onFramesLeft(c, op)
	case roleFrameRead:
		l.onFrameRead(op)
	case roleShut:
		l.onShutdown(c, op)
	case roleClose:
		l.onClose(c, op)
	}
}

func ownerOf(r role, c *conn) owner { return owner{role: r, slot: c.slot, gen: c.gen} }

// piece returns the scratch memory for one receive.
func (l *Loop) piece(i int) []byte { return l.scratch[i*receiveBytes : (i+1)*receiveBytes] }

// receive accepts connections and takes in what clients have sent, each connection once.
func (l *Loop) receive() {
	pieces := l.addAccepts()
	for _, slot := range l.recvq.take() {
		c := l.conns.at(slot)
		//mutation:receive-queue-capped
		c.queued.receive = false
		if c.queued.parse {
			continue // received bytes are parsed before a following end of input
		}
		if !receives(c) {
			continue // it is closed, or waits for something else
		}
		if c.tls != nil && c.tls.in.hasRecord() {
			if l.openRecords(c, &c.tls.in); !receives(c) || c.queued.parse || c.state() == connstate.StateLingering {
				continue // what it waits for now is not received before its end is sent
			}
		}
		if pieces == batchConnsMax || !l.batch.room(1) {
			l.runBatch()
			pieces = 0
		}
		op := kernel.Op{Kind: kernel.OpRecv, FD: c.fd}
		if c.tls != nil && c.tls.in.buf != nil {
			op.SetBuf(c.tls.in.buf[c.tls.in.to:recordBytesMax])
		} else if c.readBuf != nil && c.tls == nil {
			op.SetBuf(c.readBuf.buf[c.readBuf.n:])
		} else {
			op.SetBuf(l.piece(pieces))
			pieces++
		}
		l.batch.add(ownerOf(roleReceive, c), op)
	}
	l.runBatch()
}

// onReceive takes in what a client has sent.
func (l *Loop) onReceive(c *conn, op *kernel.Op) {
	if c.fd < 0 {
		return // it was not accepted
	}
	if !receives(c) {
		return // it was turned away in the same batch; its response does not depend on what it sent
	}
	switch class := kernel.Classify(op.Result); {
	case class == kernel.Again:
		l.touch(c)
	case class == kernel.Canceled:
	case class != kernel.Done:
		l.counts.PeersGone++
		l.abort(c, kernel.OpClose)
	case op.Result == 0: // the client has nothing more to send
		if c.state() == connstate.StateReading {
			l.counts.PeersGone++
		}
		l.abort(c, kernel.OpClose)
	case c.state() == connstate.StateLingering:
		l.stepLingering(c, int(op.Result))
	case c.tls != nil && !c.tls.established():
		l.stepHandshake(c, op.Buf()[:op.Result])
	case c.tls != nil:
		l.onRecords(c, op.Buf()[:op.Result])
	default:
		l.onPlaintext(c, op.Buf()[:op.Result])
	}
}

// receives reports whether a connection's state is one that waits for bytes of the client.
func receives(c *conn) bool {
	switch c.state() {
	case connstate.StateInit, connstate.StateStreams, connstate.StateReading, connstate.StateDiscarding, connstate.StateLingering:
		return true
	case connstate.StateHandshake:
		return c.tls.awaitsClient()
	default:
		return false
	}
}

// onPlaintext takes in what a client has sent, which is in the read buffer already if that is where it was received.
func (l *Loop) onPlaintext(c *conn, buf []byte) {
	switch b := c.readBuf; {
	case c.http2 != nil:
		l.stepStreams(c, buf)
	case c.state() == connstate.StateDiscarding:
		l.stepDiscarding(c, buf)
	case b != nil:
		if c.tls != nil {
			copy(b.buf[b.n:], buf)
		}
		b.n += len(buf)
		l.stepReading(c, b.bytes(), &b.req)
	default:
		l.req.Reset(l.handler.Limits())
		l.stepReading(c, buf, &l.req)
	}
}

// toParse lets the next iteration parse the received bytes of a next request.
func (l *Loop) toParse(c *conn) {
	if !c.queued.parse {
		c.queued.parse = true
		l.parseq.add(c.slot)
	}
}

// resume goes on with the connections that have bytes of a next request in hand, and with those
// that have waited for a moment to ask for something again.
func (l *Loop) resume() {
	for _, slot := range l.parseq.take() {
		c := l.conns.at(slot)
		c.queued.parse = false
		if c.state() == connstate.StateInit && c.readBuf != nil && c.readBuf.n > 0 {
			l.stepReading(c, c.readBuf.bytes(), &c.readBuf.req)
		}
	}
	for _, w := range l.retries.take(l.k.Now()) {
		switch c := l.conns.at(w.slot); {
		case c.gen != w.gen: // it is over
		case c.state() == connstate.StateOpening && !c.current.awaitsJob:
			l.stepOpening(c.current)
		case c.state() == connstate.StatePrefetching && !c.current.awaitsJob:
			l.askPrefetch(c.current)
		case c.state() == connstate.StateReadingAsync && c.current.generated.source != nil:
			c.current.generated.askPiece()
		case sends(c):
			c.sendPaused = false
			l.toSend(c)
			if c.current != nil && c.current.generated.source != nil {
				c.current.generated.askPiece()
			}
		}
	}
}

// takeProxyHeader learns from a PROXY protocol header whom a proxy speaks for. It returns how many bytes of buf and of what follows
// the header takes.
func (l *Loop) takeProxyHeader(c *conn, buf []byte) (int, proxyproto.Verdict) {
	n, peer, verdict := proxyproto.Parse(buf)
	switch verdict {
	case proxyproto.Incomplete:
		return 0, verdict
	case proxyproto.Complete:
	default:
		l.counts.Refused++
		l.abort(c, kernel.OpReset)
		return 0, verdict
	}
	c.proxyHeader = false
	if peer.IsValid() {
		c.peer = peer
	}
	if c.countedForAddress = l.conns.limits.enter(addressGroup(c.peer.Addr())); !c.countedForAddress {
		l.refuseAddress(c)
		return 0, proxyproto.Bad
	}
	return n, verdict
}

// readProxyHeader reads whom a proxy speaks for, and returns the bytes that follow, or false when the rest of
// it, or of the request, has to be waited for.
func (l *Loop) readProxyHeader(c *conn, buf []byte, req *request.Request) ([]byte, bool) {
	n, verdict := l.takeProxyHeader(c, buf)
	if verdict == proxyproto.Incomplete {
		if c.state() == connstate.StateInit {
			l.begin(c)
		}
		l.touch(c)
		l.keepReceived(c, buf, req)
	}
	if verdict != proxyproto.Complete {
		return nil, false
	}
	left := max(n-len(buf), 0)
	c.proxyHeaderLeft = int32(left)
	buf = l.skipBytes(c, buf, n-left)
	l.touch(c)
	return buf, len(buf) > 0
}

// skipBytes drops the first bytes of what has arrived of a head, and returns the others.
func (l *Loop) skipBytes(c *conn, buf []byte, n int) []byte {
	buf = buf[n:]
	if c.readBuf != nil {
		c.readBuf.n = copy(c.readBuf.buf, buf)
		buf = c.readBuf.bytes()
	}
	return buf
}

// stepReading is the step of CONN_INIT and CONN_READING: more of a head has arrived.
func (l *Loop) stepReading(c *conn, buf []byte, req *request.Request) {
	assert(c.state() == connstate.StateInit || c.state() == connstate.StateReading, "a head is read outside of CONN_INIT and CONN_READING")
	if c.proxyHeader {
		var more bool
		if buf, more = l.readProxyHeader(c, buf, req); !more {
			return
		}
	}
	if c.proxyHeaderLeft > 0 {
		n := min(int(c.proxyHeaderLeft), len(buf))
		c.proxyHeaderLeft -= int32(n)
		if buf = l.skipBytes(c, buf, n); len(buf) == 0 {
			l.touch(c)
			return
		}
	}
	if c.h2c && l.readPreface(c, buf, req) {
		return
	}
	verdict := req.Parse(buf)
	if c.state() == connstate.StateInit && (verdict != request.Incomplete || req.Started()) {
		l.begin(c)
	}
	switch verdict {
	case request.Incomplete:
		if c.isStream() {
			l.resetStream(c, http2.InternalError)
			return
		}
		l.touch(c)
		l.keepReceived(c, buf, req)
	case request.Complete:
		l.counts.Requests++
		l.respond(c, buf, req)
	default:
		l.counts.Refused++
		l.response.Reset()
		l.responder.Refuse(&l.response, req, c.current)
		l.ready(c, &l.response, req, buf, nil)
	}
}

// keepReceived keeps bytes that lie in the scratch memory, which the next batch overwrites.
func (l *Loop) keepReceived(c *conn, buf []byte, req *request.Request) {
	if c.readBuf != nil {
		return
	}
	if c.isStream() {
		c.readBuf = l.takeStreamHead(c, len(buf))
	} else {
		c.readBuf = l.readBufs.take()
	}
	if c.readBuf == nil {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	c.readBuf.n = copy(c.readBuf.buf, buf)
	c.readBuf.req = *req
}

// dropReadBuf gives the connection's read buffer back.
func (l *Loop) dropReadBuf(c *conn) {
	switch {
	case c.readBuf == nil:
		return
	case c.isStream():
		l.giveStreamHead(c, c.readBuf)
	default:
		l.readBufs.give(c.readBuf)
	}
	c.readBuf = nil
}
