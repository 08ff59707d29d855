package supervisor

import (
	"testing"
	"time"
)

// TestBackoff sees the pauses grow up to a bound, and be forgotten.
func TestBackoff(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30} {
		b.served(pausesForgets - 1)
		if got := b.next(); got != want*time.Second {
			t.Errorf("pause %d is %v, want %v", i, got, want*time.Second)
		}
	}
	b.served(pausesForgets)
	if got := b.next(); got != 0 {
		t.Errorf("%v", got)
	}
}

// TestHeartbeat makes each finding once.
func TestHeartbeat(t *testing.T) {
	var h heartbeat
	beats := uint64(1)
	h.check(beats)
	for i := 1; i <= 20; i++ {
		want := unchanged
		switch i {
		case silentAfter:
			want = silent
		case stuckAfter:
			want = stuck
		}
		if got := h.check(beats); got != want {
			t.Errorf("check %d: %d, want %d", i, got, want)
		}
		if h.alive() != (i < silentAfter) || h.silence() != time.Duration(i)*checkEvery {
			t.Errorf("check %d: alive %v, silence %v", i, h.alive(), h.silence())
		}
	}
	if h.check(beats+1) != resumed || h.check(beats+2) != unchanged || !h.alive() {
		t.Error("heartbeats come again, and that is not found once")
	}
}
