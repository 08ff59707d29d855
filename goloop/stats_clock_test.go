package goloop

import (
	"testing"
	"time"

	"aws/internal/kernel"
)

// watch is a kernel's clocks: that of an iteration, and the one that goes on within it.
type watch struct {
	kernel.Kernel
	now, clock time.Duration
	wall       int64 // at now
}

func (w *watch) Now() time.Duration   { return w.now }
func (w *watch) Clock() time.Duration { return w.clock }
func (w *watch) WallNs() int64        { return w.wall }

func TestStatsClock(t *testing.T) {
	const now, passed = time.Hour, 3 * time.Millisecond
	for _, precise := range []bool{false, true} {
		k := &watch{now: now, clock: now + passed, wall: 1e18}
		s := statsClock{precise: precise}
		s.begin(k)
		if s.now != now || s.wall(k).UnixNano() != k.wall {
			t.Errorf("precise %v: an iteration begins at %v, %v", precise, s.now, s.wall(k))
		}
		want := time.Duration(0)
		if precise {
			want = passed
		}
		s.look(k)
		if s.now != now+want || s.wall(k).UnixNano() != k.wall+int64(want) {
			t.Errorf("precise %v: after a cgo call it is %v, %v, want %v later", precise, s.now, s.wall(k), want)
		}
	}
}
