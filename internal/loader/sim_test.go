package loader

import (
	"flag"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/stats"
)

var (
	seeds = flag.Int("seeds", 300, "how many seeds TestSeeds runs")
	seed  = flag.Uint64("seed", 0, "the only seed that TestSeeds runs; 0: all")
)

// TestSeeds has clients load files from a kernel on which everything goes wrong at times, and looks after each
// iteration whether the loader keeps what it promises.
func TestSeeds(t *testing.T) {
	happened := map[string]int{}
	count := *seeds
	if testing.Short() {
		count /= 10
	}
	first, last := uint64(1), uint64(count)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for s := first; s <= last; s++ {
		w := newWorld(s)
		w.run()
		if w.err != nil {
			t.Fatalf("-seed %d: %v\n%+v\nslots %d, %v", s, w.err, w.cfg, w.k.Slots(), w.k.Profile())
		}
		for what, n := range w.happened {
			happened[what] += n
		}
	}
	t.Log(happened)
	for _, what := range []string{
		"complete", "left", "failed", "truncated", "deferred", "direct", "by thread", "missed", "short", "refused",
		"waited", "reclaimed", "out of memory", "returned",
	} {
		if *seed == 0 && happened[what] == 0 {
			t.Errorf("not put to the test: %s", what)
		}
	}
}

// endless is how long a world may take. A worker thread that is late takes less than a second.
const endless = 30 * time.Minute

// run lets all clients come and end, and then looks whether everything was given back.
func (w *world) run() {
	for w.err == nil && (w.toStart > 0 || len(w.clients) > 0 || len(w.returning) > 0 || w.busy()) {
		w.iterate()
		if w.err == nil {
			w.check()
		}
		if w.k.Now() > endless {
			w.failf("%d transfers do not end", len(w.clients))
		}
	}
	if w.err == nil {
		w.checkEnd()
	}
}

// busy reports whether the loader has something to do that is nobody's any more.
func (w *world) busy() bool {
	l := w.l
	return l.InFlight()+l.JobsPending()+l.ready.len()+l.direct.len()+l.thread.len()+l.deferred.len() > 0
}

// Loaded implements Events.
func (w *world) Loaded(t *Transfer) {
	c := w.client(t, "is loaded")
	if c != nil && c.waiting && t.Ready() {
		c.waiting, c.actAt = false, w.k.Now()
	}
}

// Failed implements Events.
func (w *world) Failed(t *Transfer, truncated bool) {
	c := w.client(t, "fails")
	if c == nil {
		return
	}
	switch f := c.file.inode; {
	case truncated && !f.Shrunk:
		w.failf("%q is taken for truncated", f.Name)
	case !truncated && f.Faulted == 0:
		w.failf("%q is taken for broken", f.Name)
	}
	how := "failed"
	if truncated {
		how = "truncated"
	}
	w.release(c, how)
}

// Returned implements Events.
func (w *world) Returned(t *Transfer) {
	if !w.returning[t.Owner] {
		w.failf("transfer %d returns, and had no reads in flight when it was released, or has returned before", t.Owner)
	}
	delete(w.returning, t.Owner)
	w.happened["returned"]++
}

// Blocked implements Events.
func (w *world) Blocked(t *Transfer) bool {
	c := w.client(t, "may be blocked")
	return c != nil && c.blocked && !c.waiting
}

// CloseLater implements Events.
func (w *world) CloseLater(list []docroot.Descriptor) { w.closing = append(w.closing, list...) }

// ReadSubmitted implements Events.
func (w *world) ReadSubmitted(t *Transfer, buffer int, offset int64, bytes int) {
	c := w.client(t, "is read for")
	if c == nil {
		return
	}
	if size := int64(w.cfg.BufferBytes); offset < c.next/size*size || offset+int64(bytes) > c.end {
		w.failf("transfer %d of [%d, %d) reads %d+%d", c.owner, c.next, c.end, offset, bytes)
	}
	if owner, ok := w.tracked[buffer]; ok || !w.cfg.Traced {
		w.failf("a read into buffer %d of transfer %d is traced while there is one of %d", buffer, c.owner, owner)
	}
	w.tracked[buffer] = c.owner
}

// ReadReturned implements Events.
func (w *world) ReadReturned(t *Transfer, buffer int, _ int64) {
	if owner := w.tracked[buffer]; owner != t.Owner {
		w.failf("a read into buffer %d returns for transfer %d, and was submitted for %d", buffer, t.Owner, owner)
	}
	delete(w.tracked, buffer)
}

// client returns the client of a transfer that must not have been released.
func (w *world) client(t *Transfer, what string) *client {
	c := w.byOwner[t.Owner]
	if c == nil || c.t != t && c.t != nil || c.t == nil && t.released {
		w.failf("transfer %d %s, and has been released", t.Owner, what)
		return nil
	}
	return c
}

// check looks at what holds after each iteration.
func (w *world) check() {
	l, p := w.l, &w.l.pool
	var held [shareCount]int
	inFlight, direct, byThread := 0, 0, 0
	var states [bufferLoaded + 1]int
	for i := range p.buffers {
		b := &p.buffers[i]
		states[b.state]++
		if b.state != bufferFree {
			held[b.share]++
		}
		if b.state != bufferInFlight {
			continue
		}
		inFlight++
		switch b.method {
		case stats.ReadDirect:
			direct++
		case stats.ReadThread:
			byThread++
		case stats.ReadAuto, stats.ReadNoWait, stats.ReadMethodCount:
		}
	}
	reading, allocated := 0, 0
	for _, c := range w.clients {
		t := c.t
		held[t.share] += t.allocated
		allocated += t.allocated
		if t.busy() > 0 {
			reading++
		}
		w.checkTransfer(c)
	}
	expect := func(what string, got, want int) {
		if got != want {
			w.failf("%s: %d, and it should be %d", what, got, want)
		}
	}
	expect("buffers held for what is in memory", p.held[shareMemory], held[shareMemory])
	expect("buffers held for what waits for a disk", p.held[shareDisk], held[shareDisk])
	expect("buffers held for files that are Remote", p.held[shareRemote], held[shareRemote])
	expect("buffers with memory", p.available+p.heldByAll(), p.grown)
	expect("free buffers", len(p.free), p.available+allocated)
	expect("free buffers by state", states[bufferFree], len(p.buffers)-p.grown+len(p.free))
	expect("transfers that read", l.reading, reading)
	expect("reads that the kernel has", l.InFlight(), w.k.InFlight())
	expect("buffers in flight", inFlight, l.InFlight()+byThread)
	expect("reads past the page cache", l.slots.inFlightDirect, direct)
	expect("counted reads in flight", w.counts.ReadsInFlight, inFlight)
	if w.cfg.Traced {
		expect("traced reads in flight", len(w.tracked), inFlight)
	}
	expect("queued reads by count", int(l.ready.pushed-l.ready.popped), l.ready.len())
	cost := 0
	for _, i := range l.ready.items[l.ready.head:] {
		cost += p.buffers[i].cost
	}
	expect("cost of the queued reads", l.ready.cost, cost)
	if room := w.k.Slots() - w.k.Slots()/slotsPart; direct > max(room, 1) {
		w.failf("%d reads past the page cache are in flight, and %d may be", direct, room)
	}
	w.happened["deferred"] += l.deferred.len()
	w.checkWaiters()
}

// checkTransfer looks at what holds for a transfer: above all that there is always something that it waits for.
func (w *world) checkTransfer(c *client) {
	t := c.t
	window := t.next - t.head
	if window > t.windowMax || window+int64(t.allocated) > w.cfg.WindowBytes/int64(w.cfg.BufferBytes) || t.next > t.endChunk {
		w.failf("transfer %d has %d buffers and may take %d, and its window is %d of %d",
			c.owner, window, t.allocated, t.windowMax, t.endChunk-t.head)
	}
	loaded := 0
	for chunk := t.head; chunk < t.next; chunk++ {
		b := &w.l.pool.buffers[t.at(chunk)]
		if b.transfer != t || b.chunk != chunk || b.state == bufferFree {
			w.failf("transfer %d has a buffer for chunk %d that is not its", c.owner, chunk)
		}
		if b.state == bufferLoaded {
			loaded++
		}
	}
	if loaded+t.busy() != int(window) {
		w.failf("transfer %d has %d chunks loaded and %d on their way, of %d", c.owner, loaded, t.busy(), window)
	}
	if c.waiting && t.Ready() {
		w.failf("transfer %d is ready, and nobody has said so", c.owner)
	}
	if c.waiting && !t.waiting && !t.deferred && t.busy() == 0 {
		w.failf("transfer %d waits for nothing", c.owner)
	}
	if t.waiting && (t.allocated > 0 || window > 0) {
		w.failf("transfer %d waits for buffers and has some", c.owner)
	}
}

// checkWaiters looks whether someone waits for buffers that are free.
func (w *world) checkWaiters() {
	p := &w.l.pool
	for s := range shareCount {
		q := &p.waiters[s]
		if q.empty() {
			continue
		}
		t := q.peek()
		n := min(int(w.l.wanted(t)), max(p.size()/p.waiting(), 1))
		switch {
		case t.released:
			w.failf("a transfer that is released is the next to get buffers")
		case p.mayHold(s, n) && p.available >= n:
			w.failf("transfer %d waits for %d buffers, and %d are free", t.Owner, n, p.available)
		}
	}
}

// checkEnd looks whether everything was given back.
func (w *world) checkEnd() {
	l, p := w.l, &w.l.pool
	l.CheckReleased()
	if p.held != [shareCount]int{} || p.available != p.grown || len(p.free) != p.grown || l.ready.cost != 0 || l.Waiting() != 0 {
		w.failf("%v buffers are held, %d available, %d free of %d, %d wait", p.held, p.available, len(p.free), p.grown, l.Waiting())
	}
	if n := l.recycled.Len(); n != len(w.made) {
		w.failf("%d transfers of %d can be used again", n, len(w.made))
	}
	n := &w.counts
	if n.ReadsNoWait+n.ReadsDirect+n.ReadsByThread != n.ReadsDone+n.ReadsFailed || n.ReadsInFlight != 0 {
		w.failf("reads do not add up: %v", n)
	}
	for what, count := range map[string]uint64{
		"direct": n.ReadsDirect, "by thread": n.ReadsByThread, "missed": n.ReadsMissed, "short": n.ReadsShort, "refused": n.ReadsRefused,
		"waited": n.PoolWaits, "reclaimed": n.BuffersReclaimed, "out of memory": n.PoolOutOfMemory,
	} {
		w.happened[what] += int(count)
	}
	for _, f := range w.files {
		w.closing = f.file.Release(w.closing)
	}
	w.closing = w.cache.Clear(w.closing)
	for w.err == nil && len(w.closing)+len(w.closeJobs) > 0 {
		w.close()
		if len(w.closeJobs) > 0 {
			if _, err := w.k.Wait(nil, -1); err != nil {
				w.failf("%v", err)
			}
		}
		w.collect()
	}
	if err := w.k.Close(); err != nil {
		w.failf("%v", err)
	}
	if err := w.k.Audit(); err != nil {
		w.failf("%v", err)
	}
}
