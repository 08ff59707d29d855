package http2

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestNoRequestIsLost replaces workers while clients send 100,000 requests: none fails.
func TestNoRequestIsLost(t *testing.T) {
	const requests, clients, each = 100_000, 4, 16
	s := serve(t, newRoot(t), "--supervise")
	var sent, failed, first atomic.Int64
	var group sync.WaitGroup
	stop, over := context.WithCancel(t.Context())
	defer over()
	for i := range clients {
		c, base := client(t, s, i%2 == 0)
		for j := range each {
			group.Go(func() {
				names := []string{"small", "page", "dynamic/small", "dir/b", "small", "small", "style.css", "empty"}
				for k := j; sent.Add(1) <= requests; k++ {
					if err := fetch(stop, c, base, names[k%len(names)]); err != nil {
						if failed.Add(1) == 1 {
							t.Errorf("request %d: %v", sent.Load(), err)
						}
					}
					first.CompareAndSwap(0, 1)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	replaced := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(700 * time.Millisecond):
			s.Signal(t, []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR2}[replaced%2]) // a reload, an upgrade
			replaced++
		}
	}
	if failed.Load() > 0 || replaced == 0 {
		t.Errorf("%d requests of %d have failed, with %d replacements", failed.Load(), requests, replaced)
	}
	t.Logf("%d requests, %d replacements of the worker", requests, replaced)
}

// TestShutdown ends a server while a large file is being sent: the stream is completed, and a client without a stream learns of the end.
func TestShutdown(t *testing.T) {
	s := serve(t, newRoot(t))
	both(t, func(t *testing.T, secure bool) {
		s := s
		if secure {
			s = serve(t, newRoot(t))
		}
		c, base := client(t, s, secure)
		r, err := c.Get(base + "/large")
		if err != nil {
			t.Fatal(err)
		}
		s.Signal(t, syscall.SIGTERM)
		began := time.Now()
		n := 0
		buf := make([]byte, 64<<10)
		for {
			m, err := r.Body.Read(buf)
			n += m
			if err != nil {
				break
			}
		}
		if n != len(contents["large"]) {
			t.Errorf("%d bytes", n)
		}
		if code := s.Wait(t); code != 0 {
			t.Errorf("exit status %d", code)
		}
		if d := time.Since(began); d > 8*time.Second {
			t.Errorf("the server has taken %v", d)
		}
		if _, err := c.Get(base + "/small"); err == nil {
			t.Error("another request is served")
		}
	})
}
