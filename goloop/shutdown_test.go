package goloop

import (
	"testing"
	"time"
)

// TestShutdownSteps takes a shutdown through its times.
func TestShutdownSteps(t *testing.T) {
	const begin, idle, timeout = time.Hour, 500 * time.Millisecond, 10 * time.Second
	var s shutdown
	if s.isDue() || s.dueAt(begin) != never || s.idleIsOver(begin) || s.cutOff(begin) || s.abandons(begin) {
		t.Fatal("a loop that nobody has shut down ends")
	}
	s.requested.Store(true)
	if !s.isDue() {
		t.Fatal("it was requested, and is not due")
	}
	s.begin(begin, idle, timeout)
	if s.isDue() || !s.draining {
		t.Fatal("it is to begin twice")
	}
	for _, test := range []struct {
		after, due     time.Duration
		idleOver, cuts bool
	}{
		{0, idle, false, false},
		{idle - 1, idle + drainLook - 1, false, false},
		{idle, idle + drainLook, true, false},
		{timeout - 1, timeout, true, false},
		{timeout, timeout + abandonAfter, true, true},
		{timeout + 1, timeout + abandonAfter, true, false},
	} {
		now := begin + test.after
		idleOver, cuts := s.idleIsOver(now), s.cutOff(now)
		if idleOver != test.idleOver || cuts != test.cuts {
			t.Errorf("after %v: closes idle connections: %v, all: %v", test.after, idleOver, cuts)
		}
		if due := s.dueAt(now); due != begin+test.due {
			t.Errorf("after %v: due after %v, want %v", test.after, due-begin, test.due)
		}
		if s.isCutOff() != (test.after >= timeout) {
			t.Errorf("after %v: cut off: %v", test.after, s.isCutOff())
		}
	}
	end := begin + timeout + abandonAfter
	if s.abandons(end-1) || !s.abandons(end) {
		t.Error("what is left is abandoned at another time")
	}
}

func TestLeftReport(t *testing.T) {
	var r leftReport
	if _, reported := r.latest(); reported {
		t.Error("reported before anything was")
	}
	want := Left{Conns: 6, Sending: 1, Disk: 2, Heads: 3, Idle: 4, Reads: 5}
	r.set(want)
	got, reported := r.latest()
	if !reported || got != want {
		t.Errorf("%+v, %v", got, reported)
	}
	got.add(want)
	if got != (Left{Conns: 12, Sending: 2, Disk: 4, Heads: 6, Idle: 8, Reads: 10}) {
		t.Errorf("%+v is not twice as much", got)
	}
}
