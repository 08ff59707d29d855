package supervisor

import (
	"fmt"
	"slices"
	"time"

	"aws/internal/listeners"
)

// Times in which removed addresses are closed.
const (
	// A client that has connected and sends nothing is reported a second later (TCP_DEFER_ACCEPT), and one whose handshake
	// is under way after a round trip.
	retireAfter = 1500 * time.Millisecond
	retireEvery = 50 * time.Millisecond  // looks at a backlog that is not empty
	retireMax   = 5 * time.Second        // whatever is in the backlog
	closeSpare  = 200 * time.Millisecond // in which the worker closes them, so that they can be bound again
)

// retirement is the end of removed addresses. First no new connections begin there, while the worker that is replaced
// accepts all that have begun. Then it is asked to end, and closes the sockets.
type retirement struct {
	sockets *listeners.Set // nil once they are closed here
	worker  *worker        // that is replaced
	began   time.Time
	timer   *time.Timer // the next step
}

// reread reads the configuration, and has onReread called then. The supervisor goes on meanwhile, and gives it up after
// StartTimeout: the file may be on a file system that does not respond.
func (s *Supervisor) reread() {
	e := event{what: reread, rereading: time.After(s.StartTimeout)}
	s.rereading = e.rereading
	go func() {
		e.rebind = s.Reread()
		s.events <- e
	}()
}

// onReread finds the sockets for the next worker, and starts it.
func (s *Supervisor) onReread(e event) {
	if s.rereading == nil || e.rereading != s.rereading {
		return // it has been given up
	}
	s.rereading = nil
	change, err := e.rebind(s.Listeners)
	if err != nil {
		s.refuse(err)
		return
	}
	s.change = change
	s.startNext()
}

// refuse gives a reload up, as there are no sockets for the next worker. If no worker serves, one is started with those
// that there are.
func (s *Supervisor) refuse(err error) {
	if s.current != nil {
		s.Report.Error(fmt.Sprintf("the reload is refused: %v: worker %d stays", err, s.current.pid), "worker", s.current.pid)
		s.settle()
		return
	}
	s.Report.Error(fmt.Sprintf("the addresses stay: %v", err))
	s.startNext()
}

// abort gives up the sockets of a worker that has not come to serve.
func (s *Supervisor) abort() {
	if s.change == nil {
		return
	}
	if err := s.change.Abort(s.Report); err != nil {
		s.Report.Warn(err.Error())
	}
	s.change = nil
}

// commit makes the sockets of the worker that has come to serve the supervisor's, and returns those that were removed; nil if
// there is no change.
func (s *Supervisor) commit() (removed *listeners.Set) {
	if s.change == nil {
		return nil
	}
	removed = s.change.Commit(s.Report)
	s.Listeners = s.change.Next
	for _, a := range s.change.Added() {
		s.Report.Info(fmt.Sprintf("%s is added", a), "address", a.String())
	}
	for _, a := range removed.Addresses() {
		s.Report.Info(fmt.Sprintf("%s is removed", a), "address", a.String())
	}
	s.change = nil
	return removed
}

// drainAfter asks a worker to end, once it has accepted the connections of removed addresses.
func (s *Supervisor) drainAfter(w *worker, removed *listeners.Set) {
	if removed == nil || len(removed.Addresses()) == 0 {
		s.drain(w)
		return
	}
	removed.Retire(s.Report)
	s.draining = append(s.draining, w)
	s.retired = &retirement{sockets: removed, worker: w, began: time.Now()}
	s.retireIn(retireAfter)
}

// retire closes the removed addresses if no connection waits there, and then permits another reload.
func (s *Supervisor) retire() {
	r := s.retired
	switch {
	case r == nil:
	case r.sockets == nil:
		s.retired = nil
		if s.next == nil {
			s.settle()
		}
	case !r.sockets.Idle() && s.drains(r.worker) && time.Since(r.began) < retireMax:
		s.retireIn(retireEvery)
	default:
		s.closeRetired()
		s.retireIn(closeSpare)
	}
}

// retireIn has retire called. The worker's own timers end with it, and this one must not.
func (s *Supervisor) retireIn(d time.Duration) {
	e := event{w: s.retired.worker, what: retires}
	s.retired.timer = time.AfterFunc(d, func() { s.events <- e })
}

// closeRetired closes the removed addresses here, and asks the worker to end, which closes them there.
func (s *Supervisor) closeRetired() {
	r := s.retired
	if r.sockets == nil {
		return
	}
	s.closeSockets(r.sockets)
	r.sockets = nil
	if s.drains(r.worker) {
		s.endWorker(r.worker)
	}
}

// drains reports whether a worker that is replaced has not ended yet.
func (s *Supervisor) drains(w *worker) bool { return slices.Contains(s.draining, w) }

// closeSockets closes a set that nobody uses any more. It may be nil.
func (s *Supervisor) closeSockets(sockets *listeners.Set) {
	if sockets == nil {
		return
	}
	if err := sockets.Close(s.Report); err != nil {
		s.Report.Warn(err.Error())
	}
}
