package simkernel

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"time"

	"aws/internal/kernel"
)

// Config makes a world.
type Config struct {
	Seed           uint64
	Profile        *Profile  // nil: drawn from the seed
	Trace          io.Writer // nil: none; otherwise one line for each happening
	EventsMax      int       // events that one Wait returns at the most
	ReadsMax       int       // reads in flight at the most
	JobsMax        int       // jobs waiting at the most
	DescriptorsMax int       // the limit behind EMFILE
	KernelTLS      bool      // there is TLS in the kernel
	Unjust         bool      // nobody looks whether connections starve; see Wants
}

// Kernel implements kernel.Kernel over a simulated world.
type Kernel struct {
	// OnWait, if set, is called at the beginning of every Wait. Its error ends the loop.
	OnWait func() error
	// OnEnd, if set, is called when a peer has come to its end.
	OnEnd func(p *Peer)
	// OnSent, if set, is called whenever a socket has taken bytes for a peer.
	OnSent func(p *Peer, n int)

	cfg     Config
	profile Profile
	rnd     *rand.Rand
	secret  *rand.Rand // what Random says
	mounts  *rand.Rand // which files are remote
	clock   clock
	sampled time.Duration // what Now says
	closed  bool
	trail   uint64 // the fingerprint so far
	serials int    // of everything that is ever opened
	struck  [Faults]int

	table  []*desc
	ledger ledger
	polls  polls
	peers  []*Peer
	disk   disk
	reads  reads
	jobs   jobs
	maps   []mapping

	accepted []*conn // all that ever were, in that order
	open     []*conn // of them, those that the loop has not closed
	crammed  bool    // the loop has no slot for another one
	same     bool    // the latest Wait was a look that found nothing; one that waits is of the same iteration
	served   Served

	progress   int // counts what the loop got done
	shown      int // progress at the latest Wait
	iterations int
	idle       int // iterations in a row without progress
}

var _ kernel.Kernel = (*Kernel)(nil)

// The default sizes of a world.
const (
	eventsMaxDefault      = 64
	readsMaxDefault       = 32
	jobsMaxDefault        = 64
	descriptorsMaxDefault = 256
)

// New makes a world with nothing in it but the kernel's own descriptors.
func New(cfg Config) *Kernel {
	orElse := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
	}
	orElse(&cfg.EventsMax, eventsMaxDefault)
	orElse(&cfg.ReadsMax, readsMaxDefault)
	orElse(&cfg.JobsMax, jobsMaxDefault)
	orElse(&cfg.DescriptorsMax, descriptorsMaxDefault)
	k := &Kernel{
		cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 1)), secret: rand.New(rand.NewPCG(cfg.Seed, 3)),
		mounts: rand.New(rand.NewPCG(cfg.Seed, 4)), trail: 14695981039346656037,
	}
	if cfg.Profile != nil {
		k.profile = *cfg.Profile
	} else {
		k.profile = DrawProfile(rand.New(rand.NewPCG(cfg.Seed, 2)))
	}
	for _, what := range []string{"standard input", "standard output", "standard error"} {
		k.install(&desc{kind: descOther, name: what})
	}
	k.polls.fd = k.install(&desc{kind: descPoller})
	k.reads.event = k.ownEvent("reads", kernel.TokenReads)
	k.jobs.event = k.ownEvent("responses", kernel.TokenJobs)
	if k.profile.Ratio[FaultEvict] > 0 {
		k.clock.push(k.profile.EvictEvery, k.evictSome)
	}
	return k
}

// ownEvent makes one of the kernel's own eventfds, which epoll watches from the beginning.
func (k *Kernel) ownEvent(name string, token uint64) *desc {
	d := &desc{kind: descEvent, name: name}
	k.install(d)
	k.polls.add(d, kernel.Readable, token)
	return d
}

// Profile returns the fault profile of this world.
func (k *Kernel) Profile() *Profile { return &k.profile }

// Random implements kernel.Kernel.
func (k *Kernel) Random() uint64 { return k.secret.Uint64() }

// Poller implements kernel.Kernel.
func (k *Kernel) Poller() int32 { return k.polls.fd }

// mapping is memory that Map returned.
type mapping struct {
	base uintptr
	mem  []byte
}

// Map implements kernel.Kernel.
func (k *Kernel) Map(bytes int) ([]byte, error) {
	if !k.usable("Map") || bytes <= 0 {
		return nil, fmt.Errorf("mmap of %d bytes: invalid argument", bytes)
	}
	mem := make([]byte, bytes)
	k.maps = append(k.maps, mapping{address(mem), mem})
	k.tracef("map %d bytes", bytes)
	return mem, nil
}

// address is used as a number only: to determine whether two slices overlap, and how far into its
// mapping a slice begins. Neither depends on where the memory happens to lie.
func address(b []byte) uintptr {
	if cap(b) == 0 {
		return 0
	}
	return reflect.ValueOf(&b[:1][0]).Pointer()
}

// overlap reports whether two slices share a byte.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	x, y := address(a), address(b)
	return x < y+uintptr(len(b)) && y < x+uintptr(len(a))
}

// mapOffset returns where in its mapping a buffer begins. It is false for memory that Map did not
// return, which a real kernel must not touch.
func (k *Kernel) mapOffset(b []byte) (int64, bool) {
	at := address(b)
	for _, m := range k.maps {
		if at >= m.base && at+uintptr(len(b)) <= m.base+uintptr(len(m.mem)) {
			return int64(at - m.base), true
		}
	}
	return 0, false
}

// Ops implements kernel.Kernel.
func (k *Kernel) Ops(count int) ([]kernel.Op, error) {
	k.usable("Ops")
	return make([]kernel.Op, count), nil
}

// usable records a call after Close, and a call that makes the next Wait part of another iteration.
func (k *Kernel) usable(call string) bool {
	k.same = k.same && (call == "Wait" || call == "Rest")
	if k.closed {
		k.violate(-1, "%s after Close", call)
	}
	return !k.closed
}

// Errors of Wait. Without them a loop that sleeps or iterates for ever would hang the test.
var (
	// ErrAsleep means that nothing would ever end the wait.
	ErrAsleep = errors.New("simkernel: the loop waits for ever and nothing is going to happen")
	// ErrSpinning means that the loop iterates without progress and without sleep.
	ErrSpinning = errors.New("simkernel: the loop spins")
)

// restSlack is how much longer than asked for a rest may be.
const restSlack = 60 * time.Microsecond

// Rest implements kernel.Kernel.
func (k *Kernel) Rest(d time.Duration) {
	k.usable("Rest")
	k.advance(d + time.Duration(k.rnd.Int64N(int64(restSlack))))
	k.tracef("rest %v", d)
}

// spinIterationsMax is how many iterations in a row may pass without sleep and without progress.
const spinIterationsMax = 200

// waitTime is what a Wait takes that does not wait.
const waitTime = 2 * time.Microsecond

// Wait implements kernel.Kernel.
func (k *Kernel) Wait(changes []kernel.Op, timeout time.Duration) ([]kernel.Event, error) {
	if !k.usable("Wait") {
		return nil, ErrAsleep
	}
	if k.OnWait != nil {
		if err := k.OnWait(); err != nil {
			return nil, err
		}
	}
	if !k.same || timeout == 0 {
		k.audit()
	}
	k.Do(changes)
	before := k.clock.now
	k.advance(waitTime)
	k.evict()
	events, err := k.wait(timeout)
	k.sampled = k.clock.now
	k.same = timeout == 0 && len(events) == 0
	k.iterations++
	k.mark(markWait, int64(len(events)), int64(timeout))
	k.tracef("wait %v: %d events", timeout, len(events))
	if err != nil {
		return nil, err
	}
	if k.progress != k.shown || k.clock.now-before >= time.Millisecond {
		k.idle = 0
	} else if k.idle++; k.idle > spinIterationsMax {
		k.violate(-1, "%d iterations without result, waiting %v, last events: %s", k.idle, timeout, k.describe(events))
		return nil, ErrSpinning
	}
	k.shown = k.progress
	return events, k.ignored()
}

func (k *Kernel) wait(timeout time.Duration) ([]kernel.Event, error) {
	deadline := k.clock.now
	if timeout > 0 { // epoll_wait takes whole milliseconds, and rounding down would be too early
		deadline += (timeout + time.Millisecond - 1).Truncate(time.Millisecond)
	}
	interrupted := k.strikes(FaultInterrupted)
	for {
		events := k.collect()
		if len(events) > 0 || timeout == 0 || timeout > 0 && k.clock.now >= deadline || interrupted {
			return events, nil
		}
		k.checkHeld()
		switch {
		case len(k.clock.heap) > 0 && (timeout < 0 || k.clock.heap[0].at <= deadline):
			k.advanceTo(k.clock.heap[0].at)
		case timeout < 0:
			k.violate(-1, "the loop waits for ever, and nothing is going to happen")
			return nil, ErrAsleep
		default:
			k.advanceTo(deadline)
		}
		if k.rnd.IntN(4) == 0 { // the processor was busy elsewhere
			k.advance(time.Duration(k.rnd.Int64N(int64(200 * time.Microsecond))))
		}
	}
}

// Iterations returns how often Wait has been called.
func (k *Kernel) Iterations() int { return k.iterations }

// Close implements kernel.Kernel.
func (k *Kernel) Close() error {
	if !k.usable("Close") {
		return nil
	}
	k.tracef("close of the kernel")
	k.reads.close(k)
	k.jobs.close(k)
	k.closed = true
	return nil
}
