package loader

import (
	"syscall"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/stats"
)

const (
	eagain    = -int64(syscall.EAGAIN)
	eio       = -int64(syscall.EIO)
	einval    = -int64(syscall.EINVAL)
	enotsup   = -int64(syscall.EOPNOTSUPP)
	fakeFD    = 10
	fakeOther = 20  // of the second file
	directFD  = 100 // beyond the descriptor that it is of
)

// fakeKernel is a kernel that does as it is asked, at once, and remembers it. The test changes its fields, and its
// time.
type fakeKernel struct {
	kernel.Kernel // nil: what the loader does not call
	now           time.Duration
	slots         int
	residency     kernel.Residency
	direct        kernel.Class                // what Direct returns
	results       func(fakeRead) int64        // of reads; nil: all bytes
	accept        func(fakeRead) kernel.Class // what Submit says about a read; nil: Done
	hold          func(fakeRead) bool         // reads that do not complete until it is changed; nil: none
	askRefused    bool
	populateHeld  bool // jobs that bring memory stay where they are

	reads    []fakeRead // all that were submitted or asked for, in order, if they are recorded
	recorded bool
	inFlight []fakeRead
	jobs     []*kernel.Job
	probes   int
	submits  int
}

// fakeRead is a read as the loader asked for it.
type fakeRead struct {
	fd     int32
	method stats.ReadMethod
	offset int64
	bytes  int
	token  uint64
}

func (k *fakeKernel) Now() time.Duration            { return k.now }
func (k *fakeKernel) Clock() time.Duration          { return k.now }
func (k *fakeKernel) Slots() int                    { return k.slots }
func (k *fakeKernel) Map(bytes int) ([]byte, error) { return make([]byte, bytes), nil }

func (k *fakeKernel) Probe(_ int32, _, _ int64) kernel.Residency {
	k.probes++
	return k.residency
}

func (k *fakeKernel) Direct(fd int32) (int32, kernel.Class) { return fd + directFD, k.direct }

func (k *fakeKernel) Submit(reads []kernel.Read) (int, kernel.Class) {
	k.submits++
	for n, r := range reads {
		read := fakeRead{fd: r.FD, method: stats.ReadDirect, offset: r.Offset, bytes: len(r.Buf), token: r.Token}
		if r.NoWait {
			read.method = stats.ReadNoWait
		}
		if len(k.inFlight) == k.slots {
			return n, kernel.Again
		}
		if k.accept != nil {
			if class := k.accept(read); class != kernel.Done {
				return n, class
			}
		}
		k.inFlight = append(k.inFlight, read)
		k.record(read)
	}
	return len(reads), kernel.Done
}

func (k *fakeKernel) record(r fakeRead) {
	if k.recorded {
		k.reads = append(k.reads, r)
	}
}

func (k *fakeKernel) Reap(done []kernel.ReadDone) int {
	n := 0
	left := k.inFlight[:0]
	for i := range k.inFlight {
		r := k.inFlight[i]
		if n == len(done) || k.hold != nil && k.hold(r) {
			left = append(left, r)
			continue
		}
		done[n] = kernel.ReadDone{Token: r.token, Result: k.result(r)}
		n++
	}
	k.inFlight = left
	return n
}

func (k *fakeKernel) result(r fakeRead) int64 {
	if k.results == nil {
		return int64(r.bytes)
	}
	return k.results(r)
}

func (k *fakeKernel) Ask(j *kernel.Job) bool {
	if k.askRefused {
		return false
	}
	k.jobs = append(k.jobs, j)
	return true
}

// fakeWorld is a loader on a fakeKernel, with a file, and what the loader has said.
type fakeWorld struct {
	k       *fakeKernel
	l       *Loader
	counts  stats.Counters
	file    *docroot.File
	other   *docroot.File
	loaded  []*Transfer
	failed  []bool
	gone    []*Transfer // that have returned
	blocked map[*Transfer]bool
	closing []docroot.Descriptor
	spare   []*kernel.Job
}

const fakeBuffer = 4096

func newFake(t testing.TB, change func(*Config)) *fakeWorld {
	t.Helper()
	w := &fakeWorld{
		k:       &fakeKernel{slots: 16, residency: kernel.ResidencyFull, recorded: true},
		blocked: map[*Transfer]bool{},
	}
	cfg := Config{
		BufferBytes: fakeBuffer, WindowBytes: 4 * fakeBuffer, PoolBytes: 32 * fakeBuffer,
		ReadsPerTransferMax: 8, SubmitsMax: 16, StallTimeout: time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.l, err = New(w.k, cfg, docroot.NewCache(docroot.Limits{FilesMax: 10}), &w.counts, w); err != nil {
		t.Fatal(err)
	}
	w.file, w.other = fakeFile(fakeFD), fakeFile(fakeOther)
	return w
}

func fakeFile(fd int32) *docroot.File {
	opened := &kernel.Opened{FD: fd, MemAlign: 512, FileAlign: 512, Info: kernel.Info{Size: 1 << 20}}
	return docroot.NewFile(&docroot.Mount{Kind: docroot.Dynamic}, "file", kernel.Done, opened)
}

// grow brings memory for all of the pool.
func (w *fakeWorld) grow() {
	for p := &w.l.pool; p.grown < len(p.buffers); p.grown++ {
		p.free = append(p.free, int32(p.grown))
		p.available++
	}
}

// start loads so many whole buffers of a file, and gives the pool memory before.
func (w *fakeWorld) start(f *docroot.File, chunks int64) *Transfer {
	w.grow()
	return w.l.Start(f, 0, chunks*fakeBuffer, 0)
}

// iterate lets the loader do what it does in an iteration.
func (w *fakeWorld) iterate() {
	w.jobs()
	w.l.Submit()
	w.l.Reap(false)
}

// jobs has the worker threads do their jobs.
func (w *fakeWorld) jobs() {
	list := w.k.jobs
	w.k.jobs, w.spare = w.spare[:0], list
	for _, j := range list {
		switch {
		case j.Kind == kernel.JobPopulate && w.k.populateHeld:
			w.k.jobs = append(w.k.jobs, j)
			continue
		case j.Kind == kernel.JobRead:
			r := fakeRead{fd: j.FD, method: stats.ReadThread, offset: j.Offset, bytes: len(j.Buf)}
			w.k.record(r)
			j.Result = w.k.result(r)
		}
		w.l.OnJob(j)
	}
}

// send sends so many chunks of a transfer.
func (w *fakeWorld) send(t *Transfer, chunks int) {
	for range chunks {
		t.Advance(int64(len(t.Chunk(0))))
	}
}

func (w *fakeWorld) Loaded(t *Transfer) { w.loaded = append(w.loaded, t) }

func (w *fakeWorld) Failed(t *Transfer, truncated bool) {
	w.failed = append(w.failed, truncated)
	t.Release()
}

func (w *fakeWorld) Returned(t *Transfer)     { w.gone = append(w.gone, t) }
func (w *fakeWorld) Blocked(t *Transfer) bool { return w.blocked[t] }

func (w *fakeWorld) CloseLater(list []docroot.Descriptor) { w.closing = append(w.closing, list...) }

func (w *fakeWorld) ReadSubmitted(*Transfer, int, int64, int) {}
func (w *fakeWorld) ReadReturned(*Transfer, int, int64)       {}
