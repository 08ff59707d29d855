package goloop

import (
	"time"

	"aws/internal/kernel"
)

// statsClock is the time for counters and records. The clock is read again after each cgo call only if somebody reads them:
// otherwise the time of the iteration is good enough.
type statsClock struct {
	precise bool
	now     time.Duration // of the latest cgo call if precise, else of the iteration
}

// begin takes the time of an iteration.
func (s *statsClock) begin(k kernel.Kernel) { s.now = k.Now() }

// refreshClock brings the time up to date after a cgo call, if somebody reads it.
func (s *statsClock) look(k kernel.Kernel) {
	if s.precise {
		s.now = k.Clock()
	}
}

// wall returns the wall-clock time.
func (s *statsClock) wall(k kernel.Kernel) time.Time {
	return time.Unix(0, k.WallNs()+int64(s.now-k.Now()))
}
