package goloop

import (
	"math"
	"time"

	"aws/internal/connstate"
	"aws/internal/kernel"
)

// drain begins the end: no new connections. Those that are kept may send one more request for a
// while, for a close that crosses a request on its way would fail it; its response says that it is
// the last.
func (l *Loop) drain() {
	l.shutdown.begin(l.k.Now(), l.drainIdle(), l.cfg.DrainTimeout)
	if l.cfg.Forms != nil {
		l.cfg.Forms.Stop()
	}
	l.shutDownStreams()
	for _, li := range l.acceptor.close(l.k, l.batch.ops) {
		l.closer.add(kernel.OpClose, li.fd)
	}
}

// drainIdle is how long a connection without a request is kept while the loop drains.
func (l *Loop) drainIdle() time.Duration { return min(l.cfg.DrainIdle, l.cfg.DrainTimeout) }

// cutOff ends all connections, if the time to drain is over.
func (l *Loop) cutOff(now time.Duration) {
	if !l.shutdown.cutOff(now) {
		return
	}
	for c := range l.conns.all() {
		if c.state() != connstate.StateFree && c.state() != connstate.StateClosing && !c.isStream() {
			l.counts.Expired++
			l.counts.ExpiredBy[connstate.DeadlineNone]++
			l.abort(c, kernel.OpReset)
		}
	}
}

// closeIdle ends the connections that have been without a request for long enough. A request that has
// just arrived is seen to in the same cgo call: only a connection that has sent nothing is closed.
func (l *Loop) closeIdle(now time.Duration) {
	pieces := 0
	for c := range l.conns.all() {
		if c.http2 != nil {
			l.closeIdleHTTP2(c)
			continue
		}
		if c.state() != connstate.StateInit || c.isStream() || c.readBuf != nil || c.tls != nil && !c.tls.in.isEmpty() || c.queued.settle || c.deadline.kind != connstate.DeadlineIdle ||
			now < l.deadlines.armedAt(c)+l.drainIdle() { // a response that was not its last has just ended
			continue
		}
		if pieces == batchConnsMax || !l.batch.room(2) {
			l.runBatch()
			pieces = 0
		}
		recv := kernel.Op{Kind: kernel.OpRecv, FD: c.fd}
		recv.SetBuf(l.piece(pieces))
		pieces++
		if c.isEncrypted() {
			l.batch.add(ownerOf(roleLastReceive, c), recv)
			continue
		}
		l.batch.add(ownerOf(roleReceive, c), recv)
		l.batch.add(ownerOf(roleClose, c), kernel.Op{Kind: kernel.OpClose, Flags: kernel.IfAgain, FD: c.fd})
	}
	l.runBatch()
}

// onLastReceive ends a connection that has sent nothing: its close_notify can only be made now.
func (l *Loop) onLastReceive(c *conn, op *kernel.Op) {
	if kernel.Classify(op.Result) == kernel.Again {
		l.abort(c, kernel.OpClose)
		return
	}
	l.onReceive(c, op)
}

// ended reports whether a loop that drains has nothing left to do. The files are closed before that, for some of them a
// worker has to.
func (l *Loop) ended() bool {
	if len(l.closer.kernel) > 0 {
		l.closeKernelTLS(l.shutdown.isCutOff())
		return false
	}
	if l.conns.live() > 0 || l.loader.InFlight() > 0 || l.jobsPending() > 0 || len(l.closer.sockets) > 0 || len(l.closer.slow) > 0 || len(l.tls.shakes.stops)+len(l.closer.generators) > 0 {
		return l.shutdown.abandons(l.k.Now()) && l.loader.InFlight() == 0
	}
	if !l.shutdown.cleared {
		l.shutdown.cleared = true
		l.closer.files = l.cache.Clear(l.closer.files)
		if l.cfg.Forms != nil {
			l.closer.files = l.cfg.Forms.Clear(l.closer.files)
		}
	}
	return len(l.closer.files) == 0
}

// reportLeft lets other goroutines know what a loop that drains waits for.
func (l *Loop) reportLeft() {
	n := &l.counts.InState
	l.shutdown.report.set(Left{
		Conns:   l.conns.live(),
		Sending: n[connstate.StateWReady] + n[connstate.StateSending] + n[connstate.StateStreams],
		Disk:    n[connstate.StateOpening] + n[connstate.StateReadingAsync] + n[connstate.StatePrefetching] + n[connstate.StateClosing],
		Heads:   n[connstate.StateReading] + n[connstate.StateHandshake],
		Idle:    n[connstate.StateInit],
		Reads:   l.loader.InFlight(),
	})
}

// Left returns what the server waits for since Shutdown was called, and false as long as a loop has not
// begun to drain. It may be called from any goroutine.
func (s *Server) Left() (Left, bool) {
	var sum Left
	for _, l := range s.loops {
		left, reported := l.shutdown.report.latest()
		if !reported {
			return sum, false
		}
		sum.add(left)
	}
	return sum, true
}

// CutOff returns how many connections were broken off because DrainTimeout had passed. It is meant for
// after Run.
func (s *Server) CutOff() uint64 {
	var sum uint64
	for _, l := range s.loops {
		sum += l.counts.ExpiredBy[connstate.DeadlineNone]
	}
	return sum
}

// beatOver is the beat of a loop that has ended as it should.
const beatOver = math.MaxUint64

// Pulse finds out whether a server's loops iterate. It belongs to one goroutine.
type Pulse struct {
	s    *Server
	last []uint64
}

// Pulse returns a Pulse of the server.
func (s *Server) Pulse() *Pulse { return &Pulse{s: s, last: make([]uint64, len(s.loops))} }

// Beat reports whether every loop has iterated since the last call, and wakes each: a loop that has
// nothing to do would wait. Leave about a second between calls.
func (p *Pulse) Beat() bool {
	all := true
	for i, l := range p.s.loops {
		beat := l.beat.Load()
		if beat == p.last[i] && beat != beatOver {
			all = false
		}
		p.last[i] = beat
		l.k.Wake()
	}
	return all
}
