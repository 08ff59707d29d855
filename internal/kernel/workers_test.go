package kernel

import (
	"testing"
	"time"
)

// newTestWorkers returns worker threads that a test ends.
func newTestWorkers(t *testing.T, most int) *workerThreads {
	t.Helper()
	h, err := newWorkerThreads(most, 1, 64)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestJobsDoNotWaitForEachOther asks for a quick job directly behind one that hangs, while a thread is idle: the quick one
// must not be left to the thread that has been woken up for the other.
func TestJobsDoNotWaitForEachOther(t *testing.T) {
	for round := range 200 {
		h := newTestWorkers(t, 4)
		// Two threads, both idle.
		both := make(chan struct{}, 2)
		hold := make(chan struct{})
		for range 2 {
			h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() { both <- struct{}{}; <-hold }})
		}
		<-both
		<-both
		close(hold)
		hang, done := make(chan struct{}), make(chan struct{})
		h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() { <-hang }})
		h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() { close(done) }})
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: a quick job waits for one that hangs, though there may be more threads", round)
		}
		close(hang)
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestComputingKeepsNobodyWaiting has more jobs that compute, or make content, than there are threads for them: jobs that wait for
// a disk go on beside them.
func TestComputingKeepsNobodyWaiting(t *testing.T) {
	h := newTestWorkers(t, 1)
	release, done := make(chan struct{}), make(chan struct{})
	for range 8 {
		for _, kind := range []JobKind{JobCompute, JobGenerate} {
			if !h.ask(&Job{Kind: kind, Class: Done, Func: func() { <-release }}) {
				t.Fatal("a job was refused")
			}
		}
	}
	h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() { close(done) }})
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("a job that waits for a disk waits for those that compute")
	}
	close(release)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if h.pools[poolCompute][0].started != 1 {
		t.Errorf("%d threads compute", h.pools[poolCompute][0].started)
	}
	if h.pools[poolGenerate][0].started != generateThreadsMax {
		t.Errorf("%d threads make content", h.pools[poolGenerate][0].started)
	}
}

// TestQueueIsBounded sees jobs be refused when as many wait as may.
func TestQueueIsBounded(t *testing.T) {
	h, err := newWorkerThreads(1, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	release, began := make(chan struct{}), make(chan struct{})
	h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() { close(began); <-release }})
	<-began
	for i, want := range []bool{true, true, false} {
		if got := h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() {}}); got != want {
			t.Errorf("job %d: %v", i, got)
		}
	}
	close(release)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if len(h.finished) != 3 {
		t.Errorf("%d jobs were done", len(h.finished))
	}
}

// TestRemoteJobsHaveTheirThreads lets more jobs hang that are Remote than there are threads: others are done, of each kind.
func TestRemoteJobsHaveTheirThreads(t *testing.T) {
	h := newTestWorkers(t, 2)
	release := make(chan struct{})
	kinds := []JobKind{JobFunc, JobCompress, JobGenerate}
	for _, kind := range kinds {
		for range 8 {
			if !h.ask(&Job{Kind: kind, Remote: true, Class: Absent, Func: func() { <-release }}) {
				t.Fatal("a job was refused")
			}
		}
	}
	done := make(chan struct{}, len(kinds))
	for _, kind := range kinds {
		h.ask(&Job{Kind: kind, Class: Absent, Func: func() { done <- struct{}{} }})
	}
	for range kinds {
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("a job waits for those that are Remote")
		}
	}
	close(release)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// TestEveryFinishedJobWakesUp asks for handshakes and jobs that wait, some at a time, and waits for events alone: none is left finished
// without one.
func TestEveryFinishedJobWakesUp(t *testing.T) {
	k, _, err := NewLinux(Config{EventsMax: 8, WorkersMax: 2, JobsMax: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	list := make([]*Job, 3) // fewer than there may be at once
	for round := range 500 {
		asked, got := 1+round%20, 0
		for i := range asked {
			kind := JobHandshake
			if (round+i)%5 == 0 {
				kind = JobFunc
			}
			if !k.Ask(&Job{Kind: kind, Class: Absent, Func: func() {}}) {
				t.Fatal("a job was refused")
			}
		}
		for end := time.Now().Add(20 * time.Second); got < asked; {
			events, err := k.Wait(nil, 20*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 { // or a signal came
				if time.Now().After(end) {
					t.Fatalf("round %d: %d of %d jobs are finished, and no event comes", round, got, asked)
				}
				continue
			}
			for n := len(list); n == len(list); got += n {
				n = k.FinishedJobs(list)
			}
		}
	}
}
