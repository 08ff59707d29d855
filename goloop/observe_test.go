package goloop

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/loader"
	"aws/internal/response"
	"aws/internal/stats"
)

// TestPublished sees the counters of other goroutines catch up with a loop that has nothing more to do.
func TestPublished(t *testing.T) {
	s := newSite(t)
	srv := startDropIn(t, s, func(cfg *ServerConfig) { cfg.Loop.Publish = true })
	for _, path := range []string{"/dynamic/k", "/dynamic/k", "/dynamic/m", "/static/absent"} {
		conn, err := net.Dial("tcp", srv.Addrs()[0].TCP.String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	var n stats.Counters
	for end := time.Now().Add(time.Minute); n.Completed < 4; n = srv.Published()[0] {
		if time.Now().After(end) {
			t.Fatalf("%d of 4 responses are published", n.Completed)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n.Requests != 4 || n.BytesSent < 1<<20+2048 {
		t.Errorf("%d requests, %d bytes", n.Requests, n.BytesSent)
	}
	var dynamic, static int
	for _, m := range srv.Mounts() {
		if m.Kind == docroot.Dynamic {
			dynamic = m.Number
		} else {
			static = m.Number
		}
	}
	if got := n.ByMount[dynamic][stats.SlotOf(response.OK)]; got != 3 {
		t.Errorf("%d responses of the dynamic mount", got)
	}
	if got := n.ByMount[static][stats.SlotOf(response.NotFound)]; got != 1 {
		t.Errorf("%d responses 404 of the static mount", got)
	}
	if n.ReadsDone+n.ReadsFailed != n.ReadsNoWait+n.ReadsDirect+n.ReadsByThread || n.ReadsInFlight != 0 || n.ReadsDone < 3 {
		t.Errorf("reads: %d done, %d failed, %d in flight", n.ReadsDone, n.ReadsFailed, n.ReadsInFlight)
	}
	if n.Buffers == 0 || n.BuffersFree != n.Buffers {
		t.Errorf("%d of %d buffers are free", n.BuffersFree, n.Buffers)
	}
	if n.IterationTime.SumNs == 0 || n.OpsPerCgoCall.Sum < n.CgoCalls || n.Latency[connstate.PhaseTotal].SumNs == 0 {
		t.Error("no time, or no operation, was counted")
	}
}

// reapCounter is a kernel that has nothing to reap.
type reapCounter struct {
	kernel.Kernel
	reaped int
}

func (k *reapCounter) Reap([]kernel.ReadDone) int { k.reaped++; return 0 }
func (k *reapCounter) Map(n int) ([]byte, error)  { return make([]byte, n), nil }
func (k *reapCounter) Slots() int                 { return 1 }

// TestReadsReportedWithNoneInFlight is about a read that completes between the two steps of Reap: it is
// taken in, and reported all the same. Unless Reap is called once more the kernel keeps reporting, and the
// loop iterates without end.
func TestReadsReportedWithNoneInFlight(t *testing.T) {
	k := &reapCounter{}
	l := &Loop{k: k}
	cfg := DropInConfig()
	var err error
	if l.loader, err = loader.New(k, cfg.loader(false), nil, &l.counts, (*transferEvents)(l)); err != nil {
		t.Fatal(err)
	}
	l.onEvent(kernel.TokenReads, kernel.Readable)
	l.reap()
	l.reap()
	if k.reaped != 1 {
		t.Errorf("reaped %d times", k.reaped)
	}
}

// TestResponsesOfManyMounts sees each mount counted by itself, however many there are, and copies of the
// counters share nothing with the loop's own.
func TestResponsesOfManyMounts(t *testing.T) {
	l, other := &Loop{}, &Loop{}
	const mounts = 100
	for n := range mounts {
		for range n {
			l.record(&conn{}, &handler.Response{Status: response.OK, Mount: &docroot.Mount{Number: n + 1}}, nil, nil)
		}
	}
	other.record(&conn{}, &handler.Response{Status: response.NotFound}, nil, nil)
	sum := other.Counts()
	counts := l.Counts()
	sum.Add(&counts)
	sum.Add(&counts)
	l.record(&conn{}, &handler.Response{Status: response.OK, Mount: &docroot.Mount{Number: mounts}}, nil, nil)
	if sum.ByMount[0][stats.SlotOf(response.NotFound)] != 1 || len(other.counts.ByMount) != 1 {
		t.Errorf("%v", sum.ByMount[0])
	}
	for n := range mounts {
		if got := sum.ByMount[n+1][stats.SlotOf(response.OK)]; got != 2*uint64(n) {
			t.Errorf("mount %d: %d responses", n+1, got)
		}
	}
}
