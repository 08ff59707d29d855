package goloop

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
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
	root, err := kernel.OpenRoot(s.dir)
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

// submits notes of which files reads are submitted, in order.
type submits struct {
	kernel.Kernel
	l     *Loop
	fds   []int32
	wrong int // connections in line that have been served
}

func (k *submits) Submit(reads []kernel.Read) (int, kernel.Class) {
	for _, r := range reads {
		k.fds = append(k.fds, r.FD)
	}
	q := &k.l.pool.later
	for i := q.head; i < len(q.items); i += 2 {
		if c := k.l.conns.bySlot[q.items[i]]; c.win == nil || c.win.next > c.win.head {
			k.wrong++
		}
	}
	return k.Kernel.Submit(reads)
}

// Files that are in memory and fit the window are loaded one after another, however many are asked for at once.
func TestFilesInMemoryAreLoadedInTurn(t *testing.T) {
	s := newSite(t)
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		if err := os.Link(filepath.Join(s.dir, "dynamic", "window"), filepath.Join(s.dir, "dynamic", name)); err != nil {
			t.Fatal(err)
		}
	}
	k := &submits{}
	l, addr := newDropInLoop(t, s, func(linux kernel.Kernel) kernel.Kernel {
		k.Kernel = linux
		return k
	})
	k.l = l
	for p := &l.pool; p.grown < len(p.bufs); p.grown++ { // else they wait for one another's memory
		p.free = append(p.free, int32(p.grown))
		p.available++
	}
	var conns []net.Conn
	for _, name := range names { // all of them wait in the backlog when the loop begins
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(c, "GET /dynamic/"+name+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	ended := make(chan error)
	go func() { ended <- l.Run() }()
	want := s.files["/dynamic/window"]
	for i, c := range conns {
		all, err := io.ReadAll(c)
		if err != nil || len(all) < len(want) || string(all[len(all)-len(want):]) != string(want) {
			t.Errorf("%s: %d bytes, %v", names[i], len(all), err)
		}
	}
	l.Shutdown()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if l.counts.ReadsMissed > 0 || l.counts.ReadsDirect > 0 {
		t.Skip("the files were not in memory")
	}
	if k.wrong > 0 {
		t.Errorf("%d times a connection was in line whose file had been asked for: another one in its place overtakes others", k.wrong)
	}
	changes := 0
	for i := 1; i < len(k.fds); i++ {
		if k.fds[i] != k.fds[i-1] {
			changes++
		}
	}
	if each := len(want) / l.cfg.BufferBytes; len(k.fds) != each*len(names) || changes != len(names)-1 {
		t.Errorf("%d reads went from one file to another %d times: %v", len(k.fds), changes, k.fds)
	}
}
