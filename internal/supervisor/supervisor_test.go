package supervisor

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"
)

// TestReplace follows a worker from its start to its end, through a reload.
func TestReplace(t *testing.T) {
	sockets, err := listeners.Bind([]kernel.Address{{TCP: netip.MustParseAddrPort("127.0.0.1:0")}},
		&listeners.Options{Loops: 1}, logging.New(&bytes.Buffer{}))
	if err != nil {
		t.Fatal(err)
	}
	play(t, func(o *Options) { o.Listeners = sockets }, func(s *stage) {
		if s.current != nil || s.next == nil {
			t.Error("a worker that only starts is taken for the current one")
		}
		first := s.serves(1)
		s.notifies("READY=1 STATUS=Worker 1 serves.")
		s.says()

		s.request(s.reloads)
		s.notifies("RELOADING=1 MONOTONIC_USEC=")
		if s.current.pid != 1 || s.next.pid != 2 {
			t.Error("worker 1 has to serve until worker 2 does")
		}
		s.signalled(first)
		second := s.serves(2)
		s.says("worker 2 serves, worker 1 drains")
		s.signalled(first, syscall.SIGTERM, syscall.SIGCONT)
		s.notifies("READY=1 STATUS=Worker 2 serves.")

		s.request(s.ends)
		s.signalled(second, syscall.SIGTERM, syscall.SIGCONT)
		s.notifies("STOPPING=1")
		if err := s.returns(); err != nil {
			t.Error(err)
		}
		if sockets.Descriptors() != nil {
			t.Error("the sockets are open")
		}
		s.says()
	})
}

// TestReloadFails sees the current worker stay if the next one ends, is too late, or can't be started.
func TestReloadFails(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.serves(1)
		s.notifies("READY=1")

		s.request(s.reloads)
		s.dies(s.worker(2), errExit(1))
		s.says("worker 2 did not come to serve (exit status 1): worker 1 stays")
		s.notifies("RELOADING=1", "READY=1 STATUS=Worker 1 serves.")

		s.request(s.reloads)
		s.pass(31 * time.Second)
		s.signalled(s.worker(3), syscall.SIGKILL)
		s.says("worker 3 does not serve yet; it is given up after 30s",
			"worker 3 did not come to serve within 30s (--start-timeout), and is ended: worker 1 stays")

		s.startErr = errors.New("no such program")
		s.request(s.reloads)
		s.says("no worker can be started: no such program", "the worker did not come to serve: worker 1 stays")
		if s.current == nil || s.current.pid != 1 || s.next != nil {
			t.Error("worker 1 is not the current one")
		}
		s.ended()
	})
}

// TestReloadAgain asks for reloads while a worker starts: one more is started after it, however many there were.
func TestReloadAgain(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.request(s.reloads)
		s.request(s.reloads)
		s.says("worker 1 is just starting: another one is started after it")
		s.serves(1)
		s.serves(2)
		s.says("worker 2 serves, worker 1 drains")
		if s.next != nil {
			t.Error("one more is starting")
		}
		s.request(s.reloads)
		s.request(s.reloads)
		s.dies(s.worker(3), errExit(2))
		s.says("worker 3 is just starting: another one is started after it",
			"worker 3 did not come to serve (exit status 2): worker 2 stays")
		s.serves(4)
		s.ended()
	})
}

// TestReloadWhileEnding refuses a reload while the worker drains for good.
func TestReloadWhileEnding(t *testing.T) {
	play(t, nil, func(s *stage) {
		w := s.serves(1)
		w.deaf = true
		s.request(s.ends)
		s.request(s.reloads)
		s.request(s.ends)
		s.worker(1) // there is no other
		s.signalled(w, syscall.SIGTERM, syscall.SIGCONT)
		s.dies(w, nil)
		if err := s.returns(); err != nil {
			t.Error(err)
		}
	})
}

// TestFirstWorkerFails sees the supervisor give up.
func TestFirstWorkerFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		how    func(*stage)
		status int
		want   string
	}{
		{"usage", func(s *stage) { s.dies(s.worker(1), errExit(2)) }, 2, "worker 1 did not come to serve (exit status 2)"},
		{"good order", func(s *stage) { s.dies(s.worker(1), nil) }, 0, "worker 1 did not come to serve (exit status 0)"},
		{"signal", func(s *stage) { s.dies(s.worker(1), errKilled) }, -1, "worker 1 did not come to serve (signal: killed)"},
		{"late", func(s *stage) { s.pass(31 * time.Second) }, -1, "worker 1 did not come to serve within 30s (--start-timeout), and is ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c.how(s)
				err := s.returns()
				var failed *StartError
				if !errors.As(err, &failed) || failed.ExitStatus != c.status || err.Error() != c.want {
					t.Errorf("%v, want %q with status %d", err, c.want, c.status)
				}
				s.says()
				s.worker(1)
			})
		})
	}
	noProgram := errors.New("no such program")
	play(t, func(o *Options) { o.Start = func(*listeners.Set) (Process, error) { return nil, noProgram } }, func(s *stage) {
		if err := s.returns(); !errors.Is(err, noProgram) {
			t.Error(err)
		}
		s.says("no worker can be started: no such program")
	})
}

// TestDeaths sees a worker that dies started again, later each time, until one has served for a while.
func TestDeaths(t *testing.T) {
	play(t, nil, func(s *stage) {
		w := s.serves(1)
		s.notifies("READY=1")
		s.dies(w, errKilled)
		s.notifies("STATUS=No worker serves; another one is started at once.")
		s.says("worker 1 ended by itself (signal: killed): another one is started at once")
		if s.current != nil || s.next != nil {
			t.Error("a dead worker is the current one")
		}
		s.pass(groupPause)
		w = s.serves(2)
		s.says("worker 2 serves")

		s.dies(w, errExit(1))
		s.says("worker 2 ended by itself (exit status 1): another one is started in 1s")
		s.pass(900 * time.Millisecond)
		s.worker(2)
		s.pass(200 * time.Millisecond)
		s.dies(s.worker(3), errExit(1))
		s.says("worker 3 did not come to serve (exit status 1): another one is started in 2s")
		s.pass(2 * time.Second)
		w = s.serves(4)
		s.pass(pausesForgets)
		s.dies(w, nil)
		s.says("worker 4 serves", "worker 4 ended by itself (exit status 0): another one is started at once")

		s.request(s.ends) // within groupPause
		if err := s.returns(); err != nil {
			t.Error(err)
		}
		s.worker(4)
	})
}

// TestReloadAfterDeath does not wait for the pause.
func TestReloadAfterDeath(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.dies(s.serves(1), errKilled)
		s.pass(groupPause)
		s.dies(s.serves(2), errKilled) // 1 s
		s.request(s.reloads)
		s.serves(3)
		s.pass(5 * time.Second)
		s.worker(3)
		s.ended()
	})
}

// TestDeathWhileNextStarts waits for the worker that is starting, and starts no other.
func TestDeathWhileNextStarts(t *testing.T) {
	play(t, nil, func(s *stage) {
		w := s.serves(1)
		s.request(s.reloads)
		s.dies(w, errKilled)
		s.says("worker 1 ended by itself (signal: killed); worker 2 is just starting")
		s.serves(2)
		s.says("worker 2 serves")
		s.ended()
	})
}

// TestEndWhileStarting ends a worker that does not serve yet, and is not patient with it.
func TestEndWhileStarting(t *testing.T) {
	play(t, nil, func(s *stage) {
		w := s.worker(1)
		w.deaf = true
		s.request(s.ends)
		s.says("worker 1 does not serve yet: it is ended")
		s.signalled(w, syscall.SIGTERM)
		s.pass(startSpare)
		s.signalled(w, syscall.SIGTERM, syscall.SIGKILL)
		if err := s.returns(); err != nil {
			t.Error(err)
		}
	})
	// It comes to serve before it sees the signal, and may drain then.
	play(t, nil, func(s *stage) {
		w := s.worker(1)
		w.deaf = true
		s.request(s.ends)
		w.ready <- Report{DrainMs: 60_000}
		s.pass(startSpare + time.Second)
		s.signalled(w, syscall.SIGTERM)
		s.dies(w, nil)
		if err := s.returns(); err != nil {
			t.Error(err)
		}
	})
}

// TestDrainTakesTooLong kills a worker some time after its drain should have ended.
func TestDrainTakesTooLong(t *testing.T) {
	const message = "worker 1 has not ended 8s after it was asked to, and is killed"
	play(t, nil, func(s *stage) {
		w := s.serves(1)
		w.deaf = true
		s.request(s.reloads)
		s.serves(2)
		s.pass(7900 * time.Millisecond)
		s.says("worker 2 serves, worker 1 drains")
		s.pass(200 * time.Millisecond)
		s.says(message, "warning: worker 1, which drained: signal: killed")
		s.ended()
	})
	play(t, nil, func(s *stage) {
		s.serves(1).deaf = true
		s.request(s.ends)
		s.pass(9 * time.Second)
		s.says(message)
		if err := s.returns(); err == nil || err.Error() != "worker 1: signal: killed" {
			t.Error(err)
		}
	})
}

// TestVersions reports a worker of another version.
func TestVersions(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.serves(1)
		s.request(s.reloads)
		s.worker(2).ready <- Report{Version: "2"}
		s.pass(0)
		s.says("worker 2 serves, worker 1 drains; the worker is version 2, the supervisor 1")
		if s.current.drainTimeout != 10*time.Second {
			t.Errorf("a drain of %v", s.current.drainTimeout)
		}
		s.ended()
	})
}

// TestReopen hands the request on to the current worker alone.
func TestReopen(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.request(s.reopens)
		s.signalled(s.worker(1))
		w := s.serves(1)
		s.request(s.reloads)
		s.request(s.reopens)
		s.signalled(w, syscall.SIGUSR1)
		s.signalled(s.worker(2))
		s.dies(s.worker(2), nil)
		s.ended()
	})
}

// hang lets a worker send heartbeats for a while, and then none.
func (s *stage) hang() *actor {
	w := s.serves(1)
	s.pass(checkEvery / 2)
	for range 5 {
		w.beat()
		s.pass(time.Second)
	}
	s.says()
	return w
}

// TestStuck ends a worker whose loops hang, and starts another one.
func TestStuck(t *testing.T) {
	play(t, nil, func(s *stage) {
		w := s.hang()
		s.pass(stuckAfter * checkEvery)
		s.says("warning: worker 1: its loops have not turned for 3s", "worker 1: its loops have not turned for 10s, and it is ended")
		s.signalled(w, syscall.SIGQUIT)
		s.pass(stuckSpare + groupPause)
		s.signalled(w, syscall.SIGQUIT, syscall.SIGKILL)
		s.serves(2)
		s.ended()
	})
	// A worker of an early version sends no heartbeats, and is left alone.
	play(t, nil, func(s *stage) {
		s.serves(1)
		s.pass(time.Minute)
		s.says()
		s.ended()
	})
}

// TestStuckWithWatchdog leaves the worker to systemd, which is notified no more, until its loops iterate again.
func TestStuckWithWatchdog(t *testing.T) {
	play(t, func(o *Options) { o.WatchdogPeriod = 3 * time.Second }, func(s *stage) {
		w := s.hang()
		s.pass(4 * time.Second)
		if n := len(s.states); n < 6 || s.states[n-1] != "WATCHDOG=1" {
			t.Errorf("states %q", s.states)
		}
		s.states = nil
		s.pass(10 * time.Second)
		s.notifies()
		s.says("warning: worker 1: its loops have not turned for 3s",
			"worker 1: its loops have not turned for 10s; systemd's watchdog is not notified any more")
		s.signalled(w)
		w.beat()
		s.pass(2100 * time.Millisecond)
		s.says("worker 1: its loops iterate again")
		if !strings.Contains(strings.Join(s.states, " "), "WATCHDOG=1") {
			t.Errorf("states %q", s.states)
		}
		s.ended()
	})
}
