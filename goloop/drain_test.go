package goloop

import (
	"bufio"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
)

// TestDrainKeepsAConnectionWhoseResponseWasNotItsLast has a response under way when the drain begins, which
// has not said that it is the last: the client may ask once more, as long afterwards as others may.
func TestDrainKeepsAConnectionWhoseResponseWasNotItsLast(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) { cfg.Loop.DrainIdle = 700 * time.Millisecond })
	c := dial(t, server)
	ask := func() {
		if _, err := io.WriteString(c, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	r := bufio.NewReader(c)
	first, err := http.ReadResponse(r, nil)
	if err != nil || first.Close {
		t.Fatal(first, err)
	}
	server.Shutdown()
	time.Sleep(time.Second) // longer than DrainIdle
	if left, draining := server.Left(); !draining || left.Conns != 1 || left.Sending != 1 {
		t.Errorf("%v, %+v", draining, left)
	}
	if n, err := io.Copy(io.Discard, first.Body); err != nil || n != int64(len(s.files["/static/large"])) {
		t.Fatal(n, err)
	}
	ask()
	second, err := http.ReadResponse(r, nil)
	if err != nil || !second.Close {
		t.Fatal(second, err)
	}
	if n, err := io.Copy(io.Discard, second.Body); err != nil || n != int64(len(s.files["/static/large"])) {
		t.Fatal(n, err)
	}
	if n, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the last response: %d, %v", n, err)
	}
	if n := server.CutOff(); n != 0 {
		t.Errorf("%d connections were cut off", n)
	}
}

// stuck is a handler that holds up its loop.
type stuck struct {
	handler.Handler
	once       sync.Once
	begun, let chan struct{}
}

func (s *stuck) Prepare(f *docroot.File) {
	s.once.Do(func() { close(s.begun) })
	<-s.let
	s.Handler.Prepare(f)
}

// TestPulse has loops that iteration, one that stands still, and one that has ended.
func TestPulse(t *testing.T) {
	s := newSite(t)
	d := &stuck{begun: make(chan struct{}), let: make(chan struct{})}
	server := startDropIn(t, s, func(cfg *ServerConfig) {
		cfg.Loops = 2
		d.Handler = cfg.Handler
		cfg.Handler = d
	})
	pulse := server.Pulse()
	beats := func(want bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); pulse.Beat() != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the pulse is not %v", want)
			}
		}
	}
	beats(true)
	beats(true) // although nothing happens
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		checkFile(t, s, server, "/static/k")
	}()
	<-d.begun
	for range 3 {
		beats(false)
	}
	close(d.let)
	<-asked
	beats(true)
	server.Shutdown()
	for server.loops[0].beat.Load() != beatOver || server.loops[1].beat.Load() != beatOver {
		time.Sleep(time.Millisecond)
	}
	beats(true)
}

// stopper shuts its loop down while that takes in responses.
type stopper struct {
	kernel.Kernel
	loop *Loop
	once sync.Once
}

func (s *stopper) FinishedJobs(jobs []*kernel.Job) int {
	s.once.Do(s.loop.Shutdown)
	return s.Kernel.FinishedJobs(jobs)
}

// TestShutdownWithinATurn: that the loop is to end is not forgotten with the wake-up that has come for something else.
func TestShutdownWithinATurn(t *testing.T) {
	k, _, err := kernel.NewLinux(kernel.Config{EventsMax: 8, WorkersMax: 1, JobsMax: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &stopper{Kernel: k}
	handler, err := dropin.New(-1, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if s.loop, err = NewLoop(s, DropInConfig(), handler, docroot.NewCache(dropin.CacheLimits(8))); err != nil {
		t.Fatal(err)
	}
	k.Wake()
	ended := make(chan error, 1)
	go func() { ended <- s.loop.Run() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the loop goes on")
	}
}

// TestDrainGivesUpSharedSockets has a socket that another process has open as well.
func TestDrainGivesUpSharedSockets(t *testing.T) {
	fd, addr, err := kernel.Listen(kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, kernel.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := kernel.Duplicate(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kernel.CloseAll([]int32{other}) }()
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
		cfg.Listen, cfg.Sockets = []kernel.Address{addr}, [][]int32{{fd}}
		cfg.Loop.DrainIdle, cfg.Loop.DrainTimeout = time.Hour, time.Hour // the loop iterates until the client has gone
	})
	c := dial(t, server)
	if _, err := io.WriteString(c, "GET /k HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1024)); err != nil { // the connection is the loop's
		t.Fatal(err)
	}
	server.Shutdown()
	for { // until it drains
		if _, draining := server.Left(); draining {
			break
		}
		time.Sleep(time.Millisecond)
	}
	before := server.loops[0].beat.Load()
	_ = dial(t, server) // waits in the backlog, for the other process
	time.Sleep(200 * time.Millisecond)
	if iterations := server.loops[0].beat.Load() - before; iterations > 20 {
		t.Errorf("%d iterations in 200 ms for a connection that is not the loop's", iterations)
	}
}
