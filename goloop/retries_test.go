package goloop

import (
	"slices"
	"testing"
	"time"
)

func TestRetries(t *testing.T) {
	var r retries
	const now = time.Hour
	if r.take(now) != nil || r.dueAt() != never {
		t.Error("something is asked for again, and nothing was refused")
	}
	r.add(1, now)
	r.add(2, now+5*time.Millisecond)
	if at := r.dueAt(); at != now+retryAfter {
		t.Errorf("due at %v, want a moment after the first", at-now)
	}
	if got := r.take(now + retryAfter - 1); got != nil {
		t.Errorf("%v ask again too early", got)
	}
	taken := r.take(now + retryAfter)
	for _, slot := range taken {
		r.add(slot+10, now+retryAfter) // refused again
	}
	if !slices.Equal(taken, []int32{1, 2}) {
		t.Errorf("%v ask again, want both", taken)
	}
	if got := r.take(now + retryAfter); got != nil || r.dueAt() != now+2*retryAfter {
		t.Errorf("%v ask again at once; due at %v", got, r.dueAt()-now)
	}
	if got := r.take(now + time.Second); !slices.Equal(got, []int32{11, 12}) || r.dueAt() != never {
		t.Errorf("%v ask again", got)
	}
}
