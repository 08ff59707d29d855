package loader

import (
	"testing"
	"time"

	"aws/internal/kernel"
)

// The pool has no memory until a transfer waits, and grows by one part after the other until the transfer has its
// buffers.
func TestPoolGrows(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.PoolBytes = 8 * fakeBuffer }) // in parts of 2
	if p := &w.l.pool; p.grown != 0 || len(w.k.jobs) != 0 {
		t.Error("there is memory that nobody waits for")
	}
	tr := w.l.Start(w.file, 0, 3*fakeBuffer, 0)
	for parts := 1; parts <= 2; parts++ {
		if len(w.k.jobs) != 1 || len(w.k.jobs[0].Buf) != 2*fakeBuffer || w.l.Waiting() != 1 {
			t.Fatalf("%d jobs, %d wait", len(w.k.jobs), w.l.Waiting())
		}
		w.jobs()
	}
	w.iterate()
	if total, unused := w.l.Buffers(); !tr.Ready() || w.l.pool.grown != 4 || total != 8 || unused != 5 || w.l.JobsPending() != 0 {
		t.Errorf("ready %t, %d buffers have memory, %d of %d unused", tr.Ready(), w.l.pool.grown, unused, total)
	}
	tr.Release()
	w.l.CheckReleased()
}

// Memory that takes long is not waited for: touching it brings it.
func TestMemoryIsLate(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.PoolBytes = 8 * fakeBuffer })
	w.k.populateHeld = true
	tr := w.l.Start(w.file, 0, 2*fakeBuffer, 0)
	w.k.now += growthPatience - 1
	w.l.Reclaim(w.k.now)
	if w.l.Waiting() != 1 {
		t.Error("nobody waits for memory")
	}
	w.k.now++
	w.l.Reclaim(w.k.now)
	w.iterate()
	if !tr.Ready() || w.l.pool.grown != 2 {
		t.Errorf("ready %t, %d buffers", tr.Ready(), w.l.pool.grown)
	}
	other := w.l.Start(w.other, 0, 2*fakeBuffer, 0) // asks for the next part
	w.k.jobs[0].Class = kernel.Exhausted            // of the first part, which is in use
	w.k.populateHeld = false
	w.jobs()
	w.iterate()
	if p := &w.l.pool; !other.Ready() || p.grown != 4 || len(p.free) != 0 || w.counts.PoolOutOfMemory != 0 {
		t.Errorf("ready %t, %d buffers, %d free, out of memory %d", other.Ready(), p.grown, len(p.free), w.counts.PoolOutOfMemory)
	}
	tr.Release()
	other.Release()
	w.l.CheckReleased()
}

// A pool whose machine has no memory for more is content with what it has, and asks again after a while.
func TestMemoryIsRefused(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.PoolBytes = 8 * fakeBuffer })
	refuse := func() {
		for _, j := range w.k.jobs {
			j.Class = kernel.Exhausted
		}
		w.jobs()
	}
	first := w.l.Start(w.file, 0, 2*fakeBuffer, 0)
	refuse()
	w.l.Reclaim(w.k.now)
	if len(w.k.jobs) != 0 || w.counts.PoolOutOfMemory != 1 || w.l.Waiting() != 1 {
		t.Fatalf("%d jobs, out of memory %d, %d wait", len(w.k.jobs), w.counts.PoolOutOfMemory, w.l.Waiting())
	}
	w.k.now += growthRetry
	w.l.Reclaim(w.k.now)
	w.jobs()
	w.iterate()
	if !first.Ready() || w.l.pool.grown != 2 {
		t.Fatalf("ready %t, %d buffers", first.Ready(), w.l.pool.grown)
	}
	// With two buffers for all, a transfer that needs four gets two, one after the other.
	second := w.l.Start(w.other, 0, 4*fakeBuffer, 0)
	refuse()
	first.Release()
	for n := range 4 {
		w.iterate()
		if !second.Ready() {
			t.Fatalf("nothing is loaded after %d chunks", n)
		}
		w.send(second, 1)
		second.Await()
		refuse()
	}
	if second.Remaining() != 0 || w.l.pool.grown != 2 {
		t.Errorf("%d bytes remain, %d buffers", second.Remaining(), w.l.pool.grown)
	}
	second.Release()
	w.l.CheckReleased()
}

// Worker threads that take no job are asked again by Reclaim.
func TestGrowthIsAskedForAgain(t *testing.T) {
	w := newFake(t, nil)
	w.k.askRefused = true
	tr := w.l.Start(w.file, 0, fakeBuffer, 0)
	if w.l.JobsPending() != 0 {
		t.Error("a job is pending that was refused")
	}
	w.k.askRefused = false
	w.l.Reclaim(w.k.now)
	w.jobs()
	w.iterate()
	if !tr.Ready() {
		t.Error("the transfer still waits")
	}
}

// Buffers that are loaded for a client that takes nothing are taken back for those that wait.
func TestReclaim(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.PoolBytes = 4 * fakeBuffer })
	stalled := w.start(w.file, 6)
	w.iterate()
	w.iterate()
	offset := int64(100)
	stalled.Advance(offset)
	waiting := w.l.Start(w.other, 0, 4*fakeBuffer, 0)
	for _, c := range []struct {
		what    string
		after   time.Duration
		blocked bool
		wants   bool
	}{
		{"the client takes bytes", time.Second, false, false},
		{"the client has stalled for a moment", 0, true, false},
		{"the client has stalled", time.Second, true, true},
	} {
		w.blocked[stalled] = c.blocked
		stalled.movedAt = w.k.now
		w.k.now += c.after
		w.l.Reclaim(w.k.now)
		if got := w.counts.BuffersReclaimed > 0; got != c.wants {
			t.Errorf("%s: %d buffers are taken back", c.what, w.counts.BuffersReclaimed)
		}
	}
	w.iterate()
	if !waiting.Ready() || stalled.Ready() || w.l.Waiting() != 0 {
		t.Errorf("ready: %t and %t, %d wait", waiting.Ready(), stalled.Ready(), w.l.Waiting())
	}
	w.l.Reclaim(w.k.now + time.Minute) // nobody waits
	stalled.Await()
	waiting.Release()
	w.iterate()
	if !stalled.Ready() || int64(len(stalled.Chunk(0))) != fakeBuffer-offset || stalled.Chunk(1) != nil {
		t.Errorf("ready %t, %d bytes of the first chunk and %d of the second", stalled.Ready(), len(stalled.Chunk(0)), len(stalled.Chunk(1)))
	}
	if w.l.pool.heldByAll() != 1 {
		t.Errorf("such a client gets %v buffers, and should get one", w.l.pool.held)
	}
}

// Transfers that are released while they wait are not waited for, and do not make the share of the others smaller.
func TestReleasedTransfersDoNotWait(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.PoolBytes = 4 * fakeBuffer })
	first := w.start(w.file, 4)
	second := w.l.Start(w.other, 0, 4*fakeBuffer, 0)
	for range 10 {
		if w.l.Start(w.other, 0, 4*fakeBuffer, 0).Release() {
			t.Error("a transfer without reads has some in flight")
		}
	}
	if w.l.Waiting() != 1 {
		t.Errorf("%d transfers wait", w.l.Waiting())
	}
	first.Release()
	w.l.Submit() // drops what was queued
	w.iterate()
	if !second.Ready() || !second.whole {
		t.Errorf("ready %t, complete %t", second.Ready(), second.whole)
	}
	second.Release()
	w.l.CheckReleased()
	if n := w.l.recycled.Len(); n != 12 {
		t.Errorf("%d transfers can be used again", n)
	}
}

// The kernel keeps the buffers of a transfer that is released while it reads.
func TestReleaseWithReadsInFlight(t *testing.T) {
	w := newFake(t, nil)
	held := true
	w.k.hold = func(fakeRead) bool { return held }
	tr := w.start(w.file, 3)
	w.iterate()
	if w.l.InFlight() != 3 || !tr.Release() {
		t.Fatalf("%d reads in flight", w.l.InFlight())
	}
	w.iterate()
	if len(w.gone) != 0 || w.l.pool.held != [shareCount]int{shareMemory: 3} || w.l.recycled.Len() != 0 {
		t.Errorf("%d have returned, %v buffers are held", len(w.gone), w.l.pool.held)
	}
	held = false
	w.iterate()
	if len(w.gone) != 1 || w.gone[0] != tr || w.l.pool.held != [shareCount]int{} || w.l.recycled.Len() != 1 {
		t.Errorf("%d have returned, %v buffers are held", len(w.gone), w.l.pool.held)
	}
	if len(w.loaded) > 0 {
		t.Error("something is loaded for a transfer that is released")
	}
	w.l.CheckReleased()
}
