package goloop

import (
	"testing"
	"time"

	"aws/internal/kernel"
)

// deferRecorder notes what it is asked about listeners, and is otherwise not a kernel at all.
type deferRecorder struct {
	kernel.Kernel
	calls []bool
}

func (d *deferRecorder) Defer(_ int32, on bool) { d.calls = append(d.calls, on) }

func TestDeferralFollowsTheLoad(t *testing.T) {
	k := &deferRecorder{}
	l := &Loop{k: k, listeners: []listener{{fd: 3}}}
	l.cfg.DeferAbove = 1000
	now := time.Second
	l.adjustDeferral(now)
	for _, step := range []struct {
		conns uint64 // in a tenth of a second
		want  bool
	}{{10, false}, {99, false}, {101, true}, {50, true}, {26, true}, {24, false}, {99, false}} {
		now += 100 * time.Millisecond
		l.counts.Accepted += step.conns
		l.adjustDeferral(now)
		if l.deferral.on != step.want {
			t.Errorf("%d connections in a tenth of a second: %v", step.conns, l.deferral.on)
		}
	}
	if len(k.calls) != 2 || !k.calls[0] || k.calls[1] {
		t.Errorf("asked the kernel %v", k.calls)
	}
	if _, ok := l.deferralEnds(); ok {
		t.Error("an idle loop wakes up for nothing")
	}
}
