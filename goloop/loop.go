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
	"aws/internal/rate"
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

// Loop is one event loop. All methods but Shutdown belong to one goroutine.
type Loop struct {
	cfg       Config
	k         kernel.Kernel
	handler   handler.Handler
	responder handler.Responder
	cache     *docroot.Cache
	id        int // the loop's number, for the tracer

	acceptor     acceptor
	conns        connTable
	interests    interestQueue
	deadlines    deadlineLists
	rates        rates
	socketMemory socketMemory
	heads        headBuffers
	pieces       pieceBuffers
	readBufs     readBuffers
	date         responseDate
	trimming     trimming
	shutdown     shutdown

	counts    stats.Counters
	clock     statsClock
	publisher publisher
	recorder  recorder
	beat      atomic.Uint64 // the number of iterations, for other goroutines; beatOver once there are no more

	batch   batch     // of the phases
	touched []int32   // connections that settle looks at
	overdue []*conn   // found by settle
	recvq   slotQueue // connections with something to receive
	parseq  slotQueue // connections with bytes of a next request in hand
	sendq   slotQueue // connections with something to send
	retries retries
	closer  closer

	scratch   []byte // where receives go: batchConnsMax pieces
	req       request.Request
	response  handler.Response
	opened    kernel.Opened // out-parameters of the kernel, here so that they need no allocation
	looked    kernel.Info
	exchanges freelist.List[*exchange]
	buckets   freelist.List[*rate.Bucket]

	loader  *loader.Loader
	reaps   bool          // the kernel has reported completed reads; Reap makes it stop reporting
	stallAt time.Duration // when the loader is asked again to take back the buffers of clients that take nothing

	tls    tlsParts
	http2  http2Parts
	jobs   jobs
	checks checkQueue
}

// NewLoop returns a loop that serves the connections of the listening sockets, which it closes
// when it is shut down. The listeners must not block. The kernel is the loop's from now on.
func NewLoop(k kernel.Kernel, cfg Config, d handler.Handler, cache *docroot.Cache, listeners ...int32) (*Loop, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	l := &Loop{cfg: cfg, k: k, handler: d, responder: d.NewResponder(), cache: cache}
	l.clock.precise = cfg.Publish || cfg.Sink != nil
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
	l.rates = newRates(&cfg)
	if l.conns.limits = cfg.limits; l.conns.limits == nil {
		l.conns.limits = newConnLimits(&cfg)
	}
	l.heads.mem, l.pieces.mem = k, k
	if l.loader, err = loader.New(k, cfg.loader(l.clock.precise), cache, &l.counts, (*transferEvents)(l)); err != nil {
		return nil, err
	}
	if l.http2, err = newHTTP2Parts(k, &cfg, d.Limits(), &l.counts); err != nil {
		return nil, err
	}
	if cfg.TLS != nil {
		l.tls.config, l.tls.begin = cfg.TLS, cfg.TLS.Handshakes()
	}
	if cfg.TLS != nil || cfg.H2C {
		if l.tls.messages, err = newArena(k, arenaBytes); err != nil {
			return nil, err
		}
		if l.tls.reads, err = newArena(k, readsBytes); err != nil {
			return nil, err
		}
	}
	l.readBufs.init(k, d.Limits().HeadBytesMax)
	l.jobs.finished = make([]*kernel.Job, jobsFetchMax)
	if l.acceptor, err = newAcceptor(k, l.batch.ops, &l.cfg, listeners); err != nil {
		return nil, err
	}
	l.trimming.next = k.Now() + trimEvery
	l.date = newResponseDate(k.Wall())
	return l, nil
}

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// yieldEvery is how long a busy loop runs before it offers its processor to other goroutines. One that
// never does is taken for stuck after 10 ms, and the runtime's monitor then wakes some two thousand
// times a second to interrupt it.
const yieldEvery = 5 * time.Millisecond

// Run iterates until the loop is shut down and everything is given back. The error is that of the
// loop itself, never of a connection.
func (l *Loop) Run() error {
	defer l.beat.Store(beatOver)
	var yielded time.Duration
	for {
		if now := l.k.Now(); now-yielded >= yieldEvery {
			yielded = now
			runtime.Gosched()
		}
		more, err := l.Iterate()
		if err != nil {
			return fmt.Errorf("loop: %w", errors.Join(err, l.close()))
		}
		if !more {
			return l.close()
		}
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
	events, err := l.wait()
	if err != nil {
		return false, err
	}
	l.receive()
	l.collect()
	l.resume()
	l.askSteps()
	l.loader.Submit()
	l.reap()
	l.send()
	l.expire()
	l.housekeep()
	l.counts.EventsPerIteration.Add(events)
	l.recorder.flush()
	l.publish()
	l.beat.Store(l.counts.Iterations)
	if l.shutdown.draining {
		l.reportLeft()
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.IterationEnd(l.id, events)
	}
	return !l.shutdown.draining || !l.ended(), nil
}

// housekeep does what is due now and then: it ends a drain, resumes accepting, and lets go of files
// that nobody has asked for in a while.
func (l *Loop) housekeep() {
	now := l.k.Now()
	if l.shutdown.idleIsOver(now) {
		l.closeIdle(now)
	}
	l.cutOff(now)
	if l.acceptor.paused && !l.hasRoomForConn() {
		l.shed()
	}
	l.acceptor.update(l.k, l.batch.ops, now, l.hasRoomForConn())
	l.closer.files = l.trimming.run(l.cache, now, l.closer.files)
	l.askCloses()
	l.stopHandshakes()
	l.askGeneratorCloses()
	l.closeKernelTLS(false)
	if now >= l.stallAt {
		l.stallAt = now + l.cfg.StallTimeout/4
		l.loader.Reclaim(now)
	}
}

// close releases everything. The loop has no connections any more, or has failed.
func (l *Loop) close() error {
	l.closer.files = l.cache.Clear(l.closer.files)
	if l.cfg.Forms != nil {
		l.closer.files = l.cfg.Forms.Clear(l.closer.files)
	}
	for c := range l.conns.all() {
		if c.state() != connstate.StateFree && c.fd >= 0 {
			l.closer.add(kernel.OpClose, c.fd)
			l.release(c)
			l.dropTLS(c)
			c.fd = -1
		}
	}
	l.closeKernelTLS(true)
	for !l.closer.isEmpty() {
		l.addEnds()
		l.runBatch()
	}
	for _, s := range l.closer.generators {
		s.Close(l.k)
	}
	l.closer.generators = nil
	l.askCloses() // what the workers have no room for ends with the process
	l.loader.CheckReleased()
	l.recorder.flush()
	return l.k.Close()
}
