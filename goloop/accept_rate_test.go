package goloop

import (
	"testing"
	"time"
)

func TestAcceptRate(t *testing.T) {
	var r acceptRate
	now := time.Second
	if !r.measure(now, 0) || r.perSecond != 0 {
		t.Errorf("%v connections per second before the first", r.perSecond)
	}
	for _, step := range []struct {
		passed   time.Duration
		accepted uint64 // in all
		measured bool
		want     float64 // per second
	}{
		{acceptRateEvery - 1, 100, false, 0},
		{1, 100, true, 2000},
		{acceptRateEvery / 2, 1000, false, 2000},
		{acceptRateEvery / 2, 150, true, 1000},
		{time.Second - acceptRateEvery, 245, true, 100}, // the loop has slept
		{time.Hour, 245, true, 0},
	} {
		now += step.passed
		measured := r.measure(now, step.accepted)
		if measured != step.measured || int(r.perSecond+0.5) != int(step.want) {
			t.Errorf("after %v: measured %v, %v per second, want %v, %v", now, measured, r.perSecond, step.measured, step.want)
		}
	}
	if at := r.dueAt(); at != now+acceptRateEvery {
		t.Errorf("due at %v, want %v", at, now+acceptRateEvery)
	}
}
