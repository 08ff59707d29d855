package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aws/internal/listeners"
	"aws/internal/logging"
)

// errExit is how a process ends that does not end well.
type errExit int

func (e errExit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
func (e errExit) ExitCode() int { return int(e) }

var errKilled = errors.New("signal: killed")

// actor is a Process that does what a test wants.
type actor struct {
	pid   int
	ready chan Report
	ends  chan struct{}
	deaf  bool // SIGTERM does not end it

	mu      sync.Mutex
	err     error
	signals []syscall.Signal
	beats   uint64
	sends   bool
}

func (a *actor) PID() int { return a.pid }

func (a *actor) Ready() (Report, bool) {
	select {
	case r := <-a.ready:
		return r, true
	case <-a.ends:
		return Report{}, false
	}
}

func (a *actor) Wait() error {
	<-a.ends
	return a.err
}

func (a *actor) Heartbeats() (uint64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.beats, a.sends
}

func (a *actor) beat() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.beats++
	a.sends = true
}

func (a *actor) Signal(sig syscall.Signal) {
	a.mu.Lock()
	a.signals = append(a.signals, sig)
	a.mu.Unlock()
	switch {
	case sig == syscall.SIGKILL:
		a.end(errKilled)
	case sig == syscall.SIGTERM && !a.deaf:
		a.end(nil)
	}
}

// end ends the process, once.
func (a *actor) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.ends:
	default:
		a.err = err
		close(a.ends)
	}
}

// got returns the signals so far.
func (a *actor) got() []syscall.Signal {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.signals)
}

// stage is a supervisor whose workers are actors, and whose time is the bubble's.
type stage struct {
	t *testing.T
	*Supervisor
	ends, reloads, reopens chan os.Signal
	startErr               error
	workers                []*actor
	result                 chan error

	mu     sync.Mutex
	log    bytes.Buffer
	states []string
}

// Write implements io.Writer, for the log.
func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// play runs a test with a supervisor that has just been started.
func play(t *testing.T, change func(*Options), test func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, ends: make(chan os.Signal, 1), reloads: make(chan os.Signal, 1), reopens: make(chan os.Signal, 1), result: make(chan error, 1)}
		o := &Options{
			Start: s.start, Listeners: &listeners.Set{}, StartTimeout: 30 * time.Second, StartTimeoutFlag: "--start-timeout",
			Version: "1", Report: logging.New(s), Notify: s.notify,
		}
		if change != nil {
			change(o)
		}
		s.Supervisor = New(o)
		go func() { s.result <- s.Run(Requests{End: s.ends, Reload: s.reloads, Reopen: s.reopens}) }()
		synctest.Wait()
		test(s)
	})
}

// start is Options.Start. Only the supervisor's goroutine calls it; the test looks while that waits.
func (s *stage) start(*listeners.Set) (Process, error) {
	if s.startErr != nil {
		return nil, s.startErr
	}
	a := &actor{pid: len(s.workers) + 1, ready: make(chan Report), ends: make(chan struct{})}
	s.workers = append(s.workers, a)
	return a, nil
}

func (s *stage) notify(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, strings.ReplaceAll(state, "\n", " "))
}

// worker returns the worker with a number, the last that has been started.
func (s *stage) worker(pid int) *actor {
	s.t.Helper()
	if len(s.workers) != pid {
		s.t.Fatalf("%d workers have been started, and not %d\n%s", len(s.workers), pid, s.log.String())
	}
	return s.workers[pid-1]
}

// serves lets the last worker serve.
func (s *stage) serves(pid int) *actor {
	s.t.Helper()
	w := s.worker(pid)
	w.ready <- Report{DrainMs: 3000, Version: "1"}
	synctest.Wait()
	if s.current == nil || s.current.pid != pid {
		s.t.Fatalf("worker %d is not the current one\n%s", pid, s.log.String())
	}
	return w
}

// request sends a signal to one of the supervisor's channels.
func (s *stage) request(channel chan os.Signal) {
	channel <- syscall.SIGHUP
	synctest.Wait()
}

// dies ends a worker.
func (s *stage) dies(w *actor, err error) {
	w.end(err)
	synctest.Wait()
}

// pass lets time pass. An event that changes nothing orders what the test has looked at before what the supervisor does by
// the clock, for the race detector.
func (s *stage) pass(d time.Duration) {
	s.events <- event{w: &worker{}, what: isSlow}
	synctest.Wait()
	time.Sleep(d)
	synctest.Wait()
}

// says holds the messages since the last call against those that are expected.
func (s *stage) says(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for line := range strings.Lines(s.log.String()) {
		got = append(got, strings.TrimSpace(strings.TrimPrefix(line, "aws: ")))
	}
	s.log.Reset()
	if !slices.Equal(got, want) {
		s.t.Errorf("messages\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// notifies holds the beginnings of the states since the last call against those that are expected.
func (s *stage) notifies(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	equal := len(want) == len(s.states)
	for i := 0; equal && i < len(want); i++ {
		equal = strings.HasPrefix(s.states[i], want[i])
	}
	if !equal {
		s.t.Errorf("states %q, want %q", s.states, want)
	}
	s.states = nil
}

// signalled holds all signals of a worker against those that are expected.
func (s *stage) signalled(w *actor, want ...syscall.Signal) {
	s.t.Helper()
	if got := w.got(); !slices.Equal(got, want) {
		s.t.Errorf("worker %d got %v, want %v", w.pid, got, want)
	}
}

// returns waits for the end of Run.
func (s *stage) returns() error {
	s.t.Helper()
	synctest.Wait()
	select {
	case err := <-s.result:
		return err
	default:
		s.t.Fatalf("the supervisor has not ended\n%s", s.log.String())
		return nil
	}
}

// ended ends the supervisor in good order, at the end of a test that is about something else.
func (s *stage) ended() {
	s.t.Helper()
	s.request(s.ends)
	if err := s.returns(); err != nil {
		s.t.Error(err)
	}
}
