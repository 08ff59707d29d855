package goloop

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler/dropin"
	"aws/internal/kernel"
)

// slowMemory is a kernel whose worker threads bring no memory until it is released, and the first time say that
// there is none, if asked so.
type slowMemory struct {
	kernel.Kernel
	released atomic.Bool
	refuse   bool
	held     []*kernel.Job // the loop's, as all calls
}

func (k *slowMemory) Ask(j *kernel.Job) bool {
	if j.Kind != kernel.JobPopulate {
		return k.Kernel.Ask(j)
	}
	k.held = append(k.held, j)
	k.Wake()
	return true
}

func (k *slowMemory) FinishedJobs(list []*kernel.Job) int {
	n := k.Kernel.FinishedJobs(list)
	if !k.released.Load() && !k.refuse {
		return n
	}
	for len(k.held) > 0 && n < len(list) {
		list[n], k.held = k.held[0], k.held[1:]
		list[n].Class = kernel.Done
		if k.refuse {
			list[n].Class, k.refuse = kernel.Exhausted, false
			k.released.Store(true)
		}
		n++
	}
	return n
}

// newDropInLoop returns a loop over a kernel that is wrapped, and the address that it listens at.
func newDropInLoop(t *testing.T, s *site, wrap func(kernel.Kernel) kernel.Kernel) (*Loop, kernel.Address) {
	t.Helper()
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	handler, err := dropin.New(root, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	fd, addr, err := kernel.Listen(kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, kernel.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	linux, _, err := kernel.NewLinux(kernel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoop(wrap(linux), DropInConfig(), handler, docroot.NewCache(dropin.CacheLimits(64)), fd)
	if err != nil {
		t.Fatal(err)
	}
	return l, addr
}

// TestPoolIsNotHeldUpByMemory has worker threads that do not come to bringing memory, because all of them wait for
// disks, and a machine that has none for a while.
func TestPoolIsNotHeldUpByMemory(t *testing.T) {
	s := newSite(t)
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("refused %v", refuse), func(t *testing.T) {
			k := &slowMemory{refuse: refuse}
			l, addr := newDropInLoop(t, s, func(linux kernel.Kernel) kernel.Kernel {
				k.Kernel = linux
				return k
			})
			ended := make(chan error)
			go func() { ended <- l.Run() }()
			for _, path := range []string{"/dynamic/m", "/dynamic/large", "/dynamic/window"} {
				c, err := net.Dial("tcp", addr.String())
				if err != nil {
					t.Fatal(err)
				}
				_ = c.SetDeadline(time.Now().Add(30 * time.Second))
				if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				all, err := io.ReadAll(c)
				if want := s.files[path]; err != nil || len(all) < len(want) || string(all[len(all)-len(want):]) != string(want) {
					t.Errorf("%s: %d bytes, %v", path, len(all), err)
				}
				_ = c.Close()
			}
			k.released.Store(true)
			l.Shutdown()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if short := l.counts.PoolOutOfMemory; refuse != (short == 1) {
				t.Errorf("the machine was short of memory %d times", short)
			}
		})
	}
}
