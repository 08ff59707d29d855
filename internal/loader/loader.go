package loader

import (
	"time"

	"aws/internal/docroot"
	"aws/internal/freelist"
	"aws/internal/kernel"
	"aws/internal/stats"
)

// Config holds the limits of a Loader. WindowBytes and PoolBytes are multiples of BufferBytes, which is one of 4096.
type Config struct {
	BufferBytes int   // of a buffer
	WindowBytes int64 // of a transfer in memory, at the most
	PoolBytes   int64 // of all transfers in memory, at the most; at least one window

	ReadsPerTransferMax int // reads in flight for one transfer
	ReadsShared         int // reads in flight that transfers share before each is held to two; 0 means no limit
	SubmitsMax          int // reads of a whole buffer that one Submit hands to the kernel

	StallTimeout time.Duration // after which a client that takes nothing gives its buffers back when others wait for some

	Timed  bool // the latency of reads is measured by the clock, and not by the iteration's time
	Traced bool // Events.ReadSubmitted and Events.ReadReturned are called
}

// Events is what a loop does about what happens to its transfers. The methods are called from within Submit, Reap,
// OnJob and Reclaim.
type Events interface {
	// Loaded says that another chunk is loaded.
	Loaded(t *Transfer)
	// Failed says that the file can't be read as promised; truncated: it has become shorter. The loop releases the
	// transfer before it returns.
	Failed(t *Transfer, truncated bool)
	// Returned says that the last read of a released transfer has returned: the kernel has none of its buffers any
	// more.
	Returned(t *Transfer)
	// Blocked reports whether the client takes no bytes now.
	Blocked(t *Transfer) bool
	// CloseLater gives descriptors to the loop, which closes them. The list is valid until CloseLater returns.
	CloseLater(list []docroot.Descriptor)
	// ReadSubmitted and ReadReturned follow a read, by the number of its buffer. They are called if Config.Traced
	// is on.
	ReadSubmitted(t *Transfer, buffer int, offset int64, bytes int)
	ReadReturned(t *Transfer, buffer int, result int64)
}

// Loader loads the dynamic files of one loop.
type Loader struct {
	cfg    Config
	k      kernel.Kernel
	cache  *docroot.Cache
	events Events
	counts *stats.Counters

	pool      pool
	transfers []*Transfer              // those that are not released
	recycled  freelist.List[*Transfer] // those that Start may return again
	reading   int                      // transfers with chunks that are queued or in flight

	ready    readyQueue
	direct   queue[int32] // buffers whose reads are to be submitted past the page cache
	thread   queue[int32] // buffers whose reads are for worker threads
	deferred deferred

	slots       slots
	slotPause   pause // after the kernel took no more reads
	threadPause pause // after the worker threads took no more
	jobs        jobs
	closing     []docroot.Descriptor // memory for what goes to Events.CloseLater
}

// slots is the reads that the kernel has, and those that a Submit hands over.
type slots struct {
	inFlight       int               // reads that the kernel has
	inFlightDirect int               // of them, those past the page cache
	reads          []kernel.Read     // those that are handed over
	buffers        []int32           // of reads, in the same order
	done           []kernel.ReadDone // memory for Reap
}

// pause is a time in which nothing is submitted, because that was refused a moment ago.
type pause struct {
	on    bool
	until time.Duration
}

// retryAfter is how long a pause is.
const retryAfter = 10 * time.Millisecond

func (p *pause) begin(now time.Duration) { p.on, p.until = true, now+retryAfter }

// over ends the pause if its time has passed, and reports whether there is none.
func (p *pause) over(now time.Duration) bool {
	p.on = p.on && now < p.until
	return !p.on
}

// New returns a loader without any memory: its pool grows when somebody waits. The error is that of reserving
// addresses for the pool.
func New(k kernel.Kernel, cfg Config, cache *docroot.Cache, counts *stats.Counters, events Events) (*Loader, error) {
	l := &Loader{cfg: cfg, k: k, cache: cache, counts: counts, events: events}
	if err := l.pool.init(k, &cfg); err != nil {
		return nil, err
	}
	n := max(k.Slots(), 1)
	l.slots.reads = make([]kernel.Read, 0, n)
	l.slots.buffers = make([]int32, 0, n)
	l.slots.done = make([]kernel.ReadDone, n)
	return l, nil
}

// InFlight returns how many reads the kernel has.
func (l *Loader) InFlight() int { return l.slots.inFlight }

// JobsPending returns how many of its jobs the worker threads have.
func (l *Loader) JobsPending() int { return l.jobs.pending() }

// Waiting returns how many transfers wait for buffers.
func (l *Loader) Waiting() int { return l.pool.waiting() }

// Buffers returns how many buffers the pool may have, and how many of those no transfer has.
func (l *Loader) Buffers() (total, unused int) { return len(l.pool.buffers), l.pool.unused() }

// CanSubmit reports whether a read can be submitted at once. Reads for worker threads wait only for a moment that
// RetryAt returns.
func (l *Loader) CanSubmit() bool {
	if l.slotPause.on {
		return false
	}
	return !l.ready.empty() && (l.slots.inFlight < l.k.Slots() || l.k.Slots() == 0) ||
		!l.direct.empty() && l.directSlots() > 0
}

// RetryAt returns when reads that were refused may be submitted, or false when none are waiting.
func (l *Loader) RetryAt() (at time.Duration, waiting bool) {
	slots := l.slotPause.on && (!l.ready.empty() || !l.direct.empty())
	thread := l.threadPause.on && !l.thread.empty()
	switch {
	case slots && thread:
		return min(l.slotPause.until, l.threadPause.until), true
	case thread:
		return l.threadPause.until, true
	default:
		return l.slotPause.until, slots
	}
}

// CheckReleased panics if a transfer has not been released, or if buffers have been lost. It is for the end of a loop.
func (l *Loader) CheckReleased() {
	p := &l.pool
	assert(len(l.transfers) == 0, "a transfer has not been released")
	assert(p.available+p.heldByAll() == p.grown, "a buffer counts to no share, or to two")
	assert(l.reading == 0, "a transfer that is released still counts among those that read")
}

// now returns the time by which latencies are measured.
func (l *Loader) now() time.Duration {
	if l.cfg.Timed {
		return l.k.Clock()
	}
	return l.k.Now()
}

// assert panics when a programmer's assumption does not hold. It is cheap and always on.
func assert(ok bool, what string) {
	if !ok {
		panic("loader: " + what)
	}
}
