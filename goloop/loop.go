package goloop

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/stats"
)

type netKind = kernel.OpKind

// Sizes that are not limits: how much is done in one cgo call.
const (
	batchOpsMax     = 1024
	batchConnsMax   = 256     // connections that one round of receiving or sending serves
	receiveBytes    = 8 << 10 // a receive into the scratch memory; a head seldom needs more
	sendfileBytes   = docroot.ResidentChunkBytes
	sendBuffersMax  = 8 // buffers of a dynamic file that one cgo call sends for a connection
	jobsFetchMax    = 64
	reclaimMax      = 64 // descriptors that are freed when there are none left
	lingerBytesMax  = 1 << 20
	headBufferBytes = 12 << 10
	headBufferSlab  = 64
)

// hangUp is a descriptor that waits for the next cgo call to be closed, or to be shut for sending.
type hangUp struct {
	kind netKind
	fd   int32
}

// role says what an operation of a batch is to its connection.
type role uint8

const (
	roleNone role = iota
	roleAccept
	roleReceive
	roleWatch
	roleHeader
	roleResident
	roleFile
	roleBuffer
	roleShut
	roleClose
)

// owner says whose an operation of a batch is.
type owner struct {
	role  role
	sends bool // bytes of a response
	slot  int32
	gen   uint32
	body  uint32 // of those bytes, how many are body bytes: its last ones
}

// Loop is one event loop. All methods but Shutdown and Stopped belong to one goroutine.
type Loop struct {
	cfg       Config
	k         kernel.Kernel
	handler   handler.Handler
	responder handler.Responder
	cache     *docroot.Cache
	counts    stats.Counters
	id        int // the loop's number, for the tracer

	timed     bool          // the clock is looked at within a turn: somebody reads the counters
	moment    time.Duration // the time for counters and records: the latest cgo call's if timed, else the turn's
	publisher publisher
	recorder  recorder

	acceptor acceptor
	shutdown shutdown

	conns     connTable
	deadlines deadlineLists
	interests interestQueue
	retries   retries

	touched []int32
	overdue []*conn       // found by settle
	recvq   []int32       // connections with something to receive
	parseq  []int32       // connections with bytes of a next request in hand
	sendq   []int32       // connections with something to send
	spare   []int32       // the other half of sendq
	readAt  time.Duration // when reads that were refused may be tried again
	hangUps []hangUp
	closing []docroot.Descriptor // of files that nobody needs any more
	slowly  []int32              // of them, those that workers close
	stallAt time.Duration

	batch batch // of the loop's phases

	scratch   []byte // where receives go: batchConnsMax pieces
	req       request.Request
	response  handler.Response
	finding   finder
	opened    kernel.Opened // out-parameters of the kernel, here so that they need no allocation
	looked    kernel.Info
	yielded   time.Duration
	rates     rates
	parts     freeList[*part]
	heads     headBuffers
	tails     freeList[*tail]
	pipelines freeList[*pipeline]
	headsMax  int
	date      responseDate
	trimming  trimming

	loopbackNames, remoteNames []byte // of congestion controls; nil where all connections have the same

	wholes wholes

	pool           pool
	windows        freeList[*window]
	reading        int // connections whose windows have chunks that are queued or in flight
	reads          []kernel.Read
	queued         []int32 // the buffers of reads
	dones          []kernel.ReadDone
	inFlight       int  // reads that the kernel has
	inFlightDirect int  // of them, those that wait for a disk (O_DIRECT)
	events         int  // of the latest Wait
	reaps          bool // the kernel has reported completed reads; Reap makes it stop reporting
	refused        bool // the kernel, or the worker threads, took no more; until readAt

	jobs     []*job
	checks   checkQueue
	freeJobs freeList[*job]
	finished []*kernel.Job

	woken bool          // FinishedJobs must be called: a worker thread has finished, or Wake was called
	beat  atomic.Uint64 // the number of turns, for other goroutines; beatOver once there are no more
}

// NewLoop returns a loop that serves the connections of the listening sockets, which it closes
// when it is shut down. The listeners must not block. The kernel is the loop's from now on.
func NewLoop(k kernel.Kernel, cfg Config, d handler.Handler, cache *docroot.Cache, listeners ...int32) (*Loop, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	l := &Loop{cfg: cfg, k: k, handler: d, responder: d.NewResponder(), cache: cache}
	l.timed = cfg.Publish || cfg.Sink != nil
	l.publisher.enabled, l.publisher.pending = cfg.Publish, cfg.Publish
	l.recorder = newRecorder(cfg.Sink)
	var err error
	if l.batch.ops, err = k.Ops(batchOpsMax); err != nil {
		return nil, err
	}
	l.deadlines = newDeadlineLists(&l.cfg)
	if l.interests.ops, err = k.Ops(batchOpsMax); err != nil {
		return nil, err
	}
	l.batch.owners = make([]owner, batchOpsMax)
	if l.scratch, err = k.Map(batchConnsMax * receiveBytes); err != nil {
		return nil, err
	}
	if err := l.setCongestion(); err != nil {
		return nil, err
	}
	l.rates = newRates(&cfg)
	if l.conns.limits = cfg.limits; l.conns.limits == nil {
		l.conns.limits = newConnLimits(&cfg)
	}
	l.heads.mem = k
	if err := l.pool.init(k, &cfg); err != nil {
		return nil, err
	}
	l.headsMax = d.Limits().HeadBytesMax
	if l.headsMax <= 0 {
		l.headsMax = request.DefaultHeadBytesMax
	}
	slots := max(k.Slots(), 1)
	l.reads = make([]kernel.Read, 0, slots)
	l.queued = make([]int32, 0, slots)
	l.dones = make([]kernel.ReadDone, slots)
	l.finished = make([]*kernel.Job, jobsFetchMax)
	if l.acceptor, err = newAcceptor(k, l.batch.ops, &l.cfg, listeners); err != nil {
		return nil, err
	}
	l.trimming.next = k.Now() + trimEvery
	l.date = newResponseDate(k.Wall())
	return l, nil
}

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// Run turns until the loop is shut down and everything is given back. The error is that of the
// loop itself, never of a connection.
func (l *Loop) Run() error {
	defer l.beat.Store(beatOver)
	for {
		l.yield()
		more, err := l.Iterate()
		if err != nil {
			return fmt.Errorf("loop: %w", errors.Join(err, l.close()))
		}
		if !more {
			return l.close()
		}
	}
}

// yieldEvery is how long a busy loop runs before it offers its processor to other goroutines. One that
// never does is taken for stuck after 10 ms, and the runtime's monitor then wakes some two thousand
// times a second to interrupt it.
const yieldEvery = 5 * time.Millisecond

func (l *Loop) yield() {
	if now := l.k.Now(); now-l.yielded >= yieldEvery {
		l.yielded = now
		runtime.Gosched()
	}
}

// Shutdown ends the loop: no new connections, transfers end or DrainTimeout passes. It may be
// called from any goroutine, and more than once.
func (l *Loop) Shutdown() {
	l.shutdown.requested.Store(true)
	l.k.Wake()
}

// Iterate runs the phases once. It returns false when the loop has been shut down and nothing is left
// to do.
func (l *Loop) Iterate() (bool, error) {
	l.settle()
	if err := l.wait(); err != nil {
		return false, err
	}
	l.receive()
	l.collect()
	l.again()
	l.submit()
	l.reap()
	l.send()
	l.expire()
	l.tidy()
	l.counts.EventsPerIteration.Add(l.events)
	l.recorder.flush()
	l.publish()
	l.beat.Store(l.counts.Iterations)
	if l.shutdown.draining {
		l.reportLeft()
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.IterationEnd(l.id, l.events)
	}
	return !l.shutdown.draining || !l.ended(), nil
}

// wait makes the interest changes and waits for something to do, in one cgo call.
func (l *Loop) wait() error {
	changes, more := l.interests.fill(l.conns.bySlot, l.k.Poller())
	for more {
		l.k.Do(changes)
		l.watched(changes)
		changes, more = l.interests.fill(l.conns.bySlot, l.k.Poller())
	}
	l.acceptor.follow(l.k, l.k.Now(), l.counts.Accepted)
	events, rested, err := l.acceptor.wait(l.k, changes, l.timeout(), l.counts.Accepted)
	if err != nil {
		return err
	}
	if rested {
		l.counts.Coalesced++
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.IterationBegin(l.id)
	}
	l.moment = l.k.Now()
	l.events = len(events)
	l.counts.Iterations++
	l.counts.Events += uint64(len(events))
	l.watched(changes)
	l.date.update(l.k.Wall())
	if l.shutdown.isDue() {
		l.drain()
	}
	for i := range events {
		l.onEvent(kernel.Token(&events[i]), kernel.Ready(&events[i]))
	}
	return nil
}

// watched ends the connections that epoll has no room for: without its events they would hang.
func (l *Loop) watched(changes []kernel.Op) {
	for i := range changes {
		if changes[i].Result >= 0 {
			continue
		}
		if c := l.tenant(changes[i].Token); c != nil {
			l.counts.WatchesFailed++
			l.abort(c, kernel.OpReset)
		}
	}
}

// tenant returns the connection that a token was given for, or nil if it is over.
func (l *Loop) tenant(token uint64) *conn {
	slot := token & connsLimit
	if slot >= uint64(len(l.conns.bySlot)) {
		return nil
	}
	c := l.conns.bySlot[slot]
	if c.state == connstate.StateFree || c.state == connstate.StateClosing || c.token() != token {
		return nil
	}
	return c
}

// onEvent notes what an event makes possible; the phases act on it.
func (l *Loop) onEvent(token uint64, ready uint32) {
	switch {
	case token == kernel.TokenReads:
		l.reaps = true
		return
	case token == kernel.TokenJobs:
		l.woken = true
		return
	case token >= tokenListeners:
		l.acceptor.onEvent(token)
		return
	}
	c := l.tenant(token)
	if c == nil {
		l.counts.StaleEvents++
		return
	}
	switch c.state {
	case connstate.StateInit, connstate.StateReading, connstate.StateDiscarding, connstate.StateLingering:
		if !c.inRecvq {
			c.inRecvq = true
			l.recvq = append(l.recvq, c.slot)
		}
	case connstate.StateWReady, connstate.StateSending:
		if ready&(kernel.Writable|kernel.Broken) == 0 {
			c.noisy = true // the client is sending what is not wanted yet
			l.touch(c)
			return
		}
		if c.resting {
			l.quiet(c, ready) // it is not room that is missing
			return
		}
		c.blocked = false
		l.toSend(c)
	default:
		l.quiet(c, ready)
	}
}

// quiet deals with an event that a connection has no use for now: it ends the connection if that is
// broken, and else sees to it that the event is not reported again.
func (l *Loop) quiet(c *conn, ready uint32) {
	if ready&kernel.Broken != 0 {
		l.counts.PeersGone++
		l.abort(c, kernel.OpClose)
		return
	}
	c.noisy = true
	l.touch(c)
}

// timeout returns how long the loop may wait; a negative time means without end.
func (l *Loop) timeout() time.Duration {
	if len(l.sendq) > 0 || len(l.parseq) > 0 || len(l.hangUps) > 0 || len(l.closing) > 0 || l.submittable() {
		return 0
	}
	if l.shutdown.isDue() {
		return 0 // Shutdown came within the turn, and its wake-up may have been taken for a worker thread's
	}
	now := l.k.Now()
	at := min(
		l.acceptor.dueAt(now, l.connRoom()), l.deadlines.dueAt(), l.retries.dueAt(), l.readsDueAt(),
		l.trimming.dueAt(l.cache.Len()), l.publisher.dueAt(), l.shutdown.dueAt(now),
	)
	if len(l.slowly) > 0 {
		at = min(at, now+retryAfter) // the workers had no room for them
	}
	if at == never {
		return -1
	}
	return max(at-now, 0)
}

// readsDueAt returns when reads that were refused may be submitted again, or buffers taken back for those that wait for some.
func (l *Loop) readsDueAt() time.Duration {
	at := never
	if l.readsWait() && l.refused {
		at = l.readAt
	}
	if l.pool.waiting() > 0 {
		at = min(at, l.stallAt)
	}
	return at
}

// Date implements Finder.
func (l *Loop) Date() []byte { return l.date.text[:] }

// tidy does what is due now and then: it ends a drain, resumes accepting, and lets go of files
// that nobody has asked for in a while.
func (l *Loop) tidy() {
	now := l.k.Now()
	if l.shutdown.idleIsOver(now) {
		l.closeIdle(now)
	}
	l.cutOff(now)
	if l.acceptor.paused && !l.connsLeft() {
		l.shed()
	}
	l.acceptor.update(l.k, l.batch.ops, now, l.connsLeft())
	l.closing = l.trimming.run(l.cache, now, l.closing)
	l.closeSlowly()
	if now >= l.stallAt {
		l.stallAt = now + l.cfg.StallTimeout/4
		l.borrow(now)
	}
}

// close gives everything back. The loop has no connections any more, or is beyond help.
func (l *Loop) close() error {
	l.closing = l.cache.Clear(l.closing)
	for _, c := range l.conns.bySlot {
		if c.state != connstate.StateFree && c.fd >= 0 {
			l.hangUps = append(l.hangUps, hangUp{kind: kernel.OpClose, fd: c.fd})
			l.release(c)
			c.fd = -1
		}
	}
	for len(l.hangUps) > 0 || len(l.closing) > 0 {
		l.addHangUps()
		l.run()
	}
	l.closeSlowly() // what the workers have no room for ends with the process
	assert(l.wholes.open == 0, "a connection that is gone may still let its response wait")
	p := &l.pool
	assert(p.available+p.held[shareMemory]+p.held[shareDisk] == p.grown, "a buffer counts to no kind, or to both")
	assert(l.reading == 0, "a window that is gone still counts among those that read")
	l.recorder.flush()
	return l.k.Close()
}
