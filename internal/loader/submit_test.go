package loader

import (
	"slices"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/stats"
)

// order returns the descriptors of the reads that were submitted, each once for reads in a row.
func (w *fakeWorld) order() (fds []int32) {
	for _, r := range w.k.reads {
		if len(fds) == 0 || fds[len(fds)-1] != r.fd {
			fds = append(fds, r.fd)
		}
	}
	return fds
}

// Files that are in memory and fit the window are loaded one after another, however many are asked for at once,
// and a few in an iteration.
func TestFilesInMemoryAreLoadedInTurn(t *testing.T) {
	const files, chunks = 6, 4
	for _, submits := range []int{1, 3, chunks, chunks + 1} {
		w := newFake(t, func(cfg *Config) { cfg.SubmitsMax = submits })
		var list []*Transfer
		var want []int32
		for fd := range int32(files) {
			list = append(list, w.start(fakeFile(fd), chunks))
			want = append(want, fd)
		}
		if n := w.l.deferred.len(); n != files-max((submits+chunks-1)/chunks, 1) {
			t.Errorf("%d reads at a time: %d files are deferred", submits, n)
		}
		list[files-1].Release() // it is passed over
		for n := range files * chunks {
			w.iterate()
			if got := len(w.k.reads); got > (n+1)*submits {
				t.Fatalf("%d reads at a time: %d in %d iterations", submits, got, n+1)
			}
		}
		if got := w.order(); !slices.Equal(got, want[:files-1]) || len(w.k.reads) != (files-1)*chunks {
			t.Errorf("%d reads at a time: %d reads of %v", submits, len(w.k.reads), got)
		}
		for _, tr := range list[:files-1] {
			if !tr.Ready() {
				t.Errorf("%d reads at a time: a file is not loaded", submits)
			}
			tr.Release()
		}
		w.l.CheckReleased()
		if n := w.l.recycled.Len(); n != files {
			t.Errorf("%d reads at a time: %d transfers can be used again", submits, n)
		}
	}
}

// streams starts transfers beyond their window, each of a file of its own.
func (w *fakeWorld) streams(n int) (list []*Transfer) {
	for fd := range int32(n) {
		list = append(list, w.start(fakeFile(1000+fd), 100))
	}
	return list
}

// sendAll sends what is loaded of transfers, as fast clients take it.
func (w *fakeWorld) sendAll(list []*Transfer) {
	for _, tr := range list {
		for tr.Ready() && tr.Remaining() > 0 {
			w.send(tr, 1)
		}
		tr.Await()
	}
}

// Files that are deferred have their turn, although other transfers always have more to read than an iteration submits.
func TestDeferredFilesHaveTheirTurn(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.SubmitsMax = 2 })
	streams := w.streams(8)
	whole := []*Transfer{w.start(w.file, 2), w.start(w.other, 2)}
	for n := 0; !whole[0].Ready() || !whole[1].Ready(); n++ {
		if whole[1].next > 0 && !whole[0].Ready() {
			t.Error("both had their turn at once")
		}
		if n > 20 {
			t.Fatalf("ready: %t and %t, and %d are deferred", whole[0].Ready(), whole[1].Ready(), w.l.deferred.len())
		}
		w.iterate()
		w.sendAll(streams)
	}
}

// Reads past the page cache get slots, although there are always enough reads from memory for all of them; and the
// other way round.
func TestEachKindOfReadHasSlots(t *testing.T) {
	const slots = 8
	w := newFake(t, nil)
	w.k.slots = slots
	var disks []*docroot.File
	for fd := range int32(4) {
		f := fakeFile(2000 + fd)
		f.NoWaitOff.Store(true)
		disks = append(disks, f)
	}
	streams := w.streams(slots + 1)
	direct := w.start(disks[0], 2)
	for n := 0; !direct.Ready(); n++ {
		if n > 3 {
			t.Fatalf("%d reads past the page cache of %d", w.counts.ReadsDirect, len(w.k.reads))
		}
		w.iterate()
		w.sendAll(streams)
	}
	for _, tr := range append(streams, direct) {
		tr.Release()
	}
	// A disk that is stuck.
	w.k.hold = func(r fakeRead) bool { return r.method == stats.ReadDirect }
	for _, f := range disks {
		w.start(f, 4)
	}
	for range 10 {
		w.iterate()
	}
	if n := w.l.InFlight(); n != slots-slots/slotsPart || w.l.CanSubmit() {
		t.Errorf("%d reads past the page cache are in flight, can submit: %t", n, w.l.CanSubmit())
	}
	small := w.start(w.file, 1)
	if !w.l.CanSubmit() {
		t.Error("a read from memory can't be submitted")
	}
	w.iterate()
	if !small.Ready() {
		t.Error("a file that is in memory waits for a disk")
	}
}

// Reads that the kernel does not take keep their place, and are tried again 10 ms later.
func TestRefusedReadsKeepTheirPlace(t *testing.T) {
	w := newFake(t, func(cfg *Config) { cfg.SubmitsMax = 3 })
	taken := 0
	w.k.accept = func(fakeRead) kernel.Class {
		if taken == 0 {
			return kernel.Again
		}
		taken--
		return kernel.Done
	}
	disk := fakeFile(1)
	disk.NoWaitOff.Store(true)
	first, second, direct := w.start(w.file, 4), w.start(w.other, 1), w.start(disk, 2)
	for n := range 7 {
		taken = 1
		if w.l.CanSubmit() != (n == 0) {
			t.Errorf("after %d reads: can submit: %t", n, w.l.CanSubmit())
		}
		w.iterate()
		at, waiting := w.l.RetryAt()
		if waiting != (n < 6) || waiting && at != w.k.now+retryAfter {
			t.Errorf("after %d reads: again at %v, %t, and it is %v", n+1, at, waiting, w.k.now)
		}
		w.k.now += retryAfter - 1
		before := w.k.submits
		w.iterate()
		if w.k.submits != before {
			t.Errorf("after %d reads: submitted too early", n+1)
		}
		w.k.now++
	}
	if got, want := w.order(), []int32{fakeFD, fakeOther, directFD + 1}; !slices.Equal(got, want) || len(w.k.reads) != 7 {
		t.Errorf("%d reads of %v, want %v", len(w.k.reads), got, want)
	}
	for i, r := range w.k.reads[:4] {
		if r.offset != int64(i*fakeBuffer) {
			t.Errorf("read %d is at %d", i, r.offset)
		}
	}
	if !first.Ready() || !second.Ready() || !direct.Ready() || w.counts.ReadsRefused != 6 {
		t.Errorf("ready %t, %t, %t, refused %d", first.Ready(), second.Ready(), direct.Ready(), w.counts.ReadsRefused)
	}
}

// A read that can't be done this way is not a sign that the kernel takes no more.
func TestImpossibleReadIsNotARefusal(t *testing.T) {
	w := newFake(t, nil)
	w.k.accept = func(r fakeRead) kernel.Class {
		if r.method == stats.ReadNoWait {
			return kernel.Unsupported
		}
		return kernel.Done
	}
	tr := w.start(w.file, 2)
	w.iterate()
	if !w.l.CanSubmit() {
		t.Error("the next read method waits")
	}
	w.iterate()
	if !tr.Ready() || w.counts.ReadsRefused != 0 {
		t.Errorf("ready %t, refused %d", tr.Ready(), w.counts.ReadsRefused)
	}
}

// Worker threads that take no more jobs, as a remote filesystem hangs, keep only those reads waiting that need them.
func TestBusyWorkerThreadsKeepNobodyElseWaiting(t *testing.T) {
	w := newFake(t, nil)
	w.k.askRefused = true
	w.other.Remote = true
	remote, local := w.start(w.other, 2), w.start(w.file, 2)
	w.iterate()
	if !local.Ready() || remote.Ready() {
		t.Errorf("ready: local %t, remote %t", local.Ready(), remote.Ready())
	}
	if at, waiting := w.l.RetryAt(); w.l.CanSubmit() || !waiting || at != w.k.now+retryAfter {
		t.Errorf("can submit: %t, again at %v, %t", w.l.CanSubmit(), at, waiting)
	}
	w.k.askRefused = false
	w.k.now += retryAfter
	for range 2 {
		w.iterate()
	}
	if !remote.Ready() || len(w.order()) != 2 {
		t.Errorf("remote ready %t, %v", remote.Ready(), w.order())
	}
	local.Release()
	remote.Release()
	w.l.CheckReleased()
}

// A read that comes back with a transient error is tried again later.
func TestTransientErrors(t *testing.T) {
	for _, method := range []stats.ReadMethod{stats.ReadDirect, stats.ReadThread} {
		w := newFake(t, nil)
		w.k.residency = kernel.ResidencyNone
		w.file.Remote = method == stats.ReadThread
		w.k.results = func(r fakeRead) int64 {
			if len(w.k.reads) == 1 {
				return eagain
			}
			return int64(r.bytes)
		}
		tr := w.start(w.file, 1)
		for range 3 {
			w.iterate()
		}
		if at, waiting := w.l.RetryAt(); method == stats.ReadDirect && (!waiting || w.l.CanSubmit()) || tr.Ready() {
			t.Errorf("%v: again at %v, %t; can submit: %t", method, at, waiting, w.l.CanSubmit())
		}
		w.k.now += 10 * time.Millisecond
		for range 3 {
			w.iterate()
		}
		if !tr.Ready() {
			t.Errorf("%v: not tried again", method)
		}
	}
}

func TestRetryAt(t *testing.T) {
	const soon, later = 5 * time.Millisecond, 7 * time.Millisecond
	for _, c := range []struct {
		slot, thread        pause
		ready, direct, jobs bool // whether such reads wait
		want                time.Duration
		waiting             bool
	}{
		{},
		{slot: pause{true, soon}},
		{thread: pause{true, soon}},
		{slot: pause{true, soon}, jobs: true},
		{slot: pause{true, soon}, ready: true, want: soon, waiting: true},
		{slot: pause{true, soon}, direct: true, want: soon, waiting: true},
		{thread: pause{true, soon}, jobs: true, want: soon, waiting: true},
		{slot: pause{true, later}, thread: pause{true, soon}, ready: true, want: later, waiting: true},
		{slot: pause{true, later}, thread: pause{true, soon}, ready: true, jobs: true, want: soon, waiting: true},
		{slot: pause{true, soon}, thread: pause{true, later}, ready: true, jobs: true, want: soon, waiting: true},
	} {
		l := &Loader{slotPause: c.slot, threadPause: c.thread}
		if c.ready {
			l.ready.push(0)
		}
		if c.direct {
			l.direct.push(0)
		}
		if c.jobs {
			l.thread.push(0)
		}
		if at, waiting := l.RetryAt(); waiting != c.waiting || waiting && at != c.want {
			t.Errorf("%+v: %v, %t", c, at, waiting)
		}
	}
}
