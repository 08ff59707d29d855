package supervisor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"aws/internal/listeners"
	"aws/internal/logging"
	"aws/internal/systemd"
)

// Times that a worker may take to end.
const (
	drainSpare = 5 * time.Second // beyond its drain
	startSpare = 2 * time.Second // if it does not serve yet
	stuckSpare = 2 * time.Second // if it is stuck, to say where
)

// Options say what a supervisor works with.
type Options struct {
	// Start starts a worker process with duplicates of the sockets.
	Start     func(*listeners.Set) (Process, error)
	Listeners *listeners.Set // the supervisor's from New on
	// Reread reads the configuration when a reload begins, which may take long: a goroutine of its own calls it. It may be nil.
	Reread func() Rebind

	StartTimeout     time.Duration // how long a worker may take until it serves
	StartTimeoutFlag string        // by which StartTimeout is chosen, for messages
	Version          string        // of this program; a worker of another version is reported

	Notify         func(state string) // notifies the service manager of a state
	WatchdogPeriod time.Duration      // how often the service manager wants to be notified; 0 if it does not

	Report  *logging.Reporter
	StartUp *logging.StartUp // reports what is waited for until the first worker serves; may be nil
}

// Rebind returns the sockets that a configuration wants, or nil if they are the same. With an error nothing is reloaded.
type Rebind func(*listeners.Set) (*listeners.Change, error)

// Requests are what a supervisor is asked to do. Each kind has a channel of its own: many of one can't push out another, and
// of a kind that waits already another one is not needed. The values do not matter.
type Requests struct {
	End    <-chan os.Signal // let the worker drain, and end
	Reload <-chan os.Signal // replace the worker
	Reopen <-chan os.Signal // let the worker open its log again
}

// Supervisor keeps a worker running. All of it belongs to one goroutine.
type Supervisor struct {
	*Options

	events   chan event
	current  *worker   // serves; nil if there is none
	next     *worker   // is starting; nil if there is none
	draining []*worker // have been asked to end
	served   bool      // a worker has come to serve

	rereading   <-chan time.Time  // when reading the configuration is given up; nil if it is not being read
	change      *listeners.Change // the sockets of next, if they are others than the current ones
	retired     *retirement       // of removed addresses; nil if none are being closed
	reloadAgain bool              // another worker is wanted after the one that is starting, or after the retirement
	restarts    backoff
	restart     <-chan time.Time // when a worker is started again; nil if that is not due
	ending      bool
	failures    []error
}

// New returns a supervisor that has started nothing yet.
func New(o *Options) *Supervisor {
	return &Supervisor{Options: o, events: make(chan event, 16)}
}

// StartError is the error of a supervisor whose first worker did not come to serve.
type StartError struct {
	ExitStatus int // of the worker; -1 if it has none
	cause      error
}

// Error implements error.
func (e *StartError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.cause }

// Run keeps a worker running until the process is asked to end, or the first worker fails. All workers have ended, and the
// sockets are closed, when it returns. The error is a StartError, or says which worker did not end as it should.
func (s *Supervisor) Run(requests Requests) error {
	checks := time.NewTicker(checkEvery)
	defer checks.Stop()
	var watchdog <-chan time.Time
	if s.WatchdogPeriod > 0 {
		ticker := time.NewTicker(max(s.WatchdogPeriod/3, time.Millisecond))
		defer ticker.Stop()
		watchdog = ticker.C
	}
	s.startNext()
	for !s.done() {
		select {
		case <-requests.End:
			s.end()
		case <-requests.Reload:
			s.reload()
		case <-requests.Reopen:
			if s.current != nil {
				s.current.Signal(reopenSignal)
			}
		case e := <-s.events:
			s.onEvent(e)
		case <-s.restart:
			s.restart = nil
			s.startNext()
		case <-s.rereading:
			s.rereading = nil
			s.refuse(fmt.Errorf("the configuration could not be read within %v (%s)", s.StartTimeout, s.StartTimeoutFlag))
		case <-checks.C:
			s.checkHeartbeat()
		case <-watchdog:
			if s.current != nil && s.current.heart.alive() {
				s.Notify(systemd.Watchdog)
			}
		}
	}
	return errors.Join(append(s.failures, s.Listeners.Close(s.Report))...)
}

// done reports whether there is nothing left to supervise.
func (s *Supervisor) done() bool {
	return s.current == nil && s.next == nil && len(s.draining) == 0 && (s.ending || len(s.failures) > 0)
}

// onEvent deals with what a worker does, or what is due with it.
func (s *Supervisor) onEvent(e event) {
	w := e.w
	switch e.what {
	case nowServes:
		s.onServes(w, e.report)
	case ended:
		w.stopTimers()
		s.onEnded(w)
	case isSlow:
		if w == s.next && s.served {
			s.Report.Info(fmt.Sprintf("worker %d does not serve yet; it is given up after %v", w.pid, s.StartTimeout), "worker", w.pid)
		}
	case retires:
		s.retire()
	case reread:
		s.onReread(e)
	case isLate:
		if w == s.next {
			w.tooLate = true
			w.Signal(syscall.SIGKILL)
		}
	case endsNow:
		if slices.Contains(s.draining, w) {
			if w.serves {
				err := fmt.Errorf("worker %d has not ended %v after it was asked to, and is killed", w.pid, w.drainTimeout+drainSpare)
				s.Report.Error(err.Error(), "worker", w.pid)
			}
			w.Signal(syscall.SIGKILL)
		}
	}
}

// end lets all workers end. Nobody listens at the addresses any more once they have closed them, too.
func (s *Supervisor) end() {
	if s.ending {
		return
	}
	s.ending = true
	s.restart, s.rereading = nil, nil
	s.StartUp.Done()
	s.Notify(systemd.Stopping)
	if err := s.Listeners.Close(s.Report); err != nil {
		s.failures = append(s.failures, err)
	}
	if s.next != nil {
		s.Report.Info(fmt.Sprintf("worker %d does not serve yet: it is ended", s.next.pid), "worker", s.next.pid)
		s.next.Signal(drainSignal)
		s.next.after(startSpare, endsNow, s.events)
		s.draining = append(s.draining, s.next)
		s.next = nil
		s.abort()
	}
	if s.retired != nil {
		s.retired.timer.Stop()
		s.closeRetired()
		s.retired = nil
	}
	if s.current != nil {
		s.drain(s.current)
		s.current = nil
	}
}

// drain asks a worker to end.
func (s *Supervisor) drain(w *worker) {
	s.draining = append(s.draining, w)
	s.endWorker(w)
}

// endWorker asks a worker to end that is among those that drain.
func (s *Supervisor) endWorker(w *worker) {
	w.Signal(drainSignal)
	w.Signal(syscall.SIGCONT) // should it be stopped
	w.after(w.drainTimeout+drainSpare, endsNow, s.events)
}

// checkHeartbeat finds out whether the worker's loops iterate. One whose loops do not is ended, and so replaced; if systemd
// watches, it is notified no more, and does what the unit says.
func (s *Supervisor) checkHeartbeat() {
	w := s.current
	if w == nil {
		return
	}
	beats, sent := w.Heartbeats()
	if !sent {
		return
	}
	found := w.heart.check(beats)
	silence := w.heart.silence()
	switch found {
	case unchanged:
	case resumed:
		s.Report.Info(fmt.Sprintf("worker %d: its loops iterate again", w.pid), "worker", w.pid)
	case silent:
		s.Report.Warn(fmt.Sprintf("worker %d: its loops have not turned for %v", w.pid, silence), "worker", w.pid)
	case stuck:
		if s.WatchdogPeriod > 0 {
			s.Report.Error(fmt.Sprintf("worker %d: its loops have not turned for %v; systemd's watchdog is not notified any more", w.pid, silence), "worker", w.pid)
			return
		}
		s.Report.Error(fmt.Sprintf("worker %d: its loops have not turned for %v, and it is ended", w.pid, silence), "worker", w.pid)
		w.Signal(stacksSignal)
		time.AfterFunc(stuckSpare, func() { w.Signal(syscall.SIGKILL) })
	}
}
