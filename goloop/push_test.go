package goloop

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"

	"golang.org/x/sys/unix"
)

// sleepyKernel is the machine's own, with a disk that gives one read between two sleeps of the loop, and
// the first part of a static file after some. Whenever the loop is about to sleep it looks what its sockets hold back.
type sleepyKernel struct {
	kernel.Kernel
	cold       bool // static files are not in memory before they have been prefetched
	passed     bool
	fds        map[int32]bool
	sleeps     int
	prefetches int
	held       []string
}

// runLoop runs a loop and returns a connection to it. stop ends both.
func runLoop(t *testing.T, l *Loop, addr kernel.Address) (conn net.Conn, stop func()) {
	t.Helper()
	var group sync.WaitGroup
	group.Go(func() {
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("tcp", addr.TCP.String())
	if err != nil {
		l.Shutdown()
		group.Wait()
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn, func() {
		_ = conn.Close()
		l.Shutdown()
		group.Wait()
	}
}

// runForOne runs a loop until it has responded to one request, which has to be with that content.
func runForOne(t *testing.T, l *Loop, addr kernel.Address, path string, content []byte) {
	t.Helper()
	conn, stop := runLoop(t, l, addr)
	defer stop()
	if _, err := io.WriteString(conn, "GET /"+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || !bytes.HasSuffix(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func (k *sleepyKernel) Submit(reads []kernel.Read) (int, kernel.Class) {
	if k.passed {
		return 0, kernel.Again
	}
	k.passed = true
	return k.Kernel.Submit(reads[:1])
}

func (k *sleepyKernel) Ask(job *kernel.Job) bool {
	if job.Kind == kernel.JobPrefetch {
		if k.prefetches++; k.prefetches <= prefetchesRefused {
			return false
		}
	}
	return k.Kernel.Ask(job)
}

// run carries operations out, and finds no static file in memory that is not prefetched.
func (k *sleepyKernel) run(ops []kernel.Op) {
	for i := 0; i < len(ops); i++ {
		if !k.cold || ops[i].Kind != kernel.OpResident || k.prefetches >= prefetchesRefused+1 {
			continue
		}
		k.Kernel.Do(ops[:i])
		ops[i].Result = -int64(unix.EAGAIN)
		if ops[i].Flags&kernel.Link != 0 && i > 0 && !ops[i-1].DoneInFull() {
			ops[i].Result = -int64(unix.ECANCELED)
		}
		for i++; i < len(ops) && ops[i].Flags&kernel.Link != 0; i++ {
			ops[i].Result = -int64(unix.ECANCELED)
		}
		ops, i = ops[i:], -1
	}
	k.Kernel.Do(ops)
}

// prefetchesRefused is how often the worker threads take no prefetch.
const prefetchesRefused = 3

func (k *sleepyKernel) Do(ops []kernel.Op) {
	k.run(ops)
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case kernel.OpAccept:
			if op.Result >= 0 {
				k.fds[int32(op.Result)] = true
			}
		case kernel.OpClose, kernel.OpReset, kernel.OpShutdown: // its end pushes what is there
			if op.Result >= 0 {
				delete(k.fds, op.FD)
			}
		default:
		}
	}
}

func (k *sleepyKernel) Wait(changes []kernel.Op, timeout time.Duration) ([]kernel.Event, error) {
	if timeout != 0 {
		k.passed = false
		for fd := range k.fds {
			if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQNSD); err == nil && n > 0 {
				k.held = append(k.held, fmt.Sprintf("%d bytes before a sleep of %v", n, timeout))
			}
			k.sleeps++
		}
	}
	return k.Kernel.Wait(changes, timeout)
}

// What has been sent of a response that has to wait, for a disk, for buffers or for a rate, is on its way before the
// loop sleeps: it does not wait in the socket for the rest (MSG_MORE, TCP_CORK), which takes up to 200 ms.
func TestUnfinishedResponseIsNotHeldBack(t *testing.T) {
	s := newSite(t)
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	dropIn, err := dropin.New(root, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	serve, err := fileserver.New(fileserver.Options{Mounts: []*docroot.Mount{
		{Prefix: "/static/", Strip: 1, Root: root, Dir: s.dir},
		{Prefix: "/dynamic/", Strip: 1, Root: root, Dir: s.dir, Kind: docroot.Dynamic},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const size = LargeBodyBytes + 100_003 // such a response has its socket corked, whichever handler it comes from
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
	for _, c := range []struct {
		name    string
		handler handler.Handler
		cork    bool
		path    string
		rate    int64
		cold    bool
	}{
		{name: "drop-in, loaded buffers", handler: dropIn, cork: true, path: "dynamic/tail"},
		{name: "drop-in, sendfile", handler: dropIn, cork: true, path: "static/tail", cold: true},
		{name: "serve, loaded buffers", handler: serve, path: "dynamic/tail"},
		{name: "serve, sendfile", handler: serve, path: "static/tail", cold: true},
		{name: "serve, loaded buffers at a rate", handler: serve, path: "dynamic/tail", rate: 240_000},
		{name: "serve, sendfile at a rate", handler: serve, path: "static/tail", rate: 240_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(s.dir, c.path)
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			linux, _, err := kernel.NewLinux(kernel.DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			k := &sleepyKernel{Kernel: linux, fds: map[int32]bool{}, cold: c.cold}
			fd, addr, err := kernel.Listen(kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, kernel.ListenOptions{Cork: c.cork})
			if err != nil {
				t.Fatal(err)
			}
			cfg := ServeConfig()
			cfg.Corked, cfg.RateMax = c.cork, c.rate
			cfg.BufferBytes, cfg.WindowBytes, cfg.PoolBytes = 4096, 8192, 1<<20
			l, err := NewLoop(k, cfg, c.handler, docroot.NewCache(dropin.CacheLimits(64)), fd)
			if err != nil {
				t.Fatal(err)
			}
			runForOne(t, l, addr, c.path, content)
			if len(k.held) > 0 {
				t.Errorf("held back %d times: %s", len(k.held), k.held[0])
			}
			if k.sleeps < 2 {
				t.Errorf("the loop slept only %d times: nothing was put to the test", k.sleeps)
			}
		})
	}
}
