package goloop

import (
	"net/netip"
	"time"

	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/proxyproto"
	"aws/internal/tlsconn"
)

// A handshake takes a processor for up to some milliseconds (a signature of an RSA key), and any client may cause one. So a thread of its own
// computes the handshakes of a loop, of lower priority than the loop. A flood from one address does not keep the others out.

const (
	// handshakesMax bounds the handshakes of a loop that have begun: each holds some ten kilobytes.
	handshakesMax = 1000
	// stepsMax and stepsPerAddressMax bound the steps that wait for the thread.
	stepsMax           = 128
	stepsPerAddressMax = 16
	// shedHandshakeAfter is how old a handshake is that may be ended to make room for another one.
	shedHandshakeAfter = time.Second
)

// handshake is the handshake of a connection. While a worker thread has it, the loop does not touch it.
type handshake struct {
	local   netip.AddrPort // that the client has connected to
	failure tlsconn.Failure
	shake   tlsconn.Handshake
	began   bool // it has been given to a worker thread, at least once
	busy    bool // a worker thread has it
	waits   bool // it is in handshakes.waiting
	status  tlsconn.Status
	header  []byte // what has arrived of the PROXY protocol header
	output  []byte // what is not in recordOutput yet
}

// awaitsClient reports whether the handshake needs bytes of the client.
func (t *tlsConn) awaitsClient() bool {
	h := t.handshake
	return h != nil && !h.busy && !h.waits && h.status == tlsconn.WantRead && t.out.isEmpty() && len(h.output) == 0
}

// handshakes counts the handshakes of a loop.
type handshakes struct {
	began     int // and not over
	steps     int // that worker threads have, or that wait for one
	byAddress map[netip.Addr]int
	waiting   []waitingConn       // those whose next step has not been asked for, in the order in which they came
	stops     []tlsconn.Handshake // that nobody waits for, to be stopped by their thread
}

// admits reports whether a step for a client's address may be asked for.
func (s *handshakes) admits(a netip.Addr) bool {
	return s.steps < stepsMax && (!a.IsValid() || s.byAddress[a] < stepsPerAddressMax)
}

func (s *handshakes) enter(a netip.Addr) {
	if s.byAddress == nil {
		s.byAddress = map[netip.Addr]int{}
	}
	s.steps++
	s.byAddress[a]++
}

func (s *handshakes) leave(a netip.Addr) {
	s.steps--
	if s.byAddress[a]--; s.byAddress[a] == 0 {
		delete(s.byAddress, a)
	}
}

// newTLSConn begins the TLS of a connection.
func (l *Loop) newTLSConn() *tlsConn {
	t, ok := l.tls.free.Take()
	if !ok {
		t = &tlsConn{}
	}
	t.handshake = &handshake{failure: tlsconn.FailureClosed}
	return t
}

// dropTLS gives back what a connection holds for TLS.
func (l *Loop) dropTLS(c *conn) {
	t := c.tls
	if t == nil {
		return
	}
	if h := t.handshake; h != nil && h.began {
		l.tls.shakes.began--
		l.countFailure(c, h)
		if !h.busy && h.status == tlsconn.WantRead {
			l.tls.shakes.stops = append(l.tls.shakes.stops, h.shake)
		}
	}
	l.heads.giveIf(t.in.buf)
	l.heads.giveIf(t.out.buf)
	*t = tlsConn{}
	l.tls.free.Give(t)
	c.tls = nil
}

// countFailure counts a handshake that has failed, and reports it.
func (l *Loop) countFailure(c *conn, h *handshake) {
	l.counts.HandshakesFailed[h.failure]++
	if l.cfg.HandshakeFailed == nil {
		return
	}
	var err error
	if !h.busy && h.status == tlsconn.Failed {
		err = h.shake.Err()
	}
	l.cfg.HandshakeFailed(c.peer, h.failure, err)
}

// stepHandshake is the step of CONN_HANDSHAKE, and of CONN_INIT before it: more of the client's messages has arrived.
func (l *Loop) stepHandshake(c *conn, buf []byte) {
	if c.state() == connstate.StateInit {
		l.setState(c, connstate.StateHandshake)
	}
	assert(c.state() == connstate.StateHandshake && c.tls.awaitsClient(), "a handshake goes on outside of CONN_HANDSHAKE")
	h := c.tls.handshake
	if c.proxyHeader {
		h.header = append(h.header, buf...)
		n, verdict := l.takeProxyHeader(c, h.header)
		if verdict == proxyproto.Incomplete {
			l.touch(c)
		}
		if verdict != proxyproto.Complete || c.tls == nil {
			return
		}
		c.proxyHeaderLeft = int32(n)
		buf, h.header = h.header, nil
	}
	skip := min(int(c.proxyHeaderLeft), len(buf))
	c.proxyHeaderLeft -= int32(skip)
	if buf = buf[skip:]; len(buf) == 0 {
		l.touch(c)
		return
	}
	if h.shake == nil {
		h.local = l.k.Local(c.fd)
		h.shake = l.tls.begin(h.local)
	}
	h.shake.Feed(buf)
	l.awaitStep(c)
}

// awaitStep lets a handshake wait until the worker thread goes on with it.
func (l *Loop) awaitStep(c *conn) {
	s := &l.tls.shakes
	c.tls.handshake.waits = true
	s.waiting = append(s.waiting, waitingConn{c.slot, c.gen})
	l.touch(c)
}

// askSteps asks for the next steps of the handshakes that wait for that, as far as there is room for them.
func (l *Loop) askSteps() {
	s := &l.tls.shakes
	if len(s.waiting) == 0 {
		return
	}
	kept := s.waiting[:0]
	for i, w := range s.waiting {
		c := l.conns.at(w.slot)
		if c.gen != w.gen || c.state() != connstate.StateHandshake {
			continue
		}
		if !l.mayStep(c) {
			kept = append(kept, w)
			continue
		}
		if !l.askStep(c) {
			kept = append(kept, s.waiting[i:]...)
			break
		}
	}
	s.waiting = kept
}

// mayStep reports whether the limits let a connection's handshake go on.
func (l *Loop) mayStep(c *conn) bool {
	s := &l.tls.shakes
	return s.admits(addressGroup(c.peer.Addr())) && (c.tls.handshake.began || s.began < handshakesMax || l.shedHandshake())
}

// askStep lets the worker thread of handshakes go on with a connection's. It returns false if that takes no more jobs.
func (l *Loop) askStep(c *conn) bool {
	h, s := c.tls.handshake, &l.tls.shakes
	asker := addressGroup(c.peer.Addr())
	j := l.jobs.take(kernel.JobHandshake, c)
	j.handshake, j.asker = h.shake, asker
	j.Func = func() { j.status, j.Class = j.handshake.Step(), kernel.Done }
	if !l.k.Ask(&j.Job) {
		l.giveJob(j)
		return false
	}
	s.enter(asker)
	if !h.began {
		h.began = true
		s.began++
	}
	h.busy, h.waits = true, false
	return true
}

// shedHandshake ends the handshake that has taken longest, to make room for another one. It returns false if that is not old enough.
func (l *Loop) shedHandshake() bool {
	for c := l.deadlines.first(connstate.DeadlineHandshake); c != nil; c = c.deadline.next {
		if l.k.Now()-l.deadlines.armedAt(c) < shedHandshakeAfter {
			return false
		}
		if c.tls.handshake.began && !c.queued.settle && !c.queued.receive {
			l.counts.Expired++
			l.counts.ExpiredBy[connstate.DeadlineHandshake]++
			l.abort(c, kernel.OpClose)
			return true
		}
	}
	return false
}

// onHandshake goes on with a handshake after a step.
func (l *Loop) onHandshake(c *conn, j *job, alive bool) {
	if j.stops {
		return
	}
	l.tls.shakes.leave(j.asker)
	if !alive || c.state() != connstate.StateHandshake {
		if j.status == tlsconn.WantRead {
			l.tls.shakes.stops = append(l.tls.shakes.stops, j.handshake)
		}
		return
	}
	h := c.tls.handshake
	h.busy, h.status, h.output = false, j.status, j.handshake.TakeOutput()
	l.sendHandshake(c)
}

// sendHandshake lets the output of a handshake be sent, and then goes on with it.
func (l *Loop) sendHandshake(c *conn) {
	t, h := c.tls, c.tls.handshake
	if len(h.output) == 0 {
		l.endHandshakeStep(c)
		return
	}
	buf := l.heads.take(min(len(h.output), headBufferBytes))
	if buf == nil {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	n := copy(buf, h.output)
	t.out = recordOutput{buf: buf, unsent: buf[:n], role: roleHandshake}
	h.output = h.output[n:]
	l.toSend(c)
	l.touch(c)
}

// onHandshakeSent goes on when output has been sent.
func (l *Loop) onHandshakeSent(c *conn, op *kernel.Op) {
	if l.sent(c, op) {
		l.sendHandshake(c)
	}
}

// plainHTTP is the response to a client that speaks HTTP where TLS is expected, as other servers give it.
const plainHTTP = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 60\r\nConnection: close\r\n\r\n" +
	"This port speaks HTTPS: the address begins with \"https://\".\n"

// endHandshakeStep goes on with a handshake whose output has been sent.
func (l *Loop) endHandshakeStep(c *conn) {
	switch h := c.tls.handshake; h.status {
	case tlsconn.WantRead:
		l.touch(c)
	case tlsconn.Done:
		l.endHandshake(c)
	case tlsconn.Failed:
		if h.shake.PlainHTTP() && h.header == nil {
			h.header, h.output = []byte{}, []byte(plainHTTP)
			l.sendHandshake(c)
			return
		}
		h.failure = h.shake.Failure()
		l.linger(c)
	}
}

// protocolHTTP1 is the name of HTTP/1.1 in ALPN (RFC 7301).
const protocolHTTP1 = "http/1.1"

// endHandshake begins to wait for a request on a connection whose handshake is complete.
func (l *Loop) endHandshake(c *conn) {
	t, shake := c.tls, c.tls.handshake.shake
	records, rest, err := shake.Records()
	if err != nil {
		t.handshake.failure = tlsconn.FailureOther
		l.abort(c, kernel.OpReset)
		return
	}
	facts := records.Facts()
	resumed := 0
	if facts.Resumed {
		resumed = 1
	}
	l.counts.Handshakes[tlsconn.SlotOfSuite(facts.Suite)][resumed]++
	l.tls.shakes.began--
	t.described.Site, _ = l.tls.config.SiteOf(facts.ServerName, t.handshake.local)
	t.handshake, t.records, t.chunk = nil, records, firstRecordBytes
	if facts.Protocol != "" && facts.Protocol != protocolHTTP1 && facts.Protocol != protocolHTTP2 {
		l.abort(c, kernel.OpClose) // the handshake was all, as for a challenge (RFC 8737)
		return
	}
	l.setState(c, connstate.StateInit)
	if facts.Protocol == protocolHTTP2 {
		l.startHTTP2(c)
		l.settleStreams(c)
	}
	//mutation:handshake-rest-lost
	if len(rest) > 0 {
		l.onRecords(c, rest)
	}
}

// stopHandshakes lets the handshakes that nobody waits for be stopped by their thread.
func (l *Loop) stopHandshakes() {
	s := &l.tls.shakes
	for n := len(s.stops); n > 0; n-- {
		j := l.jobs.take(kernel.JobHandshake, nil)
		j.stops = true
		shake := s.stops[n-1]
		j.Func = func() { shake.Stop() }
		if !l.k.Ask(&j.Job) {
			l.giveJob(j)
			return
		}
		s.stops = s.stops[:n-1]
	}
}
