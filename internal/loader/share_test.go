package loader

import (
	"testing"

	"aws/internal/kernel"
)

func TestEachKindHasItsShareOfThePool(t *testing.T) {
	p := &pool{buffers: make([]buffer, 80), windowChunks: 16, available: 80, grown: 80}
	w := [shareCount]*Transfer{{share: shareMemory}, {share: shareDisk}}
	if !p.mayHold(shareDisk, 70) || p.mayHold(shareDisk, 71) {
		t.Error("a tenth and more is not kept for files in memory")
	}
	p.allocate(w[shareMemory], 4)
	if !p.mayHold(shareDisk, 70) || p.mayHold(shareDisk, 71) {
		t.Error("what they hold counts to what is kept for them")
	}
	p.allocate(w[shareDisk], 70)
	if !p.mayHold(shareMemory, 6) || p.mayHold(shareMemory, 7) {
		t.Error("they can't have what is kept for them, or more than there is")
	}
	p.release(shareDisk, 70)
	p.allocate(w[shareMemory], 66)
	if !p.mayHold(shareDisk, 10) || p.mayHold(shareMemory, 1) {
		t.Error("nothing is kept for those that wait for a disk")
	}
	small := &pool{buffers: make([]buffer, 16), windowChunks: 16, available: 16, grown: 16}
	if !small.mayHold(shareDisk, 16) || !small.mayHold(shareMemory, 16) {
		t.Error("a pool of one window gives none")
	}
}

// A transfer whose bytes turn out not to be in memory counts to those that wait for a disk, with what it holds,
// and what is free by that is for those that wait.
func TestMovingToTheDisksShare(t *testing.T) {
	for name, off := range map[string]func(*fakeWorld){
		"a read missed":                  func(w *fakeWorld) { w.k.results = func(fakeRead) int64 { return eagain } },
		"another read found that out":    func(w *fakeWorld) { w.file.NoWaitOff.Store(true) },
		"and no direct read is possible": func(w *fakeWorld) { w.file.NoWaitOff.Store(true); w.file.DirectOff.Store(true) },
	} {
		w := newFake(t, func(cfg *Config) { cfg.PoolBytes = 8 * fakeBuffer })
		moved, other := w.start(w.file, 3), w.start(w.other, 4)
		waits := w.l.Start(w.other, 0, fakeBuffer, 0)
		if p := &w.l.pool; p.held != [shareCount]int{shareMemory: 7} || w.l.Waiting() != 1 || p.reserved(shareDisk) != 1 {
			t.Fatalf("%s: %v held, %d wait", name, p.held, w.l.Waiting())
		}
		off(w)
		w.iterate()
		if p := &w.l.pool; moved.share != shareDisk || p.held[shareDisk] < 3 || w.l.Waiting() != 0 {
			t.Errorf("%s: share %v, %v held, %d wait", name, moved.share, p.held, w.l.Waiting())
		}
		w.k.results = nil
		for range 4 {
			w.iterate()
		}
		for _, tr := range []*Transfer{moved, other, waits} {
			if !tr.Ready() {
				t.Errorf("%s: not ready", name)
			}
			tr.Release()
		}
		w.l.CheckReleased()
		if w.l.pool.held != [shareCount]int{} {
			t.Errorf("%s: %v held", name, w.l.pool.held)
		}
	}
}

// What a transfer gets for a buffer that it has sent.
func TestRefill(t *testing.T) {
	for _, c := range []struct {
		what           string
		share          share
		others         [shareCount]int // that wait, by share
		allocated      int
		window         int64 // chunks that are loaded or on their way
		left           int64 // chunks behind them
		unused         int   // buffers, of 80
		held           [shareCount]int
		windowMax, got int
	}{
		{"from memory: its buffer", shareMemory, [shareCount]int{}, 0, 1, 100, 79, [shareCount]int{1, 0}, 16, 1},
		{"for a disk: the window", shareDisk, [shareCount]int{}, 0, 1, 100, 79, [shareCount]int{0, 1}, 16, 15},
		{"for a disk: what is left of the file", shareDisk, [shareCount]int{}, 0, 1, 5, 79, [shareCount]int{0, 1}, 16, 5},
		{"for a disk: what it has not got yet", shareDisk, [shareCount]int{}, 3, 1, 5, 76, [shareCount]int{0, 4}, 16, 2},
		{"for a disk: what is free", shareDisk, [shareCount]int{}, 0, 1, 100, 7, [shareCount]int{shareMemory: 10, shareDisk: 63}, 16, 7},
		{"for a disk: what is not reserved", shareDisk, [shareCount]int{}, 0, 1, 100, 12, [shareCount]int{0, 68}, 16, 2},
		{"the file ends", shareMemory, [shareCount]int{}, 0, 1, 0, 79, [shareCount]int{1, 0}, 16, 0},
		{"a client that has stalled", shareDisk, [shareCount]int{}, 0, 0, 100, 79, [shareCount]int{}, 1, 1},
		{"others wait", shareMemory, [shareCount]int{shareMemory: 1}, 0, 1, 100, 1, [shareCount]int{79, 0}, 16, 0},
		{"others wait for a disk", shareDisk, [shareCount]int{shareDisk: 1}, 0, 1, 100, 1, [shareCount]int{0, 79}, 16, 0},
		{"others wait for memory, it for a disk", shareDisk, [shareCount]int{shareMemory: 1}, 0, 1, 100, 9, [shareCount]int{10, 61}, 16, 0},
		{"others wait for a disk, it does not", shareMemory, [shareCount]int{shareDisk: 1}, 0, 1, 100, 9, [shareCount]int{10, 61}, 16, 1},
	} {
		l := &Loader{pool: pool{buffers: make([]buffer, 80), windowChunks: 16, available: c.unused, grown: 80, held: c.held}}
		for s, n := range c.others {
			for range n {
				l.pool.waiters[s].push(&Transfer{})
			}
		}
		tr := &Transfer{
			loader: l, share: c.share, allocated: c.allocated, windowMax: int64(c.windowMax),
			head: 3, next: 3 + c.window, endChunk: 3 + c.window + c.left,
		}
		if got := l.refill(tr); got != c.got {
			t.Errorf("%s: %d buffers, want %d", c.what, got, c.got)
		}
	}
}

// What is in memory and is not sent as a whole holds no more buffers than are read and sent at a time.
func TestStreamFromMemoryHoldsFewBuffers(t *testing.T) {
	for _, c := range []struct {
		residency kernel.Residency
		want      [shareCount]int
	}{
		{kernel.ResidencyFull, [shareCount]int{shareMemory: readsMin}},
		{kernel.ResidencyNone, [shareCount]int{shareDisk: 4}},
	} {
		w := newFake(t, nil)
		w.k.residency = c.residency
		tr := w.start(w.file, 20)
		for tr.Remaining() > 0 {
			if w.l.pool.held != c.want && tr.Remaining() > 4*fakeBuffer {
				t.Fatalf("%v buffers are held, want %v", w.l.pool.held, c.want)
			}
			w.iterate()
			w.send(tr, 1)
			tr.Await()
		}
		tr.Release()
		w.l.CheckReleased()
	}
}
