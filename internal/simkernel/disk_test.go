package simkernel

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/kernel"
)

const (
	eio    = -int64(syscall.EIO)
	einval = -int64(syscall.EINVAL)
)

func TestSendfile(t *testing.T) {
	w := newWorld(t, nil)
	file := w.tree.Add("a", 10000)
	f := w.open("a")
	p, fd := w.connect(Plan{})
	w.want(w.do(w.sendfileOp(fd, f.FD, 100, 5000), w.sendfileOp(fd, f.FD, 9990, 100), w.sendfileOp(fd, f.FD, 10000, 1)), 5000, 10, 0)
	w.Resize(file, 50)
	w.want(w.do(w.sendfileOp(fd, f.FD, 100, 1)), 0)
	w.sleep(time.Millisecond)
	want := make([]byte, 5010)
	file.Fill(100, want[:5000])
	file.Fill(9990, want[5000:])
	if !bytes.Equal(p.Received, want) {
		t.Error("other bytes arrived than were sent")
	}
	w.do(w.op(kernel.OpClose, fd), w.op(kernel.OpClose, f.FD))
	w.finish()
}

func TestSendfileOfAbsentPagesIsAStall(t *testing.T) {
	w := newWorld(t, nil)
	file := w.tree.Add("a", 20000)
	f := w.open("a")
	_, fd := w.connect(Plan{})
	file.drop(8192, 1)
	probe := w.residentOp(f.FD, 100, 19900)
	chained := w.sendfileOp(fd, f.FD, 0, 20000)
	chained.Flags = kernel.Link
	w.want(w.do(probe, chained), 8092, ecanceled)
	w.want(w.do(w.sendfileOp(fd, f.FD, 0, 8192)), 8192) // these pages are there
	w.want(w.do(w.sendfileOp(fd, f.FD, 8192, 10)), 10)
	w.want(w.do(w.residentOp(f.FD, 0, 20000), w.residentOp(f.FD, 19999, 500)), 20000, 500)
	w.do(w.op(kernel.OpClose, fd), w.op(kernel.OpClose, f.FD))
	w.expected = []string{"sleeps on a disk"}
	w.finish()
}

func TestProbe(t *testing.T) {
	w := newWorld(t, nil)
	file := w.tree.Add("a", 20000)
	f := w.open("a")
	for _, step := range []struct {
		drop int64
		want kernel.Residency
	}{{-1, kernel.ResidencyFull}, {4096, kernel.ResidencyPart}, {0, kernel.ResidencyNone}} {
		switch step.drop {
		case -1:
		case 0:
			w.Evict(file)
		default:
			file.drop(step.drop, 1)
		}
		if got := w.Probe(f.FD, 0, 20000); got != step.want {
			t.Errorf("residency %d, want %d", got, step.want)
		}
	}
	w.do(w.op(kernel.OpClose, f.FD))
	w.finish()
}

func TestNames(t *testing.T) {
	w := newWorld(t, nil)
	w.tree.Add("a", 1)
	w.tree.Add("secret", 1)
	w.tree.Deny("secret")
	w.tree.AddSpecial("directory")
	var f kernel.Opened
	for name, want := range map[string]kernel.Class{"a": kernel.Done, "secret": kernel.Denied, "directory": kernel.Absent} {
		if c := w.Open(w.tree.Root(), []byte(name), &f); c != want {
			t.Errorf("open %q: %v, want %v", name, c, want)
		}
	}
	var info kernel.Info
	if c := w.Stat(w.tree.Root(), []byte("a"), &info); c != kernel.Done || !info.Same(&f.Info) {
		t.Errorf("stat: %v, %+v", c, info)
	}
	w.tree.Add("a", 2)
	if c := w.Stat(w.tree.Root(), []byte("a"), &info); c != kernel.Done || info.Same(&f.Info) {
		t.Error("another file in its place is taken for the same")
	}
	w.do(w.op(kernel.OpClose, f.FD))
	w.finish()
}

func TestColdNamesAreForWorkers(t *testing.T) {
	w := newWorld(t, func(p *Profile) { p.Cold = 1 })
	w.tree.Add("a", 1)
	var f kernel.Opened
	if c := w.Open(w.tree.Root(), []byte("a"), &f); c != kernel.Again {
		t.Fatalf("open: %v", c)
	}
	job := kernel.Job{Kind: kernel.JobLookUp, Names: []kernel.LookupName{{Root: w.tree.Root(), Name: []byte("a")}}}
	if !w.Ask(&job) {
		t.Fatal("no worker thread")
	}
	w.waitFor(kernel.TokenJobs)
	list := make([]*kernel.Job, 4)
	if n := w.FinishedJobs(list); n != 1 || list[0] != &job || job.Names[0].Class != kernel.Done {
		t.Fatalf("%d responses, %v", n, job.Names[0].Class)
	}
	if c := w.Open(w.tree.Root(), []byte("a"), &f); c != kernel.Done {
		t.Errorf("open after the worker thread's: %v", c)
	}
	w.do(w.op(kernel.OpClose, f.FD), w.op(kernel.OpClose, job.Names[0].File.FD))
	w.finish()
}

// TestFailuresOfOneNameInALookUp has a descriptor missing, and a disk failing, at single names of a job.
func TestFailuresOfOneNameInALookUp(t *testing.T) {
	w := newWorld(t, func(p *Profile) { p.Cold = 1 })
	w.tree.Add("a", 1)
	w.tree.Add("a.br", 1)
	w.tree.Add("a.gz", 1)
	w.tree.FailOpen("a.zst", kernel.Fault)
	w.tree.FailOpen("a.br", kernel.Exhausted)
	job := kernel.Job{Kind: kernel.JobLookUp}
	for _, name := range []string{"none", "a", "a.zst", "a.br", "a.gz"} {
		job.Names = append(job.Names, kernel.LookupName{Root: w.tree.Root(), Name: []byte(name), Sibling: strings.HasPrefix(name, "a.")})
	}
	for _, want := range [][]kernel.Class{
		{kernel.Absent, kernel.Done, kernel.Fault, kernel.Exhausted, kernel.Canceled},
		{kernel.Absent, kernel.Done, kernel.Absent, kernel.Done, kernel.Done},
	} {
		if !w.Ask(&job) {
			t.Fatal("no worker thread")
		}
		w.waitFor(kernel.TokenJobs)
		w.FinishedJobs(make([]*kernel.Job, 1))
		for i := range job.Names {
			if n := &job.Names[i]; n.Class != want[i] {
				t.Errorf("%q: %v, want %v", n.Name, n.Class, want[i])
			}
		}
		for _, fd := range job.AppendOpened(nil) {
			w.do(w.op(kernel.OpClose, fd))
		}
	}
	w.finish()
}

// waitFor waits until one of the kernel's own events is reported.
func (w *world) waitFor(token uint64) {
	w.t.Helper()
	for range 1000 {
		events, err := w.Wait(nil, time.Second)
		if err != nil {
			w.t.Fatal(err)
		}
		for i := range events {
			if kernel.Token(&events[i]) == token {
				return
			}
		}
	}
	w.t.Fatalf("no event with token %#x", token)
}

// reap waits for so many reads and returns their results by token.
func (w *world) reap(n int) map[uint64]int64 {
	w.t.Helper()
	results := map[uint64]int64{}
	done := make([]kernel.ReadDone, 8)
	for len(results) < n {
		w.waitFor(kernel.TokenReads)
		for _, d := range done[:w.Reap(done)] {
			results[d.Token] = d.Result
		}
	}
	return results
}

func TestReads(t *testing.T) {
	w := newWorld(t, nil)
	file := w.tree.Add("a", 10000)
	f := w.open("a")
	direct, c := w.Direct(f.FD)
	if c != kernel.Done {
		t.Fatal(c)
	}
	file.drop(8192, 1)
	part := func(i int, n int) []byte { return w.mem[i*16384 : i*16384+n] }
	reads := []kernel.Read{
		{FD: f.FD, NoWait: true, Buf: part(0, 4096), Token: 0},
		{FD: f.FD, NoWait: true, Buf: part(1, 10000), Token: 1},
		{FD: f.FD, NoWait: true, Offset: 8192, Buf: part(2, 10), Token: 2},
		{FD: direct, Offset: 8192, Buf: part(3, 4096), Token: 3},
		{FD: direct, Offset: 12288, Buf: part(4, 4096), Token: 4},
	}
	if n, c := w.Submit(reads); n != 5 || c != kernel.Done {
		t.Fatalf("submit: %d, %v", n, c)
	}
	if w.mem[3*16384] != poison {
		t.Error("a buffer is filled before its read completes")
	}
	results := w.reap(5)
	for token, want := range []int64{4096, 8192, eagain, 10000 - 8192, 0} {
		if results[uint64(token)] != want {
			t.Errorf("read %d: %s, want %s", token, result(results[uint64(token)]), result(want))
		}
	}
	want := make([]byte, 10000-8192)
	file.Fill(8192, want)
	if !bytes.Equal(part(3, len(want)), want) {
		t.Error("a read brought other bytes")
	}
	w.do(w.op(kernel.OpClose, f.FD), w.op(kernel.OpClose, direct))
	w.finish()
}

func TestReadsThatMustNotBe(t *testing.T) {
	w := newWorld(t, nil)
	w.tree.Add("a", 100000)
	f := w.open("a")
	direct, _ := w.Direct(f.FD)
	_, fd := w.connect(Plan{})
	w.Submit([]kernel.Read{{FD: f.FD, Buf: w.mem[:4096], Token: 0}})
	w.Submit([]kernel.Read{{FD: direct, Buf: w.mem[8192:8292], Token: 1}})
	w.Submit([]kernel.Read{{FD: direct, Buf: w.mem[12289 : 12289+4096], Token: 2}})
	w.Submit([]kernel.Read{{FD: direct, Offset: 100, Buf: w.mem[20480 : 20480+4096], Token: 3}})
	w.Submit([]kernel.Read{{FD: direct, Buf: w.mem[32768 : 32768+4096], Token: 4}})
	w.Submit([]kernel.Read{{FD: direct, Buf: w.mem[32768+512 : 32768+512+4096], Token: 5}})
	w.do(w.withBuf(w.op(kernel.OpSend, fd), w.mem[32768:32769]))
	w.Submit([]kernel.Read{{FD: direct, Buf: make([]byte, 4096), Token: 6}})
	results := w.reap(7)
	for token := 1; token <= 3; token++ {
		if results[uint64(token)] != einval {
			t.Errorf("unaligned read %d: %s", token, result(results[uint64(token)]))
		}
	}
	w.do(w.op(kernel.OpClose, f.FD), w.op(kernel.OpClose, direct), w.op(kernel.OpClose, fd))
	w.expected = []string{
		"may wait", "not aligned", "not aligned", "not aligned",
		"read with a buffer that a read is filling", "send with a buffer that a read is filling", "not from Map",
	}
	w.finish()
}

func TestSlotsRunOut(t *testing.T) {
	w := newWorld(t, nil)
	w.cfg.ReadsMax = 2
	w.tree.Add("a", 100000)
	f := w.open("a")
	var reads []kernel.Read
	for i := range 3 {
		reads = append(reads, kernel.Read{FD: f.FD, NoWait: true, Buf: w.mem[i*4096 : (i+1)*4096], Token: uint64(i)})
	}
	if n, c := w.Submit(reads); n != 2 || c != kernel.Again {
		t.Errorf("submit: %d, %v", n, c)
	}
	w.expected = []string{"2 reads in flight"}
	w.do(w.op(kernel.OpClose, f.FD))
	w.finish()
}

func TestReapClearsTheEventLikeAnEventfd(t *testing.T) {
	w := newWorld(t, nil)
	w.tree.Add("a", 100000)
	f := w.open("a")
	for i := range 3 {
		w.Submit([]kernel.Read{{FD: f.FD, NoWait: true, Buf: w.mem[i*4096 : (i+1)*4096]}})
	}
	w.sleep(time.Second)
	if n := w.Reap(make([]kernel.ReadDone, 2)); n != 2 {
		t.Fatalf("reaped %d", n)
	}
	if events, _ := w.Wait(nil, 0); len(events) != 0 {
		t.Error("what Reap has left behind is reported")
	}
	if n := w.Reap(make([]kernel.ReadDone, 2)); n != 1 {
		t.Errorf("reaped %d", n)
	}
	w.do(w.op(kernel.OpClose, f.FD))
	w.finish()
}

func TestBrokenDisk(t *testing.T) {
	w := newWorld(t, nil)
	file := w.tree.Add("a", 100000)
	f := w.open("a")
	direct, _ := w.Direct(f.FD)
	w.Break(file, 8192, 12288)
	w.Submit([]kernel.Read{{FD: direct, Buf: w.mem[:16384], Token: 0}, {FD: direct, Offset: 8192, Buf: w.mem[16384:32768], Token: 1}})
	if results := w.reap(2); results[0] != 8192 || results[1] != eio {
		t.Errorf("results %v", results)
	}
	if file.Faulted == 0 {
		t.Error("the file does not know what happened to it")
	}
	w.do(w.op(kernel.OpClose, f.FD), w.op(kernel.OpClose, direct))
	w.finish()
}

func TestWorkerThreads(t *testing.T) {
	w := newWorld(t, nil)
	file := w.tree.Add("a", 100000)
	w.Evict(file)
	f := w.open("a")
	called := false
	jobs := []*kernel.Job{
		{Kind: kernel.JobPrefetch, FD: f.FD, Offset: 0, Len: 50000},
		{Kind: kernel.JobRead, FD: f.FD, Offset: 90000, Buf: w.mem[:20000]},
		{Kind: kernel.JobFunc, Func: func() { called = true }},
	}
	for _, j := range jobs {
		if !w.Ask(j) {
			t.Fatal("no worker thread")
		}
	}
	for got := 0; got < len(jobs); {
		w.waitFor(kernel.TokenJobs)
		got += w.FinishedJobs(make([]*kernel.Job, 2))
	}
	if jobs[0].Class != kernel.Done || jobs[0].Result != 50000 || file.inMemory(0, 50000) != 50000 {
		t.Errorf("prefetch: %v, %d", jobs[0].Class, jobs[0].Result)
	}
	if jobs[1].Class != kernel.Done || jobs[1].Result != 10000 {
		t.Errorf("read: %v, %d", jobs[1].Class, jobs[1].Result)
	}
	if !called {
		t.Error("the function was not called")
	}
	closing := &kernel.Job{Kind: kernel.JobClose, FD: f.FD}
	w.Ask(closing)
	w.waitFor(kernel.TokenJobs)
	w.FinishedJobs(make([]*kernel.Job, 1))
	w.finish()
}

func TestClosingUnderAWorkerIsFound(t *testing.T) {
	w := newWorld(t, nil)
	w.tree.Add("a", 100000)
	f := w.open("a")
	w.Ask(&kernel.Job{Kind: kernel.JobPrefetch, FD: f.FD, Len: 10})
	w.do(w.op(kernel.OpClose, f.FD))
	w.expected = []string{"closed while a worker thread works with it"}
	w.finish()
}

func TestWake(t *testing.T) {
	w := newWorld(t, nil)
	w.After(time.Millisecond, w.Wake)
	w.waitFor(kernel.TokenJobs)
	if n := w.FinishedJobs(nil); n != 0 {
		t.Errorf("%d responses", n)
	}
	if events, _ := w.Wait(nil, 0); len(events) != 0 {
		t.Error("a wake-up that was seen is reported again")
	}
	w.finish()
}

func TestOutOfOrderCompletion(t *testing.T) {
	w := newWorld(t, nil)
	w.tree.Add("a", 1<<20)
	f := w.open("a")
	direct, _ := w.Direct(f.FD)
	swapped := false
	for range 20 {
		var reads []kernel.Read
		for i := range 8 {
			reads = append(reads, kernel.Read{FD: direct, Buf: w.mem[i*4096 : (i+1)*4096], Token: uint64(i)})
		}
		w.Submit(reads)
		w.sleep(time.Second)
		done := make([]kernel.ReadDone, 8)
		if n := w.Reap(done); n != 8 {
			t.Fatalf("reaped %d", n)
		}
		for i := range done {
			swapped = swapped || done[i].Token != uint64(i)
		}
	}
	if !swapped {
		t.Error("reads always complete in order")
	}
	w.do(w.op(kernel.OpClose, f.FD), w.op(kernel.OpClose, direct))
	w.finish()
}
