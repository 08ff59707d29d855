package goloop

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"aws/internal/kernel"
)

// stuckDisk is a kernel whose reads past the page cache, and whose probes for what is in memory of the files that they
// are of, are the test's: they say that nothing is in memory, and the reads do not complete until it is released.
type stuckDisk struct {
	kernel.Kernel
	cold     func(fd int32) bool
	released atomic.Bool
	stuck    atomic.Int64
	held     []kernel.Read // the loop's, as all calls
}

func (k *stuckDisk) Probe(fd int32, offset, n int64) kernel.Residency {
	if k.cold(fd) {
		return kernel.ResidencyNone
	}
	return k.Kernel.Probe(fd, offset, n)
}

func (k *stuckDisk) Submit(reads []kernel.Read) (int, kernel.Class) {
	n := 0
	for n < len(reads) {
		if k.stuck.Load() >= int64(k.Slots()) {
			return n, kernel.Again
		}
		if !reads[n].NoWait && !k.released.Load() {
			k.held = append(k.held, reads[n])
			k.stuck.Add(1)
			n++
			continue
		}
		if got, class := k.Kernel.Submit(reads[n : n+1]); got == 0 {
			return n, class
		}
		n++
	}
	return n, kernel.Done
}

func (k *stuckDisk) Reap(done []kernel.ReadDone) int {
	for len(k.held) > 0 && k.released.Load() {
		if n, _ := k.Kernel.Submit(k.held[:1]); n == 0 {
			break
		}
		k.held = k.held[1:]
		k.stuck.Add(-1)
	}
	return k.Kernel.Reap(done)
}

// nameOf returns the last element of the name of an open file.
func nameOf(fd int32) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return filepath.Base(name)
}

// While every read that a disk may have is stuck, files that are in memory are served as ever: small ones, such
// as are loaded whole, and such as are larger than a window.
func TestFilesInMemoryDoNotWaitForStuckDisks(t *testing.T) {
	s := newSite(t)
	for i := range 40 {
		if err := os.Link(filepath.Join(s.dir, "dynamic", "window"), filepath.Join(s.dir, "dynamic", fmt.Sprint("cold", i))); err != nil {
			t.Fatal(err)
		}
	}
	k := &stuckDisk{cold: func(fd int32) bool { return len(nameOf(fd)) > 4 && nameOf(fd)[:4] == "cold" }}
	l, addr := newDropInLoop(t, s, func(linux kernel.Kernel) kernel.Kernel {
		k.Kernel = linux
		return k
	})
	if l.k.Slots() == 0 {
		t.Skip("there is no kernel AIO")
	}
	ended := make(chan error)
	go func() { ended <- l.Run() }()
	get := func(path string, limit time.Duration) net.Conn {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(limit))
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var cold []net.Conn
	for i := range 40 {
		cold = append(cold, get(fmt.Sprint("/dynamic/cold", i), 2*time.Minute))
	}
	most := int64(l.k.Slots() - l.k.Slots()/4)
	for end := time.Now().Add(time.Minute); k.stuck.Load() < most; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("only %d of %d reads are stuck", k.stuck.Load(), most)
		}
	}
	for range 3 {
		for _, path := range []string{"/dynamic/k", "/dynamic/one", "/dynamic/m", "/dynamic/odd", "/dynamic/large", "/dynamic/buffer"} {
			all, err := io.ReadAll(get(path, time.Minute)) // the others wait for as long as the test
			if want := s.files[path]; err != nil || !bytes.HasSuffix(all, want) || len(all) < len(want)+10 {
				t.Errorf("%s: %d bytes, %v", path, len(all), err)
			}
		}
	}
	if n := k.stuck.Load(); n != most {
		t.Errorf("%d reads are stuck, and a disk may have %d", n, most)
	}
	k.released.Store(true)
	l.k.Wake()
	for i, c := range cold {
		all, err := io.ReadAll(c)
		if err != nil || !bytes.HasSuffix(all, s.files["/dynamic/window"]) {
			t.Errorf("cold%d: %d bytes, %v", i, len(all), err)
		}
	}
	l.Shutdown()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
