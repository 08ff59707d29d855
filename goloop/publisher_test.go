package goloop

import (
	"testing"
	"time"

	"aws/internal/stats"
)

func TestPublisher(t *testing.T) {
	var p publisher
	if at := p.dueAt(); at != never {
		t.Errorf("due at %v although nothing has happened", at)
	}
	now := time.Second
	n := stats.Counters{Requests: 1, ByMount: [][stats.StatusSlots]uint64{{1}}}
	if !p.noteIteration(now) {
		t.Fatal("the first iteration is not published")
	}
	p.publish(now, &n)
	if at := p.dueAt(); at != never {
		t.Errorf("due at %v although all is published", at)
	}
	n.Requests, n.ByMount[0][0] = 2, 2
	now += publishEvery / 2
	if p.noteIteration(now) {
		t.Error("published again too early")
	}
	if got := p.latest(); got.Requests != 1 || got.ByMount[0][0] != 1 {
		t.Errorf("%d requests, %d of the mount, want those that were published", got.Requests, got.ByMount[0][0])
	}
	if at := p.dueAt(); at != time.Second+publishEvery {
		t.Errorf("due at %v", at)
	}
	now = p.dueAt()
	if !p.noteIteration(now) {
		t.Fatal("not published when it is due")
	}
	p.publish(now, &n)
	copied := p.latest()
	n.ByMount[0][0] = 3
	if got := p.latest(); got.Requests != 2 || got.ByMount[0][0] != 2 || copied.ByMount[0][0] != 2 {
		t.Errorf("%d requests, %d of the mount, want 2", got.Requests, got.ByMount[0][0])
	}
}
