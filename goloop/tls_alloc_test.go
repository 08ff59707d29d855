//go:build !race && !asan && !msan && !goexperiment.cgocheck2

package goloop

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/tlsrecord"

	"golang.org/x/sys/unix"
)

// tlsAllocClient is a client whose connection is kept, and that allocates nothing for a request.
type tlsAllocClient struct {
	t      testing.TB
	fd     int
	sender tlsrecord.Sender
	wire   []byte
	buf    []byte
	got    int // bytes of records
}

// newTLSAllocClient does a handshake with a loop, which the test's goroutine iterates.
func newTLSAllocClient(t testing.TB, l *Loop, c *client, cfg *tls.Config) *tlsAllocClient {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Connect(fd, &c.addr); err != nil {
		t.Fatal(err)
	}
	var secrets tlsrecord.Secrets
	cfg = cfg.Clone()
	cfg.KeyLogWriter = &secrets
	done := make(chan tls.ConnectionState)
	conn := tls.Client(&rawConn{fd: fd}, cfg)
	go func() {
		if err := conn.Handshake(); err != nil {
			t.Error(err)
		}
		done <- conn.ConnectionState()
	}()
	var state tls.ConnectionState
	for state.Version == 0 && !t.Failed() {
		if _, err := l.Iterate(); err != nil {
			t.Fatal(err)
		}
		select {
		case state = <-done:
		default:
			l.k.Wake()
		}
	}
	a := &tlsAllocClient{t: t, fd: fd, buf: make([]byte, 1<<20)}
	if err := a.sender.Init(state.CipherSuite, secrets.Client, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return a
}

// measure sends a request and returns how many bytes of records its response takes.
func (a *tlsAllocClient) measure(l *Loop, request []byte) int {
	a.get(l, request, 1)
	sum := a.got
	for quiet := 0; quiet < 50; {
		l.k.Wake()
		a.get(l, nil, 0)
		if sum += a.got; a.got > 0 {
			quiet = 0
			continue
		}
		time.Sleep(time.Millisecond)
		quiet++
	}
	return sum
}

// get sends a request and iterates until so many bytes of records have come, and at least once.
func (a *tlsAllocClient) get(l *Loop, request []byte, records int) {
	a.got = 0
	if request != nil {
		a.send(request)
	}
	for first := true; first || a.got < records; first = false {
		if _, err := l.Iterate(); err != nil {
			a.t.Fatal(err)
		}
		a.receive()
	}
}

func (a *tlsAllocClient) send(request []byte) {
	a.wire = a.sender.Seal(a.wire[:0], tlsrecord.TypeData, request)
	if _, err := unix.Write(a.fd, a.wire); err != nil {
		a.t.Fatal(err)
	}
}

// receive takes what has come.
func (a *tlsAllocClient) receive() {
	for {
		n, err := unix.Read(a.fd, a.buf)
		if err == unix.EAGAIN {
			return
		}
		if n <= 0 {
			a.t.Fatal(n, err)
		}
		a.got += n
	}
}

// rawConn is a blocking socket.
type rawConn struct {
	net.Conn
	fd int
}

func (c *rawConn) Read(b []byte) (int, error) {
	n, err := unix.Read(c.fd, b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (c *rawConn) Write(b []byte) (int, error) { return unix.Write(c.fd, b) }

// TestNoAllocationPerTLSRequest has requests on kept connections of TLS 1.3.
func TestNoAllocationPerTLSRequest(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/k", "/buffer", "/m", "/dynamic/k", "/dynamic/m"} {
		t.Run(path, func(t *testing.T) {
			secure, pool := newTestTLS(t)
			cfg := ServeConfig()
			cfg.TLS, cfg.Secure = secure, []bool{true}
			handler, err := fileserver.New(serveOptions(t, s))
			if err != nil {
				t.Fatal(err)
			}
			l, c := newAllocLoopOf(t, handler, cfg, dropin.CacheLimits(64))
			var watch oneRecord
			l.recorder.sink, l.cfg.Tracer, l.publisher.enabled, l.clock.precise = &watch, &watch, true, true
			a := newTLSAllocClient(t, l, c, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			request := []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
			a.measure(l, request)
			records := a.measure(l, request)
			for range 30 {
				a.get(l, request, records)
			}
			if n := testing.AllocsPerRun(100, func() { a.get(l, request, records) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if f := watch.r.TLS; watch.puts < 100 || f == nil || f.ServerName != "localhost" || f.Version != tls.VersionTLS13 {
				t.Errorf("%d records, the latest of %+v", watch.puts, f)
			}
		})
	}
}
