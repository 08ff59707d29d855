package supervisor

import (
	"errors"
	"time"
)

// worker is a process that serves, or is about to, or drains.
type worker struct {
	Process
	pid          int
	serves       bool          // it has come to serve
	tooLate      bool          // it did not come to serve in time
	began        time.Time     // when it came to serve
	drainTimeout time.Duration // how long it may take to end; valid once it serves
	heart        heartbeat
	timers       []*time.Timer
	err          error // how it ended; valid once its end has been reported
}

// event is something that a worker does, or that is due with it.
type event struct {
	w      *worker
	what   happening
	report Report // with serves

	rebind    Rebind           // with reread
	rereading <-chan time.Time // with reread: Supervisor.rereading as it was then
}

type happening int

const (
	nowServes happening = iota
	ended
	isSlow  // it has been starting for a while
	isLate  // it may take no longer to serve
	endsNow // it may take no longer to end
	reread  // the configuration has been read; there is no worker
	retires // it is time to look at the removed addresses
)

// follow sends what a worker does to a channel, until it has ended.
func (w *worker) follow(events chan<- event) {
	if report, ok := w.Ready(); ok {
		events <- event{w: w, what: nowServes, report: report}
	}
	w.err = w.Wait()
	events <- event{w: w, what: ended}
}

// after sends an event after a while, unless the timers are stopped before.
func (w *worker) after(d time.Duration, what happening, events chan<- event) {
	w.timers = append(w.timers, time.AfterFunc(d, func() { events <- event{w: w, what: what} }))
}

func (w *worker) stopTimers() {
	for _, t := range w.timers {
		t.Stop()
	}
}

// howEnded says how a worker has ended.
func (w *worker) howEnded() string {
	if w.err == nil {
		return "exit status 0"
	}
	return w.err.Error()
}

// exitStatus returns the status that a worker has ended with, or -1 if a signal has ended it.
func (w *worker) exitStatus() int {
	var exit interface {
		error
		ExitCode() int
	}
	switch {
	case w.err == nil:
		return 0
	case errors.As(w.err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}
