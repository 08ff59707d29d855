package simkernel

import (
	"fmt"
	"net/netip"
	"time"
)

// End says how a connection ended, as its peer saw it.
type End uint8

// The ends.
const (
	EndNone    End = iota // it has not
	EndFIN                // the server ended it in order
	EndRST                // the server, or the network, reset it
	EndOwn                // the peer itself left
	EndRefused            // nobody was listening
)

// String returns the end's name.
func (e End) String() string {
	return [...]string{"open", "FIN", "RST", "left", "refused"}[e]
}

// Action is what a peer does by itself.
type Action uint8

// The actions.
const (
	ActSend      Action = iota // send the next N bytes of Plan.Request
	ActHalfClose               // send no more: shutdown(SHUT_WR)
	ActClose                   // leave
	ActReset                   // leave with a reset
	ActPause                   // read no more
	ActResume                  // read on
)

// OutOfPatience is the excuse of a peer whose connection the server has not ended in time.
const OutOfPatience = "out of patience"

// Step is an action, some time after the one before.
type Step struct {
	After time.Duration
	Do    Action
	N     int // of ActSend
}

// Trigger is an action at the moment when so many bytes have been received.
type Trigger struct {
	At  int64
	Do  Action
	For time.Duration // of ActPause: until ActResume; 0: for good
}

// Plan is all that a peer will do.
type Plan struct {
	Start      time.Duration // when it connects
	Request    []byte
	Steps      []Step
	Triggers   []Trigger     // in the order of At
	ReadChunk  int           // bytes that it reads at once; 0: whatever is there
	ReadEvery  time.Duration // between two reads
	Latency    time.Duration // of the network
	SendBuffer int           // the server's, for this connection; 0: 64 KiB
	Linger     time.Duration // from the server's end to its own; negative: it never closes
	Patience   time.Duration // after so long it resets whatever is left; 0: never
}

// address is on this machine for every other peer.
func (p *Peer) address() netip.AddrPort {
	at := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if p.ID%2 == 1 {
		at = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	}
	return netip.AddrPortFrom(at, uint16(1024+p.ID))
}

// Peer is a client.
type Peer struct {
	ID   int
	Plan Plan

	Received    []byte
	End         End
	Aborted     bool // the server asked for a reset
	Unread      bool // the server closed, and bytes of the peer's were there unread or came later
	ConnectedAt time.Duration
	AcceptedAt  time.Duration
	SentAt      time.Duration // when the latest byte left
	FirstAt     time.Duration // when the first byte of a response came
	LastAt      time.Duration // and the latest
	EndedAt     time.Duration
	Excuses     []string // faults of this connection that a server can't compensate for

	// OnData, if set, is called whenever bytes have come, with all that has come so far in Received.
	OnData func(p *Peer)

	k       *Kernel
	conn    *conn
	sent    int    // of Plan.Request
	backlog []byte // sent, but the server's receive buffer is full
	fin     bool   // the end follows the backlog
	closed  bool   // the peer's socket is closed
	paused  bool
	ticking bool // a read is scheduled
	fired   int  // triggers
}

// AddPeer makes a peer that will connect to l.
func (k *Kernel) AddPeer(l *Listener, plan Plan) *Peer {
	p := &Peer{ID: len(k.peers), Plan: plan, k: k}
	k.peers = append(k.peers, p)
	k.clock.push(plan.Start, func() { p.connect(l) })
	return p
}

// Peers returns all peers in the order of their making.
func (k *Kernel) Peers() []*Peer { return k.peers }

// OpenPeers returns how many peers have not come to their end.
func (k *Kernel) OpenPeers() int {
	n := 0
	for _, p := range k.peers {
		if p.End == EndNone {
			n++
		}
	}
	return n
}

// String names the peer for people.
func (p *Peer) String() string {
	return fmt.Sprintf("peer %d (%v, %d bytes, from %v to %v)", p.ID, p.End, len(p.Received), p.ConnectedAt, p.EndedAt)
}

// excuse notes what was done to the connection.
func (p *Peer) excuse(why string) {
	p.k.tracef("peer %d: %s", p.ID, why)
	p.Excuses = append(p.Excuses, why)
}

// retryConnect is when a SYN is sent again that found the backlog full.
const retryConnect = time.Second

func (p *Peer) connect(l *Listener) {
	k := p.k
	if l.closed || k.closed {
		p.end(EndRefused)
		return
	}
	if len(l.waiting) >= l.backlog {
		k.After(retryConnect, func() { p.connect(l) })
		return
	}
	outMax := p.Plan.SendBuffer
	if outMax == 0 {
		outMax = sendBufferDefault
	}
	p.conn = &conn{peer: p, outMax: outMax, corked: l.Cork}
	p.ConnectedAt = k.clock.now
	l.waiting = append(l.waiting, p.conn)
	k.mark(markPeer, int64(p.ID), 0)
	k.tracef("peer %d connects", p.ID)
	p.next(0)
	if p.Plan.Patience > 0 {
		k.After(p.Plan.Patience, func() {
			if p.End == EndNone && !p.conn.closed {
				p.excuse(OutOfPatience)
			}
			p.act(ActReset, 0)
		})
	}
}

// next schedules a step of the plan.
func (p *Peer) next(i int) {
	if i == len(p.Plan.Steps) {
		return
	}
	s := p.Plan.Steps[i]
	p.k.After(s.After, func() {
		if p.End == EndNone {
			p.act(s.Do, s.N)
			p.next(i + 1)
		}
	})
}

func (p *Peer) act(do Action, n int) {
	if p.closed {
		return
	}
	p.k.tracef("peer %d: action %d, %d bytes", p.ID, do, n)
	p.k.mark(markPeer, int64(p.ID), int64(do)<<32|int64(n))
	switch do {
	case ActSend:
		n = min(n, len(p.Plan.Request)-p.sent)
		p.sent += n
		p.Send(p.Plan.Request[p.sent-n : p.sent])
	case ActHalfClose:
		p.fin = true
		p.flush()
	case ActClose:
		p.leave(len(p.conn.out) > 0)
	case ActReset:
		p.leave(true)
	case ActPause:
		p.paused = true
	case ActResume:
		p.paused = false
		p.wake()
	}
}

// Send sends bytes to the server. Those for which its receive buffer has no room follow later.
func (p *Peer) Send(b []byte) {
	c := p.conn
	if p.closed || p.fin || c.broken {
		return
	}
	p.SentAt = p.k.clock.now
	if c.closed { // the server's kernel responds with a reset
		p.Unread = true
		c.sendReset(p.k)
		return
	}
	p.backlog = append(p.backlog, b...)
	p.flush()
}

// Close ends the connection from the peer's side.
func (p *Peer) Close() { p.act(ActClose, 0) }

// flush moves what fits into the server's receive buffer.
func (p *Peer) flush() {
	c := p.conn
	if c.broken || c.closed {
		return
	}
	n := min(len(p.backlog), receiveBufferDefault-len(c.in))
	c.in = append(c.in, p.backlog[:n]...)
	p.backlog = p.backlog[n:]
	if p.fin && len(p.backlog) == 0 {
		c.inEnd = true
	}
}

// leave closes the peer's socket. With bytes that it has not read, or by its wish, that is a reset.
func (p *Peer) leave(reset bool) {
	p.closed, p.fin = true, true
	if reset || len(p.backlog) > 0 {
		p.backlog = nil
		p.conn.arriveReset()
	} else {
		p.flush()
	}
	p.end(EndOwn)
}

func (p *Peer) end(how End) {
	if p.End != EndNone {
		return
	}
	p.End, p.EndedAt = how, p.k.clock.now
	p.k.mark(markPeer, int64(p.ID), -int64(how))
	p.k.tracef("peer %d: its connection ended: %v, after %d bytes", p.ID, how, len(p.Received))
	if p.k.OnEnd != nil {
		p.k.OnEnd(p)
	}
	if how != EndFIN {
		p.closed = true
		return
	}
	if p.Plan.Linger >= 0 {
		p.k.After(p.Plan.Linger, func() { p.act(ActClose, 0) })
	}
}

// latencyDefault is the network's latency if the plan does not say.
const latencyDefault = 30 * time.Microsecond

func (p *Peer) latency() time.Duration {
	if p.Plan.Latency > 0 {
		return p.Plan.Latency
	}
	return latencyDefault
}

// wake schedules the next read, if the peer reads.
func (p *Peer) wake() {
	if p.ticking || p.closed {
		return
	}
	if p.paused {
		if p.conn.broken {
			p.end(EndRST)
		}
		return
	}
	p.ticking = true
	p.k.After(p.latency()+p.Plan.ReadEvery, p.read)
}

func (p *Peer) read() {
	p.ticking = false
	c := p.conn
	if p.closed || p.paused || p.End != EndNone {
		return
	}
	n := len(c.out) - c.held
	if p.Plan.ReadChunk > 0 {
		n = min(n, p.Plan.ReadChunk)
	}
	if p.fired < len(p.Plan.Triggers) {
		n = int(min(int64(n), max(0, p.Plan.Triggers[p.fired].At-int64(len(p.Received)))))
	}
	if n > 0 {
		p.take(n)
	}
	for p.fired < len(p.Plan.Triggers) && int64(len(p.Received)) >= p.Plan.Triggers[p.fired].At {
		t := p.Plan.Triggers[p.fired]
		p.fired++
		p.act(t.Do, 0)
		if t.Do == ActPause && t.For > 0 {
			p.k.After(t.For, func() { p.act(ActResume, 0) })
		}
	}
	switch {
	case p.closed || p.paused:
	case len(c.out) > c.held:
		p.wake()
	case len(c.out) == 0 && c.broken:
		p.end(EndRST)
	case len(c.out) == 0 && c.down:
		p.end(EndFIN)
	}
}

func (p *Peer) take(n int) {
	c := p.conn
	if len(p.Received) == 0 {
		p.FirstAt = p.k.clock.now
	}
	p.LastAt = p.k.clock.now
	p.Received = append(p.Received, c.out[:n]...)
	if n == len(c.out) {
		c.out = c.out[:0]
	} else {
		c.out = c.out[n:]
	}
	c.unstick()
	p.k.mark(markPeer, int64(p.ID), int64(n))
	p.k.tracef("peer %d reads %d bytes", p.ID, n)
	if p.OnData != nil {
		p.OnData(p)
	}
}
