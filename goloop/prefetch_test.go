package goloop

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler/dropin"
	"aws/internal/kernel"
)

// coldKernel is the machine's own, whose checks find nothing in memory. It counts them, and what is prefetched.
type coldKernel struct {
	sleepyKernel
	checks, chunks int
}

func (k *coldKernel) Ask(job *kernel.Job) bool {
	if job.Kind == kernel.JobPrefetch {
		k.chunks++
	}
	return k.Kernel.Ask(job)
}

func (k *coldKernel) Do(ops []kernel.Op) {
	for i := range ops {
		if ops[i].Kind == kernel.OpResident {
			k.checks++
		}
	}
	k.run(ops)
}

func (k *coldKernel) Wait(changes []kernel.Op, timeout time.Duration) ([]kernel.Event, error) {
	return k.Kernel.Wait(changes, timeout)
}

// TestChunksBehindAPrefetchAreNotChecked downloads a file of several chunks that is not in memory: only the first one is checked.
func TestChunksBehindAPrefetchAreNotChecked(t *testing.T) {
	s := newSite(t)
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	h, err := dropin.New(root, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	const chunks = 4
	content := bytes.Repeat([]byte("0123456789abcdef"), chunks*sendfileBytes/16)
	content = content[:len(content)-100]
	if err := os.WriteFile(filepath.Join(s.dir, "static", "chunks"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	linux, _, err := kernel.NewLinux(kernel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	k := &coldKernel{sleepyKernel: sleepyKernel{Kernel: linux, cold: true}}
	fd, addr, err := kernel.Listen(kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, kernel.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoop(k, ServeConfig(), h, docroot.NewCache(dropin.CacheLimits(64)), fd)
	if err != nil {
		t.Fatal(err)
	}
	runForOne(t, l, addr, "static/chunks", content)
	if k.checks != 1 || k.chunks < chunks {
		t.Errorf("%d checks and %d prefetches, want 1 and %d", k.checks, k.chunks, chunks)
	}
}
