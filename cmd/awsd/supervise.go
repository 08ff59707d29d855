package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"aws/internal/command"
	"aws/internal/listeners"
	"aws/internal/logging"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A supervised server is two processes: a supervisor, which binds the addresses and starts a worker,
// and the worker, which confines itself and serves. On SIGHUP and on SIGUSR2 the supervisor starts
// another worker, from the program and the configuration as they are then, with the same sockets. Once
// that one says that it serves, the one before it drains and ends. If it fails, its message is shown
// and the one before it stays. So a reload, or an upgrade, loses no request and no connection that
// waits in a backlog, and a worker may give up whatever it likes.

// Times of a supervisor.
const (
	startTimeoutDefault = 30 * time.Second
	restartPauseFirst   = time.Second      // before a worker is started again; doubled each time,
	restartPauseMax     = 30 * time.Second // up to this,
	restartForgets      = 10 * time.Second // and forgotten when one has served for so long
	lookEvery           = time.Second      // whether the worker's loops turn
	silentLooksFed      = 3                // without a beat, until systemd's watchdog is not notified any more
	silentLooksMax      = 10               // and until a worker is taken for stuck
	drainSpare          = 5 * time.Second  // for a worker to end beyond its drain
	startSpare          = 2 * time.Second  // for a worker that does not serve yet to end
	stuckSpare          = 2 * time.Second  // for a worker that is stuck to say where
)

// supervisor keeps a worker running. All of it belongs to one goroutine.
type supervisor struct {
	program      func() (string, error) // finds the program of a worker
	sockets      *listeners.Set
	kept         string
	startTimeout time.Duration
	start        *logging.StartUp
	report       *logging.Reporter
	watchdog     bool // systemd watches

	events   chan workerEvent
	current  *worker   // serves; nil if there is none
	next     *worker   // is starting; nil if there is none
	draining []*worker // have been asked to end
	served   bool      // a worker has come to serve

	again    bool             // another worker is wanted after the one that is starting
	deaths   int              // of workers, one soon after the other
	retry    <-chan time.Time // when a worker is started again; nil if that is not due
	ending   bool
	failures []error
}

func newSupervisor(s *listeners.Set, o *serveOptions, report *logging.Reporter) (*supervisor, error) {
	program, err := programNow()
	return &supervisor{
		program: program, sockets: s, kept: o.keptText(), startTimeout: o.startTimeout, start: o.start, report: report,
		events: make(chan workerEvent, 16),
	}, err
}

// run keeps a worker running until the process is asked to end, or the first worker fails.
func (s *supervisor) run() error {
	// Each kind has a channel of its own: a storm of one can't push out another (signal.Notify drops what it has no room for),
	// and of a kind that waits already another one is not needed.
	ends, reloads, reopens := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(reloads, syscall.SIGHUP, syscall.SIGUSR2)
	signal.Notify(reopens, syscall.SIGUSR1)
	// A signal that comes while the process ends must not end it otherwise.
	command.DropSignals(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	period := watchdogPeriod()
	s.watchdog = period > 0
	feeds := time.NewTicker(max(period/3, time.Millisecond))
	defer feeds.Stop()
	if !s.watchdog {
		feeds.Stop()
	}
	s.startNext()
	for !s.over() {
		select {
		case <-ends:
			s.end()
		case <-reloads:
			s.reload()
		case <-reopens:
			if s.current != nil {
				s.current.signal(syscall.SIGUSR1)
			}
		case e := <-s.events:
			s.onEvent(e)
		case <-s.retry:
			s.retry = nil
			s.startNext()
		case <-looks.C:
			s.look()
		case <-feeds.C:
			if s.current != nil && s.current.silent < silentLooksFed {
				notify(daemon.SdNotifyWatchdog)
			}
		}
	}
	return errors.Join(append(s.failures, s.sockets.Close(s.report))...)
}

// over reports whether there is nothing left to supervise.
func (s *supervisor) over() bool {
	return s.current == nil && s.next == nil && len(s.draining) == 0 && (s.ending || len(s.failures) > 0)
}

// startNext starts a worker, which is to take over once it serves.
func (s *supervisor) startNext() {
	w, err := startWorker(s.program, s.sockets, s.kept, s.report, s.events)
	if err != nil {
		s.report.Error(fmt.Sprintf("no worker can be started: %v", err), "error", err.Error())
		s.failed(nil, err)
		return
	}
	s.next = w
	s.start.Doing(s.report, "waiting for worker %d to serve", w.pid)
	w.after(logging.SlowStart, isSlow, s.events)
	w.after(s.startTimeout, isLate, s.events)
}

// replace starts a worker that is to take the place of the one that serves.
func (s *supervisor) replace() {
	s.retry = nil
	notify(daemon.SdNotifyReloading + "\n" + monotonic())
	s.startNext()
}

// reload starts another worker, or sees to it that one is started after the one that is just starting.
func (s *supervisor) reload() {
	switch {
	case s.ending:
	case s.next != nil:
		if !s.again {
			s.report.Info(fmt.Sprintf("worker %d is just starting: another one is started after it", s.next.pid), "worker", s.next.pid)
		}
		s.again = true
	default:
		s.replace()
	}
}

// end lets all workers end. Nobody listens at the addresses any more once they have closed them, too.
func (s *supervisor) end() {
	if s.ending {
		return
	}
	s.ending = true
	s.retry = nil
	s.start.Done()
	notify(daemon.SdNotifyStopping)
	if err := s.sockets.Close(s.report); err != nil {
		s.failures = append(s.failures, err)
	}
	if s.next != nil {
		s.report.Info(fmt.Sprintf("worker %d does not serve yet: it is ended", s.next.pid), "worker", s.next.pid)
		s.next.signal(syscall.SIGTERM)
		s.next.after(startSpare, endsNow, s.events)
		s.draining = append(s.draining, s.next)
		s.next = nil
	}
	if s.current != nil {
		s.drain(s.current)
		s.current = nil
	}
}

// drain asks a worker to end.
func (s *supervisor) drain(w *worker) {
	w.signal(syscall.SIGTERM)
	w.signal(syscall.SIGCONT) // should it be stopped
	w.after(w.drainIn+drainSpare, endsNow, s.events)
	s.draining = append(s.draining, w)
}

func (s *supervisor) onEvent(e workerEvent) {
	w := e.w
	switch e.what {
	case serves:
		s.onServes(w, e.news)
	case ended:
		w.forget()
		s.onEnded(w)
	case isSlow:
		if w == s.next && s.served {
			s.report.Info(fmt.Sprintf("worker %d does not serve yet; it is given up after %v", w.pid, s.startTimeout), "worker", w.pid)
		}
	case isLate:
		if w == s.next {
			w.tooLate = true
			w.signal(syscall.SIGKILL)
		}
	case endsNow:
		if slices.Contains(s.draining, w) {
			if w.serves {
				err := fmt.Errorf("worker %d has not ended %v after it was asked to, and is killed", w.pid, w.drainIn+drainSpare)
				s.report.Error(err.Error(), "worker", w.pid)
			}
			w.signal(syscall.SIGKILL)
		}
	}
}

// onServes lets a worker take over.
func (s *supervisor) onServes(w *worker, news workerReport) {
	w.serves, w.began = true, time.Now()
	w.drainIn = time.Duration(news.DrainMs) * time.Millisecond
	if w.drainIn <= 0 { // a worker of an earlier version
		w.drainIn = 10 * time.Second
	}
	for _, t := range w.timers {
		t.Stop()
	}
	if w != s.next { // it had been asked to end just before
		w.after(w.drainIn+drainSpare, endsNow, s.events)
		return
	}
	old := s.current
	s.current, s.next = w, nil
	s.start.Done()
	if old != nil {
		s.report.Info(fmt.Sprintf("worker %d serves, worker %d drains%s", w.pid, old.pid, otherVersion(news.Version)),
			"worker", w.pid, "drains", old.pid, "version", news.Version)
		s.drain(old)
	} else if s.served {
		s.report.Info(fmt.Sprintf("worker %d serves%s", w.pid, otherVersion(news.Version)), "worker", w.pid, "version", news.Version)
	}
	s.served = true
	s.ready()
}

// otherVersion says which version a worker is of, if it is not the supervisor's.
func otherVersion(version string) string {
	if version == "" || version == command.Version {
		return ""
	}
	return fmt.Sprintf("; the worker is version %s, the supervisor %s", version, command.Version)
}

// ready notifies systemd that there is a worker and no other is starting, or starts the other.
func (s *supervisor) ready() {
	if s.current != nil {
		notify(fmt.Sprintf("%s\nSTATUS=Worker %d serves.", daemon.SdNotifyReady, s.current.pid))
	}
	if s.again && !s.ending {
		s.again = false
		s.replace()
	}
}

// onEnded learns that a worker is no more.
func (s *supervisor) onEnded(w *worker) {
	switch w {
	case s.next:
		s.next = nil
		s.failed(w, nil)
	case s.current:
		s.current = nil
		s.died(w)
	default:
		s.draining = slices.DeleteFunc(s.draining, func(d *worker) bool { return d == w })
		switch {
		case w.err == nil || !w.serves:
		case s.ending:
			s.failures = append(s.failures, fmt.Errorf("worker %d: %s", w.pid, w.howEnded()))
		default:
			s.report.Warn(fmt.Sprintf("worker %d, which drained: %s", w.pid, w.howEnded()), "worker", w.pid)
		}
	}
}

// failed deals with a worker that has not come to serve. It is nil if it could not even be started.
func (s *supervisor) failed(w *worker, err error) {
	why := "the worker did not come to serve"
	if w != nil {
		why = fmt.Sprintf("worker %d did not come to serve (%s)", w.pid, w.howEnded())
		if w.tooLate {
			why = fmt.Sprintf("worker %d did not come to serve within %v (--start-timeout), and is ended", w.pid, s.startTimeout)
		}
	}
	switch {
	case s.ending:
	case s.current != nil:
		s.report.Error(fmt.Sprintf("%s: worker %d stays", why, s.current.pid), "worker", s.current.pid)
		s.ready()
	case s.served:
		s.later(why)
	default:
		if err == nil {
			err = errors.New(why)
		}
		if w != nil && w.cmd.ProcessState.ExitCode() == command.ExitUsage {
			err = command.ConfigError(err)
		}
		s.failures = append(s.failures, err)
	}
}

// died deals with the death of the worker that served.
func (s *supervisor) died(w *worker) {
	if time.Since(w.began) >= restartForgets {
		s.deaths = 0
	}
	why := fmt.Sprintf("worker %d ended by itself (%s)", w.pid, w.howEnded())
	if s.next != nil {
		s.report.Error(fmt.Sprintf("%s; worker %d is just starting", why, s.next.pid), "worker", w.pid)
		return
	}
	s.later(why)
}

// later has another worker started, at once for the first death in a while, and later each time. Anyone who ends
// a worker in good order may be ending all of them, the supervisor as well, so that is given a moment.
func (s *supervisor) later(why string) {
	pause := time.Duration(0)
	if s.deaths > 0 {
		pause = min(restartPauseFirst<<min(s.deaths-1, 10), restartPauseMax)
	}
	s.deaths++
	when := "at once"
	if pause > 0 {
		when = "in " + pause.String()
	}
	s.again = false // it reads everything again
	s.retry = time.After(max(pause, groupPause))
	notify("STATUS=No worker serves; another one is started " + when + ".")
	s.report.Error(fmt.Sprintf("%s: another one is started %s", why, when), "pause_seconds", pause.Seconds())
}

// groupPause is how long after a death the process waits for a signal of its own.
const groupPause = 50 * time.Millisecond

// look finds out whether the worker's loops turn. One whose loops do not is ended, and so replaced; if
// systemd watches, it is notified no more, and does what the unit says.
func (s *supervisor) look() {
	w := s.current
	if w == nil || !w.watched.Load() {
		return
	}
	if beats := w.beats.Load(); beats != w.counted {
		if w.silent >= silentLooksFed {
			s.report.Info(fmt.Sprintf("worker %d: its loops turn again", w.pid), "worker", w.pid)
		}
		w.counted, w.silent = beats, 0
		return
	}
	w.silent++
	silence := time.Duration(w.silent) * lookEvery
	switch w.silent {
	case silentLooksFed:
		s.report.Warn(fmt.Sprintf("worker %d: its loops have not turned for %v", w.pid, silence), "worker", w.pid)
	case silentLooksMax:
		if s.watchdog {
			s.report.Error(fmt.Sprintf("worker %d: its loops have not turned for %v; systemd's watchdog is not notified any more", w.pid, silence), "worker", w.pid)
			return
		}
		s.report.Error(fmt.Sprintf("worker %d: its loops have not turned for %v, and it is ended", w.pid, silence), "worker", w.pid)
		w.signal(syscall.SIGQUIT) // upon which it says where it is
		time.AfterFunc(stuckSpare, func() { w.signal(syscall.SIGKILL) })
	}
}
