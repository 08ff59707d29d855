package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// dial connects with a receive buffer that makes the server wait for the client early, from an address of
// the client's choice; empty: the system's.
func dial(address, from string, receiveBytes int) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: time.Minute}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	if receiveBytes > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBytes)
			})
		}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return tcp, tcp.SetDeadline(time.Now().Add(time.Minute))
}

// unfinished are connections that have sent the first bytes of a request and send no more: the server has
// accepted them, deferred or not, and waits. A fault may end one at any time, from its first moment on.
type unfinished []net.Conn

func begin(t *testing.T, s *harness.Server, count int) unfinished {
	t.Helper()
	return beginWith(t, s, count, "GET /")
}

// beginWith lets the connections send another text.
func beginWith(t *testing.T, s *harness.Server, count int, text string) unfinished {
	t.Helper()
	var u unfinished
	for range count {
		conn, err := net.Dial("tcp", s.Address)
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		u = append(u, conn)
		_, _ = io.WriteString(conn, text)
	}
	return u
}

// leave may be called more than once.
func (u unfinished) leave() {
	for _, conn := range u {
		_ = conn.Close()
	}
}

// reset ends a connection as a client does that has crashed.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// leave asks for a path and leaves after so many bytes of the response.
func leave(address, path string, after int64, receiveBytes int) error {
	conn, err := dial(address, "", receiveBytes)
	if err != nil {
		return err
	}
	defer reset(conn)
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, conn, after)
	return err
}

// each calls do for every number below count, a few at a time, and fails the test for the first error.
func each(t *testing.T, count, workers int, do func(i int) error) {
	t.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				if err := do(i); err != nil {
					t.Errorf("%d: %v", i, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// responseHeadMin is what the head of either mode's response has at the least.
const responseHeadMin = 120

// TestAbortAtEveryByte lets clients leave at every byte of a request and of a response, and at many
// places of a large one, while others are served in full.
func TestAbortAtEveryByte(t *testing.T) {
	site := harness.NewSite(t)
	const edge = 400
	for _, directory := range []string{"static", "dynamic"} {
		site.Add(t, directory+"/edge", harness.Content(edge, 1))
	}
	onModes(t, func(t *testing.T, mode string) {
		server := start(t, mode, site.Root, harness.Options{})
		l := load(server, mode, site, 2)
		l.Pause = 10 * time.Millisecond
		running := l.Start()
		left := 0
		for _, directory := range []string{"static", "dynamic"} {
			request := "GET /" + directory + "/edge HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n"
			each(t, len(request)+1, 4, func(i int) error {
				conn, err := dial(server.Address, "", 0)
				if err != nil {
					return err
				}
				defer reset(conn)
				_, err = io.WriteString(conn, request[:i])
				return err
			})
			each(t, edge+responseHeadMin, 4, func(i int) error { return leave(server.Address, directory+"/edge", int64(i), 0) })
			const places = 60
			each(t, places, 4, func(i int) error {
				return leave(server.Address, directory+"/huge", int64(i)*151_111, 4096)
			})
			left += len(request) + 1 + edge + responseHeadMin + places
		}
		got := running.Stop()
		row(t, fmt.Sprintf("%d clients left at another byte each", left), got)
		got.Check(t, false)
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// TestStopped stops the server under load and lets it go on.
func TestStopped(t *testing.T) {
	site := harness.NewSite(t)
	onModes(t, func(t *testing.T, mode string) {
		server := start(t, mode, site.Root, harness.Options{})
		running := load(server, mode, site, 16).Start()
		for range 5 {
			time.Sleep(100 * time.Millisecond)
			server.Signal(t, syscall.SIGSTOP)
			time.Sleep(400 * time.Millisecond)
			server.Signal(t, syscall.SIGCONT)
		}
		served := running.Served()
		harness.Eventually(t, 20*time.Second, "it serves on", func() error {
			if n := running.Served() - served; n < 50 {
				return harness.Errorf("%d responses", n)
			}
			return nil
		})
		got := running.Stop()
		row(t, "stopped five times for 0.4 s", got)
		got.Check(t, false)
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// TestStorm connects and resets 20,000 times while others are served.
func TestStorm(t *testing.T) {
	const resets = 20_000
	site := harness.NewSite(t)
	onModes(t, func(t *testing.T, mode string) {
		server := start(t, mode, site.Root, harness.Options{})
		running := load(server, mode, site, 4).Start()
		begin := time.Now()
		each(t, resets, 8, func(i int) error {
			// Several addresses, for there are not enough ports of one to spare.
			conn, err := dial(server.Address, fmt.Sprintf("127.0.0.%d", 2+i%8), 0)
			if err != nil {
				return err
			}
			if i%4 == 0 {
				_, _ = io.WriteString(conn, "GET /static/small HTTP/1.1\r\n")
			}
			reset(conn)
			return nil
		})
		took := time.Since(begin)
		got := running.Stop()
		row(t, fmt.Sprintf("%d connections reset within %v", resets, took.Round(time.Millisecond)), got)
		got.Check(t, false)
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// TestIdleConnections holds 10,000 idle connections while others are served. The drop-in has room for
// 10,000 in all.
func TestIdleConnections(t *testing.T) {
	site := harness.NewSite(t)
	onModes(t, func(t *testing.T, mode string) {
		wanted := map[string]int{"dropin": 9_900, "serve": 10_000}[mode]
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if limit.Max < uint64(wanted)+5000 {
			t.Skipf("%d descriptors are not enough for %d connections and their files", limit.Max, wanted)
		}
		server := start(t, mode, site.Root, harness.Options{})
		empty := residentBytes(t, server)
		idle := make([]*net.TCPConn, wanted)
		defer func() {
			for _, conn := range idle {
				if conn != nil {
					reset(conn)
				}
			}
		}()
		each(t, wanted, 8, func(i int) (err error) {
			if idle[i], err = dial(server.Address, fmt.Sprintf("127.0.0.%d", 2+i%8), 0); err != nil {
				return err
			}
			_, err = io.WriteString(idle[i], "\r\n") // so that a deferred accept takes place; it begins no request
			return err
		})
		listeners := map[string]int{"dropin": 1, "serve": 2}[mode]
		harness.Eventually(t, 20*time.Second, "all are accepted", func() error {
			if got := server.Descriptors(t)["socket"] - listeners; got < wanted {
				return harness.Errorf("%d are", got)
			}
			return nil
		})
		before := processorTime(t, server)
		begin := time.Now()
		time.Sleep(500 * time.Millisecond)
		used, took := processorTime(t, server)-before, time.Since(begin)
		if used > took/2 {
			t.Errorf("%v of processor time in %v without a request", used, took)
		}
		got := load(server, mode, site, 8).Run(500)
		row(t, fmt.Sprintf("%d idle connections, which take %d bytes of memory each and %v of %v processor time",
			wanted, (residentBytes(t, server)-empty)/int64(wanted), used, took.Round(time.Millisecond)), got)
		got.Check(t, false)
		for _, conn := range idle {
			reset(conn)
		}
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}
