package loader

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/simkernel"
	"aws/internal/stats"
)

// world is a loader on the simulated kernel, with files and clients. It does what a loop does with a loader.
type world struct {
	k      *simkernel.Kernel
	rnd    *rand.Rand
	l      *Loader
	cfg    Config
	counts stats.Counters
	cache  *docroot.Cache
	tree   *simkernel.Tree
	files  []worldFile

	clients   []*client // those whose transfer is not released
	byOwner   map[uint64]*client
	returning map[uint64]bool    // owners of released transfers that the kernel has buffers of
	made      map[*Transfer]bool // every transfer that there has been
	tracked   map[int]uint64     // buffers of reads in flight, with their owners; if cfg.Traced is on
	closing   []docroot.Descriptor
	closeJobs []*kernel.Job // of descriptors whose close may wait
	finished  []*kernel.Job
	happened  map[string]int // what, and how often

	toStart  int // clients that are still to come
	startAt  time.Duration
	stallAt  time.Duration
	disturbs int   // evictions, truncations and bad blocks that are still to come
	err      error // the first thing that was wrong
}

type worldFile struct {
	inode *simkernel.File
	file  *docroot.File
	end   int64 // the size that the file was opened with
}

// client is a transfer and who takes its bytes.
type client struct {
	t         *Transfer
	owner     uint64
	file      worldFile
	next, end int64         // bytes that it has not got
	waiting   bool          // Await was called, and Loaded has not made the transfer ready
	blocked   bool          // it takes nothing before actAt
	actAt     time.Duration // when it sends next, unless it waits
	leaveAt   time.Duration // when it is released, whatever it has; 0: never
}

// failf notes what is wrong, if it is the first thing.
func (w *world) failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v: "+format, append([]any{w.k.Now()}, args...)...)
	}
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// within draws a time that is less than one of those.
func (w *world) within(most ...time.Duration) time.Duration {
	return time.Duration(w.rnd.Int64N(int64(pick(w.rnd, most...))))
}

// newWorld makes everything that there is to a seed.
func newWorld(seed uint64) *world {
	rnd := rand.New(rand.NewPCG(seed, 7))
	w := &world{
		rnd: rnd, byOwner: map[uint64]*client{}, returning: map[uint64]bool{}, made: map[*Transfer]bool{},
		tracked: map[int]uint64{}, happened: map[string]int{}, finished: make([]*kernel.Job, 8),
		cache: docroot.NewCache(docroot.Limits{FilesMax: pick(rnd, 1, 4, 100)}),
	}
	w.k = simkernel.New(simkernel.Config{Seed: seed, ReadsMax: pick(rnd, 1, 2, 8, 32), JobsMax: pick(rnd, 2, 8, 64)})
	buffer := pick(rnd, 4096, 4096, 8192, 16384)
	window := buffer * (1 + rnd.IntN(6))
	w.cfg = Config{
		BufferBytes: buffer, WindowBytes: int64(window), PoolBytes: int64(window + buffer*rnd.IntN(pick(rnd, 1, 4, 30))),
		ReadsPerTransferMax: pick(rnd, 1, 2, 8), ReadsShared: pick(rnd, 0, 0, 1, 5), SubmitsMax: pick(rnd, 1, 3, 16),
		StallTimeout: pick(rnd, 5*time.Millisecond, 50*time.Millisecond, time.Second),
		Timed:        rnd.IntN(2) == 0, Traced: rnd.IntN(2) == 0,
	}
	l, err := New(w.k, w.cfg, w.cache, &w.counts, w)
	if err != nil {
		w.failf("%v", err)
		return w
	}
	w.l = l
	w.tree = w.k.AddTree("site")
	for i := range 2 + rnd.IntN(4) {
		size := int64(pick(rnd, 1, buffer-1, buffer, window, window+1, 5*window)) + rnd.Int64N(int64(2*window))*rnd.Int64N(2)
		w.addFile(fmt.Sprint("file", i), size)
	}
	w.toStart = 4 + rnd.IntN(30)
	w.disturbs = pick(rnd, 0, 0, 5)
	return w
}

func (w *world) addFile(name string, size int64) worldFile {
	f := worldFile{inode: w.tree.Add(name, size), end: size}
	f.file = docroot.NewFile(&docroot.Mount{Kind: docroot.Dynamic}, name, kernel.Done, w.open(name))
	if w.rnd.IntN(2) == 0 {
		w.closing = w.cache.Add(f.file, w.k.Now(), w.closing)
	}
	w.files = append(w.files, f)
	return f
}

// open has a worker thread open a file, because that works for all of them.
func (w *world) open(name string) *kernel.Opened {
	for {
		j := &kernel.Job{Kind: kernel.JobLookUp, Names: []kernel.LookupName{{Root: w.tree.Root(), Name: []byte(name)}}}
		w.k.Ask(j)
		for w.k.FinishedJobs(w.finished) == 0 {
			if _, err := w.k.Wait(nil, -1); err != nil {
				w.failf("no file is opened: %v", err)
				return &j.Names[0].File
			}
		}
		if j.Names[0].Class == kernel.Done {
			return &j.Names[0].File
		}
	}
}

// iterate does what a loop does in an iteration.
func (w *world) iterate() {
	events, err := w.k.Wait(nil, w.timeout())
	if err != nil {
		w.failf("%v", err)
		return
	}
	reported := false
	for i := range events {
		reported = reported || kernel.Token(&events[i]) == kernel.TokenReads
	}
	w.collect()
	for w.toStart > 0 && w.k.Now() >= w.startAt {
		w.start()
		for w.toStart > 0 && w.rnd.IntN(3) == 0 {
			w.start() // in the same iteration
		}
	}
	w.disturb()
	w.l.Submit()
	w.l.Reap(reported)
	for _, i := range w.rnd.Perm(len(w.clients)) {
		if i < len(w.clients) { // else some have ended
			w.act(w.clients[i])
		}
	}
	w.close()
	if w.k.Now() >= w.stallAt {
		w.stallAt = w.k.Now() + w.cfg.StallTimeout/4
		w.l.Reclaim(w.k.Now())
	}
}

// timeout is how long the loop may sleep: if something is lost, for ever, and the kernel finds that out.
func (w *world) timeout() time.Duration {
	now := w.k.Now()
	next := time.Duration(-1)
	sooner := func(at time.Duration) {
		if d := max(at-now, 0); next < 0 || d < next {
			next = d
		}
	}
	if w.l.CanSubmit() {
		return 0
	}
	if at, ok := w.l.RetryAt(); ok {
		sooner(at)
	}
	if w.l.Waiting() > 0 {
		sooner(w.stallAt)
	}
	if w.toStart > 0 {
		sooner(w.startAt)
	}
	if len(w.closing) > 0 {
		sooner(now + time.Millisecond)
	}
	for _, c := range w.clients {
		if !c.waiting {
			sooner(c.actAt)
		}
		if c.leaveAt > 0 {
			sooner(c.leaveAt)
		}
	}
	return next
}

func (w *world) collect() {
	for {
		n := w.k.FinishedJobs(w.finished)
		for _, j := range w.finished[:n] {
			if j.Kind == kernel.JobClose {
				w.closeJobs = w.closeJobs[1:] // only their number matters
				continue
			}
			w.l.OnJob(j)
		}
		if n < len(w.finished) {
			return
		}
	}
}

// close closes descriptors, those whose close may wait by worker threads.
func (w *world) close() {
	left := w.closing[:0]
	for _, d := range w.closing {
		if !d.Slow {
			w.k.Do([]kernel.Op{{Kind: kernel.OpClose, FD: d.FD}})
			continue
		}
		j := &kernel.Job{Kind: kernel.JobClose, FD: d.FD}
		if w.k.Ask(j) {
			w.closeJobs = append(w.closeJobs, j)
		} else {
			left = append(left, d)
		}
	}
	w.closing = left
}

// start lets a client come.
func (w *world) start() {
	w.toStart--
	w.startAt = w.k.Now() + w.within(time.Microsecond, 3*time.Millisecond, 40*time.Millisecond)
	f := pick(w.rnd, w.files...)
	from, end := int64(0), f.end
	if w.rnd.IntN(2) == 0 {
		from = w.rnd.Int64N(f.end)
		end = from + 1 + w.rnd.Int64N(f.end-from)
	}
	c := w.load(f, from, end)
	if w.rnd.IntN(5) == 0 {
		c.leaveAt = w.k.Now() + 1 + w.within(time.Microsecond, time.Millisecond, 100*time.Millisecond)
	}
}

// load starts a transfer for a client.
func (w *world) load(f worldFile, from, end int64) *client {
	c := &client{owner: uint64(len(w.byOwner) + 1), file: f, next: from, end: end, actAt: w.k.Now()}
	w.byOwner[c.owner] = c
	f.file.Hold()
	c.t = w.l.Start(f.file, from, end, c.owner)
	for _, other := range w.clients {
		if other.t == c.t {
			w.failf("a transfer is used twice at a time")
		}
	}
	w.made[c.t] = true
	w.clients = append(w.clients, c)
	return c
}

// disturb does to files what others do to them.
func (w *world) disturb() {
	if w.disturbs == 0 || w.rnd.IntN(20) > 0 {
		return
	}
	w.disturbs--
	f := pick(w.rnd, w.files...).inode
	switch w.rnd.IntN(8) {
	case 0:
		w.k.Resize(f, w.rnd.Int64N(f.Size+1))
	case 1:
		at := w.rnd.Int64N(f.Size + 1)
		w.k.Break(f, at, at+1)
	default:
		w.k.Evict(f)
	}
}

// act lets a client leave, stall or send.
func (w *world) act(c *client) {
	now := w.k.Now()
	switch {
	case c.leaveAt > 0 && now >= c.leaveAt:
		w.release(c, "left")
	case c.waiting || now < c.actAt:
	case !c.t.Ready():
		c.waiting, c.blocked = true, false
		c.t.Await()
	default:
		c.blocked = false
		w.send(c)
		if c.blocked = w.rnd.IntN(10) == 0; c.blocked {
			c.actAt = now + w.within(time.Millisecond, 3*w.cfg.StallTimeout)
		}
		if c.next == c.end {
			w.release(c, "complete")
		}
	}
}

// send takes some of what is loaded, as a batch of sends does that may end early.
func (w *world) send(c *client) {
	var lengths []int64
	most := 1 + w.rnd.Int64N(3*int64(w.cfg.BufferBytes))
	for n, at := 0, c.next; most > 0; n++ {
		b := c.t.Chunk(n)
		b = b[:min(int64(len(b)), most)]
		if len(b) == 0 {
			break
		}
		want := make([]byte, len(b))
		c.file.inode.Fill(at, want)
		if !bytes.Equal(b, want) || at+int64(len(b)) > c.end {
			w.failf("transfer %d has wrong bytes at %d+%d of %q", c.owner, at, len(b), c.file.inode.Name)
		}
		at += int64(len(b))
		most -= int64(len(b))
		lengths = append(lengths, int64(len(b)))
	}
	if len(lengths) == 0 {
		w.failf("transfer %d is ready and has nothing", c.owner)
	}
	for _, n := range lengths {
		c.t.Advance(n)
		c.next += n
	}
	if c.t.Remaining() != c.end-c.next {
		w.failf("transfer %d has %d bytes remaining, not %d", c.owner, c.t.Remaining(), c.end-c.next)
	}
}

// release ends a transfer.
func (w *world) release(c *client, how string) {
	w.happened[how]++
	for i, other := range w.clients {
		if other == c {
			w.clients[i] = w.clients[len(w.clients)-1]
			w.clients = w.clients[:len(w.clients)-1]
			break
		}
	}
	if c.t.Release() {
		w.returning[c.owner] = true
	}
	c.t = nil
	w.closing = c.file.file.Release(w.closing)
}
