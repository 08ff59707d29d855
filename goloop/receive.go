package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/proxyproto"
	"aws/internal/request"
)

// run makes the cgo call and gives each operation's result to its owner.
func (l *Loop) run() {
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
		c := l.conns.bySlot[o.slot]
		alive := c.gen == o.gen
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
	case roleWatch:
		l.onWatch(c, op)
	case roleMessage:
		l.onMessage(c, op)
	case roleResident:
		l.onResident(c, op)
	case roleFile:
		l.onSendfile(c, op)
	case roleBuffer:
		l.onBuffer(c, op)
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
		c := l.conns.bySlot[slot]
		//mutation:receive-queue-capped
		c.inRecvq = false
		if c.inParseq {
			continue // what is in hand goes first, before the end that may stand behind it
		}
		switch c.state() {
		case connstate.StateInit, connstate.StateReading, connstate.StateDiscarding, connstate.StateLingering:
		default:
			continue // it is over, or no longer wants to hear
		}
		if pieces == batchConnsMax || !l.batch.room(1) {
			l.run()
			pieces = 0
		}
		op := kernel.Op{Kind: kernel.OpRecv, FD: c.fd}
		if c.part != nil {
			op.SetBuf(c.part.buf[c.part.n:])
		} else {
			op.SetBuf(l.piece(pieces))
			pieces++
		}
		l.batch.add(ownerOf(roleReceive, c), op)
	}
	l.run()
}

// onReceive takes in what a client has sent.
func (l *Loop) onReceive(c *conn, op *kernel.Op) {
	if c.fd < 0 {
		return // it was not accepted
	}
	switch c.state() {
	case connstate.StateInit, connstate.StateReading, connstate.StateDiscarding, connstate.StateLingering:
	default:
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
	case c.state() == connstate.StateDiscarding:
		l.stepDiscarding(c, op.Buf()[:op.Result])
	case c.state() == connstate.StateLingering:
		l.stepLingering(c, int(op.Result))
	default:
		if c.part != nil {
			c.part.n += int(op.Result)
			l.stepReading(c, c.part.buf[:c.part.n], &c.part.req)
			return
		}
		l.req.Reset(l.handler.Limits())
		l.stepReading(c, op.Buf()[:op.Result], &l.req)
	}
}

// toParse lets the next turn look at the bytes of a next request that are in hand.
func (l *Loop) toParse(c *conn) {
	if !c.inParseq {
		c.inParseq = true
		l.parseq.add(c.slot)
	}
}

// again goes on with the connections that have bytes of a next request in hand, and with those
// that have waited for a moment to ask for something again.
func (l *Loop) again() {
	for _, slot := range l.parseq.take() {
		c := l.conns.bySlot[slot]
		c.inParseq = false
		if c.state() == connstate.StateInit && c.part != nil && c.part.n > 0 {
			l.stepReading(c, c.part.buf[:c.part.n], &c.part.req)
		}
	}
	for _, slot := range l.retries.take(l.k.Now()) {
		switch c := l.conns.bySlot[slot]; {
		case c.state() == connstate.StateOpening && !c.current.awaitsJob:
			l.stepOpening(c.current)
		case c.state() == connstate.StatePrefetching && !c.current.awaitsJob:
			l.askPrefetch(c.current)
		case c.state() == connstate.StateWReady || c.state() == connstate.StateSending:
			c.resting = false
			l.toSend(c)
		}
	}
}

// introduce reads whom a proxy speaks for, and returns the bytes that follow, or false when the rest of
// it, or of the request, has to be waited for.
func (l *Loop) introduce(c *conn, buf []byte, req *request.Request) ([]byte, bool) {
	n, peer, verdict := proxyproto.Parse(buf)
	switch verdict {
	case proxyproto.Incomplete:
		if c.state() == connstate.StateInit {
			l.begin(c)
		}
		l.touch(c)
		l.keepPart(c, buf, req)
		return nil, false
	case proxyproto.Complete:
	default:
		l.counts.Refused++
		l.abort(c, kernel.OpReset)
		return nil, false
	}
	c.preface = false
	if peer.IsValid() {
		c.peer = peer
	}
	if c.counted = l.conns.limits.enter(neighbourhood(c.peer.Addr())); !c.counted {
		l.refuseAddress(c)
		return nil, false
	}
	c.skip = max(n-len(buf), 0)
	buf = l.skipBytes(c, buf, n-c.skip)
	l.touch(c)
	return buf, len(buf) > 0
}

// skipBytes drops the first bytes of what has arrived of a head, and returns the others.
func (l *Loop) skipBytes(c *conn, buf []byte, n int) []byte {
	buf = buf[n:]
	if c.part != nil {
		c.part.n = copy(c.part.buf, buf)
		buf = c.part.buf[:c.part.n]
	}
	return buf
}

// stepReading is the step of CONN_INIT and CONN_READING: more of a head has arrived.
func (l *Loop) stepReading(c *conn, buf []byte, req *request.Request) {
	assert(c.state() == connstate.StateInit || c.state() == connstate.StateReading, "a head is read outside of CONN_INIT and CONN_READING")
	if c.preface {
		var more bool
		if buf, more = l.introduce(c, buf, req); !more {
			return
		}
	}
	if c.skip > 0 {
		n := min(c.skip, len(buf))
		c.skip -= n
		if buf = l.skipBytes(c, buf, n); len(buf) == 0 {
			l.touch(c)
			return
		}
	}
	verdict := req.Parse(buf)
	if c.state() == connstate.StateInit && (verdict != request.Incomplete || req.Started()) {
		l.begin(c)
	}
	switch verdict {
	case request.Incomplete:
		l.touch(c)
		l.keepPart(c, buf, req)
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

// keepPart keeps bytes that lie in the scratch memory, which the next batch overwrites.
func (l *Loop) keepPart(c *conn, buf []byte, req *request.Request) {
	if c.part != nil {
		return
	}
	if c.part = l.newPart(); c.part == nil {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	c.part.n = copy(c.part.buf, buf)
	c.part.req = *req
}

// newPart returns memory for a head, and for what follows it in the same receive, or nil if there
// is none.
func (l *Loop) newPart() *part {
	if p, ok := l.parts.Take(); ok {
		p.n = 0
		return p
	}
	mem, err := l.k.Map(l.headsMax + receiveBytes)
	if err != nil {
		return nil
	}
	return &part{buf: mem}
}

// dropPart gives the memory of a head back.
func (l *Loop) dropPart(c *conn) {
	if c.part != nil {
		l.parts.Give(c.part)
		c.part = nil
	}
}
