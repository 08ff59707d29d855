package goloop

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/freelist"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/loader"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/stats"
)

type netKind = kernel.OpKind

// Sizes that are not limits: how much is done in one cgo call.
const (
	batchOpsMax     = 1024
	batchConnsMax   = 256     // connections that one round of receiving or sending serves
	receiveBytes    = 8 << 10 // a receive into the scratch memory; a head seldom needs more
	acceptsMax      = 64
	sendfileBytes   = docroot.ResidentChunkBytes
	sendBuffersMax  = 8 // buffers of a dynamic file that one cgo call sends for a connection
	jobsFetchMax    = 64
	retryAfter      = 10 * time.Millisecond
	acceptPause     = 100 * time.Millisecond
	trimEvery       = time.Second
	trimAgain       = 10 * time.Millisecond // when there was more to trim than one iteration should
	trimFilesMax    = 256                   // files that are trimmed in one iteration
	reclaimMax      = 64                    // descriptors that are freed when there are none left
	lingerBytesMax  = 1 << 20
	headBufferBytes = 12 << 10
	drainLook       = 100 * time.Millisecond
	headBufferSlab  = 64
)

// interestChange is a change of epoll's interest that waits for the next Wait.
type interestChange struct {
	kind netKind
	slot int32
	mask uint32
}

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
	roleMessage
	roleResident
	roleFile
	roleBuffer
	roleShut
	roleClose
)

// owner says whose an operation of a batch is.
type owner struct {
	role    role
	sends   bool // bytes of a response
	slot    int32
	gen     uint32
	content uint32 // of those bytes, how many are content: its last ones
}

// listener is a socket that connections are accepted from.
type listener struct {
	fd        int32
	ready     bool
	accepts   int // how many accepts the next batch tries
	successes int // of those that the latest batches tried
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
	unsaid    bool          // something has happened since the counters were published
	published published
	publishAt time.Duration

	listeners    []listener
	watching     bool          // epoll reports new connections
	acceptPaused bool          // new connections stay in the backlog
	acceptAgain  time.Duration // and no accepting before this time

	conns connTable

	touched  []int32
	overdue  []*conn // found by settle
	recvq    []int32 // connections with something to receive
	parseq   []int32 // connections with bytes of a next request in hand
	sendq    []int32 // connections with something to send
	spare    []int32 // the other half of sendq
	retryq   []int32 // connections that wait for a moment to ask again
	retrying []int32 // those of them that are just being asked for
	retryAt  time.Duration
	readAt   time.Duration // when reads that were refused may be tried again
	changes  []interestChange
	hangUps  []hangUp
	closing  []docroot.Descriptor // of files that nobody needs any more
	slowly   []int32              // of them, those that workers close
	lists    [connstate.DeadlineCount]deadlineList
	trimAt   time.Duration
	stallAt  time.Duration
	idleEnd  time.Duration // when connections without a request are closed
	drainEnd time.Duration // when all are

	cleared   bool          // the files are closed, as there is nobody left to send them to
	abandonAt time.Duration // when what workers have not done by then is left to the end of the process

	batch   batch       // of the loop's phases
	changed []kernel.Op // the batch of the interest changes, which Wait runs

	scratch    []byte // where receives go: batchConnsMax pieces
	req        request.Request
	response   handler.Response
	finding    finder
	opened     kernel.Opened // out-parameters of the kernel, here so that they need no allocation
	looked     kernel.Info
	peers      []byte // where accepts write whom they have accepted
	yielded    time.Duration
	deferral   deferral
	coalescing coalescing
	total      *totalRate // nil without Config.TotalRateMax
	parts      freelist.List[*part]
	heads      headBuffers
	exchanges  freelist.List[*exchange]
	headsMax   int
	date       [response.DateBytes]byte
	dateOf     int64

	loopbackNames, remoteNames []byte // of congestion controls; nil where all connections have the same

	wholes wholes

	records []*stats.Record // to be filled
	filled  []*stats.Record // for the sink, by the end of the turn

	loader *loader.Loader
	events int  // of the latest Wait
	reaps  bool // the kernel has reported completed reads; Reap makes it stop reporting

	jobs     []*job
	checks   checkQueue
	freeJobs freelist.List[*job]
	finished []*kernel.Job

	woken    bool // FinishedJobs must be called: a worker thread has finished, or Wake was called
	stop     atomic.Bool
	draining bool
	beat     atomic.Uint64 // the number of turns, for other goroutines; beatOver once there are no more
	leaving  leaving
}

// NewLoop returns a loop that serves the connections of the listening sockets, which it closes
// when it is shut down. The listeners must not block. The kernel is the loop's from now on.
func NewLoop(k kernel.Kernel, cfg Config, d handler.Handler, cache *docroot.Cache, listeners ...int32) (*Loop, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	l := &Loop{cfg: cfg, k: k, handler: d, responder: d.NewResponder(), cache: cache, dateOf: -1}
	l.timed = cfg.Publish || cfg.Sink != nil
	l.unsaid = cfg.Publish
	var err error
	if l.batch.ops, err = k.Ops(batchOpsMax); err != nil {
		return nil, err
	}
	if l.changed, err = k.Ops(batchOpsMax); err != nil {
		return nil, err
	}
	l.batch.owners = make([]owner, batchOpsMax)
	l.records = make([]*stats.Record, 0, recordsMax)
	l.filled = make([]*stats.Record, 0, recordsMax)
	if l.scratch, err = k.Map(batchConnsMax * receiveBytes); err != nil {
		return nil, err
	}
	if l.peers, err = k.Map(batchConnsMax * kernel.PeerBytes); err != nil {
		return nil, err
	}
	if err := l.setCongestion(); err != nil {
		return nil, err
	}
	l.total = cfg.total
	if l.total == nil && cfg.TotalRateMax > 0 {
		l.total = &totalRate{rate: cfg.TotalRateMax}
	}
	if l.conns.limits = cfg.limits; l.conns.limits == nil {
		l.conns.limits = newConnLimits(&cfg)
	}
	l.heads.mem = k
	if l.loader, err = loader.New(k, cfg.loader(l.timed), cache, &l.counts, (*transferEvents)(l)); err != nil {
		return nil, err
	}
	l.headsMax = d.Limits().HeadBytesMax
	if l.headsMax <= 0 {
		l.headsMax = request.DefaultHeadBytesMax
	}
	l.finished = make([]*kernel.Job, jobsFetchMax)
	for _, fd := range listeners {
		l.listeners = append(l.listeners, listener{fd: fd, accepts: 1})
	}
	if err := l.watchListeners(kernel.OpEpollAdd, kernel.Readable); err != nil {
		return nil, err
	}
	l.watching = true
	l.trimAt = k.Now() + trimEvery
	l.refreshDate()
	return l, nil
}

// Token of the first listener; the others follow upwards.
const (
	never          = time.Duration(1<<63 - 1)
	tokenListeners = kernel.ReservedTokens - 1024
)

// watchListeners sets whether epoll reports new connections.
func (l *Loop) watchListeners(kind netKind, mask uint32) error {
	for i, li := range l.listeners {
		l.batch.ops[i] = kernel.Op{
			Kind: kind, FD: li.fd, File: l.k.Poller(), Mask: mask,
			Token: tokenListeners + uint64(i),
		}
	}
	l.k.Do(l.batch.ops[:len(l.listeners)])
	for _, op := range l.batch.ops[:len(l.listeners)] {
		if op.Result < 0 {
			return kernel.NamedError("epoll_ctl", op.Result)
		}
	}
	return nil
}

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
	l.stop.Store(true)
	l.k.Wake()
}

// Turn runs the phases once. It returns false when the loop has been shut down and nothing is left
// to do.
func (l *Loop) Iterate() (bool, error) {
	l.settle()
	if err := l.wait(); err != nil {
		return false, err
	}
	l.receive()
	l.collect()
	l.again()
	l.loader.Submit()
	l.reap()
	l.send()
	l.expire()
	l.tidy()
	l.counts.EventsPerIteration.Add(l.events)
	l.putRecords()
	l.publish()
	l.beat.Store(l.counts.Iterations)
	if l.draining {
		l.reportLeft()
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.IterationEnd(l.id, l.events)
	}
	return !l.draining || !l.ended(), nil
}

// wait makes the interest changes and waits for something to do, in one cgo call.
func (l *Loop) wait() error {
	n := 0
	for _, ch := range l.changes {
		c := l.conns.bySlot[ch.slot]
		if c.state() == connstate.StateFree || c.state() == connstate.StateClosing {
			continue
		}
		if n == len(l.changed) {
			l.k.Do(l.changed)
			l.watched(l.changed)
			n = 0
		}
		l.changed[n] = kernel.Op{
			Kind: ch.kind, FD: c.fd, File: l.k.Poller(), Mask: ch.mask, Token: c.token(),
		}
		n++
	}
	l.changes = l.changes[:0]
	events, err := l.waitEvents(l.changed[:n], l.timeout())
	if err != nil {
		return err
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.IterationBegin(l.id)
	}
	l.moment = l.k.Now()
	l.events = len(events)
	l.counts.Iterations++
	l.counts.Events += uint64(len(events))
	l.watched(l.changed[:n])
	if l.k.Wall() != l.dateOf {
		l.refreshDate()
	}
	if l.stop.Load() && !l.draining {
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
	if c.state() == connstate.StateFree || c.state() == connstate.StateClosing || c.token() != token {
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
		if i := token - tokenListeners; i < uint64(len(l.listeners)) { // else a drain has just begun
			l.listeners[i].ready = true
		}
		return
	}
	c := l.tenant(token)
	if c == nil {
		l.counts.StaleEvents++
		return
	}
	switch c.state() {
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

// timeout returns how long the loop may wait.
func (l *Loop) timeout() time.Duration {
	if len(l.sendq) > 0 || len(l.parseq) > 0 || len(l.hangUps) > 0 || len(l.closing) > 0 || l.loader.CanSubmit() {
		return 0
	}
	if l.stop.Load() && !l.draining {
		return 0 // Shutdown came within the turn, and its wake-up may have been taken for a worker thread's
	}
	now := l.k.Now()
	next := time.Duration(-1)
	sooner := func(at time.Duration) {
		if d := max(at-now, 0); next < 0 || d < next {
			next = d
		}
	}
	for i := range l.lists {
		if c := l.lists[i].first; c != nil {
			sooner(c.expiresAt)
		}
	}
	if len(l.retryq) > 0 {
		sooner(l.retryAt)
	}
	if at, ok := l.loader.RetryAt(); ok {
		sooner(at)
	}
	if l.acceptPaused && l.connsLeft() {
		sooner(l.acceptAgain)
	} else if c := l.lists[connstate.DeadlineIdle].first; l.acceptPaused && c != nil {
		sooner(c.expiresAt - l.cfg.IdleTimeout + shedAfter)
	}
	if l.acceptPaused && l.conns.live() < l.cfg.ConnsMax {
		sooner(now + acceptPause) // another loop may have closed some
	}
	if l.loader.Waiting() > 0 {
		sooner(l.stallAt)
	}
	if l.cache.Len() > 0 {
		sooner(l.trimAt)
	}
	if len(l.slowly) > 0 {
		sooner(now + retryAfter) // the workers had no room for them
	}
	if at, ok := l.deferralEnds(); ok {
		sooner(at)
	}
	if l.unsaid {
		sooner(l.publishAt)
	}
	if l.draining && l.drainEnd != never {
		sooner(max(l.idleEnd, min(l.drainEnd, now+drainLook)))
	}
	if l.draining && l.drainEnd == never {
		sooner(l.abandonAt)
	}
	return next
}

// refreshDate makes the date of the responses again.
func (l *Loop) refreshDate() {
	l.dateOf = l.k.Wall()
	response.AppendDate(l.date[:0], l.dateOf)
}

// Date implements Finder.
func (l *Loop) Date() []byte { return l.date[:] }

// tidy does what is due now and then: it ends a drain, resumes accepting, and lets go of files
// that nobody has asked for in a while.
func (l *Loop) tidy() {
	now := l.k.Now()
	if l.draining && now >= l.idleEnd {
		l.closeIdle(now)
	}
	if l.draining && now >= l.drainEnd {
		for _, c := range l.conns.bySlot {
			if c.state() != connstate.StateFree && c.state() != connstate.StateClosing {
				l.counts.Expired++
				l.counts.ExpiredBy[connstate.DeadlineNone]++
				l.abort(c, kernel.OpReset)
			}
		}
		l.drainEnd = never // what is left is the disk's
		l.abandonAt = now + abandonAfter
	}
	if l.acceptPaused && !l.connsLeft() {
		l.shed()
	}
	if l.acceptPaused && now >= l.acceptAgain && l.connsLeft() {
		l.acceptPaused = false
	}
	if l.watching == l.acceptPaused {
		mask := kernel.Readable
		if l.acceptPaused {
			mask = 0
		}
		if l.watchListeners(kernel.OpEpollMod, mask) == nil { // else it is tried again next turn
			l.watching = !l.acceptPaused
		}
	}
	l.adjustDeferral(now)
	if now >= l.trimAt {
		var done bool
		if l.closing, done = l.cache.Trim(now, trimFilesMax, l.closing); done {
			l.trimAt = now + trimEvery
		} else {
			l.trimAt = now + trimAgain
		}
	}
	l.closeSlowly()
	if now >= l.stallAt {
		l.stallAt = now + l.cfg.StallTimeout/4
		l.loader.Reclaim(now)
	}
}

// close gives everything back. The loop has no connections any more, or is beyond help.
func (l *Loop) close() error {
	l.closing = l.cache.Clear(l.closing)
	for _, c := range l.conns.bySlot {
		if c.state() != connstate.StateFree && c.fd >= 0 {
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
	l.loader.CheckReleased()
	l.putRecords()
	return l.k.Close()
}
