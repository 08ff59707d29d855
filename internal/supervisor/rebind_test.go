package supervisor

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"
)

// loopbackOf returns an address of this machine whose port the kernel chooses.
func loopbackOf(ip string) kernel.Address {
	return kernel.Address{TCP: netip.AddrPortFrom(netip.MustParseAddr(ip), 0)}
}

// wants is what a test's configuration holds.
type wants struct {
	addrs []kernel.Address
	err   error
	block chan struct{} // reading lasts until it is closed, if it is not nil
}

// playSockets runs a test with a supervisor that has sockets at 127.0.0.1 and 127.0.0.2, and another configuration later.
func playSockets(t *testing.T, test func(*stage, *wants, []kernel.Address)) {
	t.Helper()
	w := &wants{addrs: []kernel.Address{loopbackOf("127.0.0.1"), loopbackOf("127.0.0.2")}}
	o := &listeners.Options{Loops: 1}
	report := logging.New(&bytes.Buffer{})
	sockets, err := listeners.Bind(w.addrs, o, report)
	if err != nil {
		t.Fatal(err)
	}
	play(t, func(options *Options) {
		options.Listeners = sockets
		options.Reread = func() Rebind {
			addrs, err := w.addrs, w.err
			if w.block != nil {
				<-w.block
			}
			return func(s *listeners.Set) (*listeners.Change, error) {
				if err != nil {
					return nil, err
				}
				return s.Change(addrs, o, report)
			}
		}
	}, func(s *stage) { test(s, w, sockets.Addresses()) })
}

// listens reports whether a connection can begin at an address.
func listens(a kernel.Address) bool {
	conn, err := net.DialTimeout("tcp", a.String(), 100*time.Millisecond)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// TestReloadAddresses adds an address and removes one. The worker that is replaced is asked to end once it has had the time to
// accept what has begun there; a reload that is wanted meanwhile comes after that.
func TestReloadAddresses(t *testing.T) {
	playSockets(t, func(s *stage, w *wants, had []kernel.Address) {
		first := s.serves(1)
		first.deaf = true
		w.addrs = []kernel.Address{w.addrs[0], loopbackOf("127.0.0.3")}
		s.request(s.reloads)
		if s.Listeners.Addresses()[1] != had[1] {
			t.Error("the sockets are others before the worker serves")
		}
		s.serves(2)
		added := s.Listeners.Addresses()[1]
		s.says(added.String()+" is added", had[1].String()+" is removed", "worker 2 serves, worker 1 drains")
		s.signalled(first)
		s.notifies("READY=1 STATUS=Worker 1", "RELOADING=1") // the reload is not over
		s.request(s.reloads)
		s.says("removed addresses are just being closed: another worker is started after that")
		s.worker(2)
		s.pass(retireAfter + time.Millisecond)
		s.signalled(first, syscall.SIGTERM, syscall.SIGCONT)
		if s.next != nil {
			t.Error("a worker starts while the addresses are being closed")
		}
		s.pass(closeSpare)
		s.notifies("READY=1 STATUS=Worker 2", "RELOADING=1")
		s.serves(3)
		s.says("worker 3 serves, worker 2 drains")
		if !listens(had[0]) || listens(had[1]) || !listens(added) {
			t.Error("others are listened at")
		}
		s.dies(first, nil)
		s.ended()
		if listens(had[0]) || listens(added) {
			t.Error("the sockets are open at the end")
		}
	})
}

// TestReloadAddressesWait has a connection in the backlog of a removed address, which nobody accepts.
func TestReloadAddressesWait(t *testing.T) {
	playSockets(t, func(s *stage, w *wants, had []kernel.Address) {
		first := s.serves(1)
		if !listens(had[1]) { // it stays in the backlog
			t.Fatal("nobody listens")
		}
		w.addrs = w.addrs[:1]
		s.request(s.reloads)
		s.serves(2)
		s.pass(retireMax - time.Second)
		s.signalled(first)
		s.pass(time.Second + retireEvery)
		s.signalled(first, syscall.SIGTERM, syscall.SIGCONT)
		s.ended()
	})
}

// TestReloadAddressesRefused starts no worker if an address can't be bound, and gives up what was bound for one that does not
// come to serve.
func TestReloadAddressesRefused(t *testing.T) {
	playSockets(t, func(s *stage, w *wants, had []kernel.Address) {
		s.serves(1)
		s.notifies("READY=1")
		w.err = errors.New("listen :80: permission denied")
		s.request(s.reloads)
		s.worker(1)
		s.says("the reload is refused: listen :80: permission denied: worker 1 stays")
		s.notifies("RELOADING=1", "READY=1 STATUS=Worker 1 serves.")

		w.err, w.addrs = nil, []kernel.Address{loopbackOf("127.0.0.3")}
		s.request(s.reloads)
		added := s.change.Added()[0]
		s.dies(s.worker(2), errExit(2))
		s.says("worker 2 did not come to serve (exit status 2): worker 1 stays")
		if listens(added) || !listens(had[0]) || !listens(had[1]) || s.change != nil {
			t.Error("the addresses are others after a worker that did not serve")
		}

		s.dies(s.current.Process.(*actor), errKilled)
		w.err = errors.New("listen :80: permission denied")
		s.request(s.reloads)
		s.serves(3)
		s.says("worker 1 ended by itself (signal: killed): another one is started at once",
			"the addresses stay: listen :80: permission denied", "worker 3 serves")
		s.ended()
	})
}

// TestConfigurationIsNotRead has a configuration that takes long to read: the worker that serves stays, a death of it is
// made up for, and the end does not wait.
func TestConfigurationIsNotRead(t *testing.T) {
	playSockets(t, func(s *stage, w *wants, had []kernel.Address) {
		first := s.serves(1)
		w.block = make(chan struct{})
		w.addrs = w.addrs[:1]
		s.request(s.reloads)
		s.request(s.reloads)
		s.pass(29 * time.Second)
		s.worker(1)
		s.says()
		s.pass(2 * time.Second)
		s.says("the reload is refused: the configuration could not be read within 30s (--start-timeout): worker 1 stays")
		s.dies(first, errKilled) // while it is read for the second request
		s.says("worker 1 ended by itself (signal: killed); the configuration is just being read for another one")
		s.pass(29*time.Second + 10*time.Millisecond)
		s.says("the addresses stay: the configuration could not be read within 30s (--start-timeout)")
		s.serves(2)
		if close(w.block); !listens(had[1]) { // what has been read too late is passed over
			t.Error("the address is removed")
		}
		s.pass(0)
		s.worker(2)
		w.block = make(chan struct{})
		s.request(s.reloads)
		s.ended()
		close(w.block)
	})
}

// TestEndWhileRetiring asks the worker at once that accepts what is left, and closes what was bound for one that starts.
func TestEndWhileRetiring(t *testing.T) {
	playSockets(t, func(s *stage, w *wants, had []kernel.Address) {
		first := s.serves(1)
		w.addrs = w.addrs[:1]
		s.request(s.reloads)
		s.serves(2)
		s.request(s.ends)
		s.signalled(first, syscall.SIGTERM, syscall.SIGCONT)
		if err := s.returns(); err != nil {
			t.Error(err)
		}
		if listens(had[0]) || listens(had[1]) {
			t.Error("the sockets are open")
		}
	})
	playSockets(t, func(s *stage, w *wants, _ []kernel.Address) {
		s.serves(1)
		w.addrs = append(w.addrs, loopbackOf("127.0.0.3"))
		s.request(s.reloads)
		added := s.change.Added()[0]
		s.ended()
		if listens(added) {
			t.Error("the socket is open")
		}
	})
}

// TestDeathWhileRetiring goes on without the worker that was to accept what is left, or with another in the place of the new
// one.
func TestDeathWhileRetiring(t *testing.T) {
	playSockets(t, func(s *stage, w *wants, had []kernel.Address) {
		first := s.serves(1)
		w.addrs = w.addrs[:1]
		s.request(s.reloads)
		second := s.serves(2)
		s.dies(first, errKilled)
		s.dies(second, errKilled)
		s.pass(groupPause)
		s.request(s.reloads)
		s.pass(retireAfter + closeSpare)
		if s.retired != nil || listens(had[1]) {
			t.Error("the address is not closed")
		}
		s.serves(3)
		s.serves(4)
		s.ended()
	})
}
