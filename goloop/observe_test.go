package goloop

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/response"
)

func TestEveryStatusHasASlot(t *testing.T) {
	seen := map[int]response.Status{}
	for s := range response.Status(response.StatusCount) {
		if s.Reason() == "" {
			if SlotOf(s) != 0 {
				t.Errorf("%d has slot %d, but is never sent", s, SlotOf(s))
			}
			continue
		}
		slot := SlotOf(s)
		if o, twice := seen[slot]; slot == 0 || twice {
			t.Errorf("%d has slot %d, as has %d", s, slot, o)
		}
		seen[slot] = s
		if StatusOf(slot) != s {
			t.Errorf("slot %d stands for %d, not %d", slot, StatusOf(slot), s)
		}
	}
}

func TestSizes(t *testing.T) {
	var s Sizes
	for _, n := range []int{0, 1, 2, 3, 4, 1 << 20} {
		s.add(n)
	}
	want := [SizeBuckets]uint64{0: 1, 1: 1, 2: 2, 3: 1, SizeBuckets - 1: 1}
	if s.Buckets != want || s.Sum != 10+1<<20 {
		t.Errorf("%v, sum %d", s.Buckets, s.Sum)
	}
}

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
	var n Counts
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
	if got := n.ByMount[dynamic][SlotOf(response.OK)]; got != 3 {
		t.Errorf("%d responses of the dynamic mount", got)
	}
	if got := n.ByMount[static][SlotOf(response.NotFound)]; got != 1 {
		t.Errorf("%d responses 404 of the static mount", got)
	}
	if n.ReadsDone+n.ReadsFailed != n.ReadsNoWait+n.ReadsDirect+n.ReadsHelped || n.ReadsInFlight != 0 || n.ReadsDone < 3 {
		t.Errorf("reads: %d done, %d failed, %d in flight", n.ReadsDone, n.ReadsFailed, n.ReadsInFlight)
	}
	if n.Buffers == 0 || n.BuffersFree != n.Buffers {
		t.Errorf("%d of %d buffers are free", n.BuffersFree, n.Buffers)
	}
	if n.TurnTime.SumNs == 0 || n.OpsPerCgoCall.Sum < n.CgoCalls || n.Latency[phaseTotal].SumNs == 0 {
		t.Error("no time, or no operation, was counted")
	}
}

// reapCounter is a kernel that has nothing to reap.
type reapCounter struct {
	kernel.Kernel
	reaped int
}

func (k *reapCounter) Reap([]kernel.ReadDone) int { k.reaped++; return 0 }

// TestReadsReportedWithNoneInFlight is about a read that completes between the two steps of Reap: it is
// taken in, and reported all the same. Unless Reap is called once more the kernel keeps reporting, and the
// loop turns without end.
func TestReadsReportedWithNoneInFlight(t *testing.T) {
	k := &reapCounter{}
	l := &Loop{k: k, dones: make([]kernel.ReadDone, 1)}
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
			l.record(&Response{Status: response.OK, Mount: &docroot.Mount{Number: n + 1}}, nil, nil)
		}
	}
	other.record(&Response{Status: response.NotFound}, nil, nil)
	sum := other.Counts()
	counts := l.Counts()
	sum.Add(&counts)
	sum.Add(&counts)
	l.record(&Response{Status: response.OK, Mount: &docroot.Mount{Number: mounts}}, nil, nil)
	if sum.ByMount[0][SlotOf(response.NotFound)] != 1 || len(other.counts.ByMount) != 1 {
		t.Errorf("%v", sum.ByMount[0])
	}
	for n := range mounts {
		if got := sum.ByMount[n+1][SlotOf(response.OK)]; got != 2*uint64(n) {
			t.Errorf("mount %d: %d responses", n+1, got)
		}
	}
}
