package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"aws/internal/logging"
	"aws/internal/systemd"
)

// startNext starts a worker, which is to take over once it serves.
func (s *Supervisor) startNext() {
	sockets := s.Listeners
	if s.change != nil {
		sockets = s.change.Next
	}
	p, err := s.Start(sockets)
	if err != nil {
		s.Report.Error(fmt.Sprintf("no worker can be started: %v", err), "error", err.Error())
		s.onFailed(nil, err)
		return
	}
	w := &worker{Process: p, pid: p.PID()}
	go w.follow(s.events)
	s.next = w
	s.StartUp.Doing(s.Report, "waiting for worker %d to serve", w.pid)
	w.after(logging.SlowStart, isSlow, s.events)
	w.after(s.StartTimeout, isLate, s.events)
}

// replace starts a worker that is to take the place of the one that serves.
func (s *Supervisor) replace() {
	s.restart = nil
	s.Notify(systemd.Reloading())
	if s.Reread != nil {
		s.reread()
		return
	}
	s.startNext()
}

// reload starts another worker, or sees to it that one is started after the one that is just starting.
func (s *Supervisor) reload() {
	switch {
	case s.ending:
	case s.rereading != nil:
		s.reloadAgain = true
	case s.next != nil:
		if !s.reloadAgain {
			s.Report.Info(fmt.Sprintf("worker %d is just starting: another one is started after it", s.next.pid), "worker", s.next.pid)
		}
		s.reloadAgain = true
	case s.retired != nil:
		if !s.reloadAgain {
			s.Report.Info("removed addresses are just being closed: another worker is started after that")
		}
		s.reloadAgain = true
	default:
		s.replace()
	}
}

// onServes lets a worker take over.
func (s *Supervisor) onServes(w *worker, report Report) {
	w.serves, w.began = true, time.Now()
	w.drainTimeout = report.drainTimeout()
	w.stopTimers()
	if w != s.next { // it had been asked to end just before
		w.after(w.drainTimeout+drainSpare, endsNow, s.events)
		return
	}
	old := s.current
	s.current, s.next = w, nil
	s.StartUp.Done()
	removed := s.commit()
	if old != nil {
		s.Report.Info(fmt.Sprintf("worker %d serves, worker %d drains%s", w.pid, old.pid, s.otherVersion(report.Version)),
			"worker", w.pid, "drains", old.pid, "version", report.Version)
		s.drainAfter(old, removed)
	} else if s.served {
		s.Report.Info(fmt.Sprintf("worker %d serves%s", w.pid, s.otherVersion(report.Version)), "worker", w.pid, "version", report.Version)
	}
	if old == nil {
		s.closeSockets(removed)
	}
	s.served = true
	s.settle()
}

// otherVersion says which version a worker is of, if it is not the supervisor's.
func (s *Supervisor) otherVersion(version string) string {
	if version == "" || version == s.Version {
		return ""
	}
	return fmt.Sprintf("; the worker is version %s, the supervisor %s", version, s.Version)
}

// settle notifies systemd that there is a worker and no other is starting, or starts the other. While the worker before still
// accepts connections, because addresses are removed, the reload is not over.
func (s *Supervisor) settle() {
	if s.current != nil && s.retired == nil {
		s.Notify(systemd.Ready + "\n" + systemd.Status(fmt.Sprintf("Worker %d serves.", s.current.pid)))
	}
	if s.reloadAgain && !s.ending && s.retired == nil && s.next == nil && s.rereading == nil {
		s.reloadAgain = false
		s.replace()
	}
}

// onEnded learns that a worker has ended.
func (s *Supervisor) onEnded(w *worker) {
	switch w {
	case s.next:
		s.next = nil
		s.onFailed(w, nil)
	case s.current:
		s.current = nil
		s.onDied(w)
	default:
		s.draining = slices.DeleteFunc(s.draining, func(d *worker) bool { return d == w })
		switch {
		case w.err == nil || !w.serves:
		case s.ending:
			s.failures = append(s.failures, fmt.Errorf("worker %d: %s", w.pid, w.howEnded()))
		default:
			s.Report.Warn(fmt.Sprintf("worker %d, which drained: %s", w.pid, w.howEnded()), "worker", w.pid)
		}
	}
}

// onFailed deals with a worker that has not come to serve. It is nil if it could not even be started.
func (s *Supervisor) onFailed(w *worker, err error) {
	s.abort()
	why, status := "the worker did not come to serve", -1
	if w != nil {
		status = w.exitStatus()
		why = fmt.Sprintf("worker %d did not come to serve (%s)", w.pid, w.howEnded())
		if w.tooLate {
			why = fmt.Sprintf("worker %d did not come to serve within %v (%s), and is ended", w.pid, s.StartTimeout, s.StartTimeoutFlag)
		}
	}
	switch {
	case s.ending:
	case s.current != nil:
		s.Report.Error(fmt.Sprintf("%s: worker %d stays", why, s.current.pid), "worker", s.current.pid)
		s.settle()
	case s.served:
		s.restartLater(why)
	default:
		if err == nil {
			err = errors.New(why)
		}
		s.failures = append(s.failures, &StartError{ExitStatus: status, cause: err})
	}
}

// onDied deals with the death of the worker that served.
func (s *Supervisor) onDied(w *worker) {
	s.restarts.served(time.Since(w.began))
	why := fmt.Sprintf("worker %d ended by itself (%s)", w.pid, w.howEnded())
	if s.next != nil {
		s.Report.Error(fmt.Sprintf("%s; worker %d is just starting", why, s.next.pid), "worker", w.pid)
		return
	}
	if s.rereading != nil {
		s.Report.Error(why+"; the configuration is just being read for another one", "worker", w.pid)
		return
	}
	s.restartLater(why)
}

// groupPause is how long after a death the supervisor waits for a request to end. Anyone who ends a worker in good order
// may be ending all processes of a group, the supervisor as well.
const groupPause = 50 * time.Millisecond

// restartLater has another worker started, at once for the first death in a while, and later each time.
func (s *Supervisor) restartLater(why string) {
	pause := s.restarts.next()
	when := "at once"
	if pause > 0 {
		when = "in " + pause.String()
	}
	s.reloadAgain = false // it reads everything again
	s.restart = time.After(max(pause, groupPause))
	s.Notify(systemd.Status("No worker serves; another one is started " + when + "."))
	s.Report.Error(fmt.Sprintf("%s: another one is started %s", why, when), "pause_seconds", pause.Seconds())
}
