package logging

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Times of a start that takes long.
const (
	SlowStart      = time.Second // what lasts longer is reported
	slowStartAgain = 10 * time.Second
)

// StartUp reports what a process is doing that does not come to serve at once: a disk that does not
// respond, or a file that is a pipe, looks like nothing at all otherwise. The zero value, and nil, report
// nothing.
type StartUp struct {
	Name       string // begins each message
	mu         sync.Mutex
	log        *slog.Logger // as the reporter had it when doing was called, which is set up meanwhile
	began      time.Time
	what       string
	reported   string
	reportedAt time.Time
	timer      *time.Timer
}

// Begin begins a start.
func (s *StartUp) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = time.Now()
	s.timer = time.AfterFunc(SlowStart, s.look)
}

// Doing notes what is about to be done. It is called by the goroutine that sets up the reporter.
func (s *StartUp) Doing(report *Reporter, format string, args ...any) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.what = report.Logger, fmt.Sprintf(format, args...)
}

// look reports what is being done, if that has not been reported.
func (s *StartUp) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		return
	}
	now := time.Now()
	if s.what != "" && (s.what != s.reported || now.Sub(s.reportedAt) >= slowStartAgain) {
		took := now.Sub(s.began).Round(100 * time.Millisecond)
		s.log.Info(fmt.Sprintf("%sstill starting after %v: %s", s.Name, took, s.what), "doing", s.what, "seconds", took.Seconds())
		s.reported, s.reportedAt = s.what, now
	}
	s.timer.Reset(SlowStart)
}

// Done is called when the process serves, or gives up.
func (s *StartUp) Done() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
