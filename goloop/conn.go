package goloop

import (
	"fmt"
	"net/netip"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/rate"
)

// conn is a connection: a socket with its interest in events, its deadlines and the bytes that were received. What it does for a
// request is its current exchange's. Conns are used again with their slot; gen distinguishes the connections that have had it.
//
// There may be tens of thousands of them, and most are not in the processor's cache when their next request arrives. So a conn is
// three cache lines long (connBytes): its fields are in an order that leaves no gaps, and what few connections need is elsewhere.
type conn struct {
	fd     int32
	slot   int32
	gen    uint32 // counted up when the slot is freed
	queued queued

	ownState      connstate.State // while there is no current exchange
	writeBlocked  bool            // the socket took no more; true exactly while writability is waited for
	sendPaused    bool            // the kernel had no memory for its bytes, or the rates none left; retries take it up
	pushPending   bool            // the socket may hold back the latest bytes that were sent, for others to follow
	readsInFlight bool            // the kernel has buffers of a transfer that has been released
	unsentLimited bool            // its socket has a limit of what may wait there unsent, because memory was scarce
	corked        bool            // its socket sends full packets until it is pushed (tcp(7), TCP_CORK)

	h2c               bool // its first bytes may be those of HTTP/2
	proxyHeader       bool // set until a trusted proxy has sent the PROXY protocol header
	countedForAddress bool // in connLimits
	plainTCP          bool // what is sent goes to a TCP socket as it is, and only for one response at a time

	proxyHeaderLeft int32 // bytes of that header that have not arrived and are discarded
	lingered        int32 // bytes thrown away while lingering
	sentLatest      int32 // bytes that the latest operation has sent that has sent any
	epoll           interest
	current         *exchange // from the first byte of a request until its response is over; else nil
	stream          *stream   // nil if it is not a stream of HTTP/2

	deadline deadline
	pipeline pipeline    // exchanges behind the current one
	readBuf  *readBuffer // what has arrived and has no response yet; nil when that is nothing
	tls      *tlsConn    // nil if it does not speak TLS
	http2    *http2Conn  // nil if it does not speak HTTP/2

	delivery delivery
	peer     netip.AddrPort
	bucket   *rate.Bucket // of the rate of a connection; nil if there has not been one
	serial   uint64       // counts the loop's connections; for the trace
}

// connBytes is the size of a conn: three lines of the processor's cache.
const connBytes = 3 * 64

// interest is the epoll registration of a connection.
type interest struct {
	mask       uint32
	registered bool
	unwanted   bool // set when an event was reported that the state does not need
}

// deadline is the place of a connection in deadlineLists.
type deadline struct {
	kind       connstate.Deadline // whose list it is in
	restart    bool               // progress was made: it starts again
	at         time.Duration
	next, prev *conn
}

// queued says in which queues of the loop a connection is.
type queued struct {
	receive, parse, send bool
	settle               bool // in Loop.touched
}

// delivery measures how fast a client receives.
type delivery struct {
	sent  int64 // bytes, since the connection was accepted
	acked int64 // of them, acknowledged when that was last looked at
}

// state returns what the connection is doing: the state of its current exchange, or its own.
func (c *conn) state() connstate.State {
	if c.current != nil {
		return c.current.state
	}
	return c.ownState
}

// name is what a trace calls the connection, or the stream.
func (c *conn) name() string {
	if c.serial >= connstate.FirstStream {
		return fmt.Sprintf("stream %d", c.serial-connstate.FirstStream+1)
	}
	return fmt.Sprintf("conn %d", c.serial)
}

// token returns the epoll token of the connection: its slot and generation.
func (c *conn) token() uint64 { return uint64(c.gen)<<24 | uint64(c.slot) }

// setState is the only writer of a state.
func (l *Loop) setState(c *conn, to connstate.State) {
	from := c.state()
	if !from.MayBecome(to) {
		panic(fmt.Sprintf("goloop: %s: %v -> %v is not a transition", c.name(), from, to))
	}
	if l.cfg.Trace != nil {
		fmt.Fprintf(l.cfg.Trace, "%s: %v -> %v\n", c.name(), from, to)
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.State(l.id, c.serial, from, to)
	}
	if x := c.current; x != nil {
		now := l.clock.now
		x.clock.leave(from, now)
		if to == connstate.StateReading {
			x.clock = clock{began: now, since: now}
		}
		x.state = to
	} else {
		c.ownState = to
	}
	counts := &l.counts.InState
	if c.isStream() {
		counts = &l.counts.StreamsInState
	}
	counts[from]--
	counts[to]++
	c.deadline.restart = true
	l.touch(c)
}

// wantedEvents derives from the state what epoll is to report about a connection.
func wantedEvents(c *conn) uint32 {
	switch {
	case c.http2 != nil && c.writeBlocked && receives(c):
		return kernel.Readable | kernel.Writable
	case receives(c):
		return kernel.Readable
	case sends(c) && c.writeBlocked:
		return kernel.Writable
	default:
		return 0
	}
}

// touch marks a connection for settle.
func (l *Loop) touch(c *conn) {
	if !c.queued.settle {
		c.queued.settle = true
		l.touched = append(l.touched, c.slot)
	}
}

// settle brings epoll and the deadlines up to date with the connections that were touched. What a
// connection has gone through since then does not matter, only where it is now; one that is
// over by now costs nothing. A mask that is wider than needed is left alone until it gets noisy.
func (l *Loop) settle() {
	for _, slot := range l.touched {
		c := l.conns.at(slot)
		c.queued.settle = false
		if c.state() == connstate.StateFree || c.state() == connstate.StateClosing {
			l.deadlines.disarm(c)
			continue
		}
		if l.stalled(c) {
			l.overdue = append(l.overdue, c)
			continue
		}
		l.deadlines.arm(c, l.k.Now())
		if c.isStream() {
			continue
		}
		//mutation:opened-record-forgotten
		if c.tls != nil && c.tls.in.hasRecord() && receives(c) && !c.queued.receive && !c.queued.parse {
			c.queued.receive = true // no event reports what has arrived already
			l.recvq.add(c.slot)
		}
		want := wantedEvents(c)
		//mutation:wakeup-lost
		if !c.epoll.registered {
			if want != 0 || c.awaitsMade() { // with no interest, epoll still reports a reset: nobody waits for the job then
				l.change(kernel.OpEpollAdd, c, want)
				c.epoll.registered = true
			}
		} else if want&^c.epoll.mask != 0 || c.epoll.unwanted {
			l.change(kernel.OpEpollMod, c, want)
		}
		c.epoll.unwanted = false
	}
	l.touched = l.touched[:0]
	for _, c := range l.overdue { // which touches them
		l.counts.Expired++
		l.counts.ExpiredBy[connstate.DeadlineSend]++
		l.abort(c, kernel.OpReset)
	}
	l.overdue = l.overdue[:0]
}

// change asks for an interest change, which the next Wait makes.
func (l *Loop) change(kind netKind, c *conn, mask uint32) {
	c.epoll.mask = mask
	l.interests.add(interestChange{kind: kind, slot: c.slot, mask: mask})
}

// freeSlot gives a slot back. Events and completions that still carry its token are stale now.
func (l *Loop) freeSlot(c *conn) {
	l.deadlines.disarm(c)
	l.giveBucket(c)
	isStream := c.isStream()
	if isStream {
		l.conns.parts.Give(c.stream)
	}
	// The slot stays in its queues, also for the next connection.
	*c = conn{
		slot: c.slot, gen: c.gen + 1, fd: -1,
		queued: queued{receive: c.queued.receive, send: c.queued.send, settle: c.queued.settle},
	}
	if isStream {
		l.conns.giveStream(c)
	} else {
		l.conns.give(c)
	}
}

// release gives back all that a connection holds but its descriptor and its slot.
func (l *Loop) release(c *conn) {
	l.dropReadBuf(c)
	l.dropCurrent(c)
	l.dropPipeline(c)
	l.dropHTTP2(c)
	if !c.sendsByKernel() { // its end needs that
		l.dropTLS(c)
	}
}

func (l *Loop) dropFile(f **docroot.File) {
	if *f != nil {
		l.closer.files = (*f).Release(l.closer.files)
		*f = nil
	}
}

// endConn ends a connection whose descriptor is closed, or is about to be. If the kernel still owns
// one of its buffers, the slot waits for it.
func (l *Loop) endConn(c *conn) {
	l.release(c)
	l.dropTLS(c)
	c.fd = -1
	l.endLoad(c)
	if c.isStream() {
		c.stream.of = nil
	}
	if c.countedForAddress {
		c.countedForAddress = false
		l.conns.limits.leave(addressGroup(c.peer.Addr()))
	}
	if c.readsInFlight {
		if c.state() != connstate.StateClosing {
			l.setState(c, connstate.StateClosing)
		}
		return
	}
	l.setState(c, connstate.StateFree)
	l.freeSlot(c)
}

// withinResponse reports whether the response of the current exchange is being sent.
func (c *conn) withinResponse() bool {
	switch c.state() {
	case connstate.StateWReady, connstate.StateSending, connstate.StateReadingAsync, connstate.StatePrefetching:
		return true
	default:
		return false
	}
}

// farewell returns what is sent before a connection is closed: a GOAWAY of HTTP/2, and a close_notify of TLS where that is whole so far. Within a
// response there is none, because the client must not take what it has got for all of it.
func (c *conn) farewell(how netKind) []byte {
	if how == kernel.OpReset || c.withinResponse() {
		return nil
	}
	if c.seals() && (!c.tls.out.isEmpty() || c.http2 != nil && !c.http2.out.isEmpty()) {
		return nil // a record is incomplete
	}
	goodbye := c.goodbye()
	if !c.seals() {
		return goodbye
	}
	if len(goodbye) > 0 {
		goodbye = c.tls.records.Seal(nil, goodbye)
	}
	return c.tls.records.AppendAlert(goodbye)
}

// abort ends a connection before its time: by OpReset if the client must not take what it has got
// for the whole response, else by OpClose.
func (l *Loop) abort(c *conn, how netKind) {
	if l.endOfStream(c, how) {
		return
	}
	if how == kernel.OpReset {
		l.counts.Resets++
	}
	if how == kernel.OpClose && c.sendsByKernel() {
		l.endKernelTLS(c)
	} else {
		l.closer.addWith(how, c.fd, c.farewell(how))
	}
	l.endConn(c)
}
