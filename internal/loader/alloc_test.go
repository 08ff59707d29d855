//go:build !race && !asan && !msan && !goexperiment.cgocheck2

package loader

import (
	"testing"

	"aws/internal/docroot"
	"aws/internal/kernel"
)

// Nothing is allocated for a transfer once queues and pools have their size.
func TestNoAllocationPerTransfer(t *testing.T) {
	for _, c := range []struct {
		name   string
		chunks int64
		change func(*fakeKernel, *docroot.File)
	}{
		{"in memory", 4, func(*fakeKernel, *docroot.File) {}},
		{"in memory, beyond a window", 20, func(*fakeKernel, *docroot.File) {}},
		{"direct", 20, func(k *fakeKernel, _ *docroot.File) { k.residency = kernel.ResidencyNone }},
		{"by a worker thread", 20, func(_ *fakeKernel, f *docroot.File) { f.Remote = true }},
		{"missed", 20, func(k *fakeKernel, f *docroot.File) {
			k.results = func(r fakeRead) int64 {
				if r.fd == f.FD {
					return eagain
				}
				return int64(r.bytes)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFake(t, func(cfg *Config) { cfg.SubmitsMax = 3 })
			w.k.recorded = false
			c.change(w.k, w.file)
			transfer := func() {
				w.loaded = w.loaded[:0]
				other := w.start(w.file, c.chunks) // is released when some is loaded
				tr := w.start(w.file, c.chunks)
				w.start(w.file, c.chunks).Release() // while its reads are queued
				for n := 0; tr.Remaining() > 0; n++ {
					if n > 1000 {
						t.Fatal("the transfer does not end")
					}
					w.iterate()
					if n == 1 {
						other.Release()
					}
					for tr.Ready() && tr.Remaining() > 0 {
						w.send(tr, 1)
					}
					tr.Await()
				}
				tr.Release()
				w.iterate()
			}
			for range 20 { // until queues and pools have their size
				transfer()
			}
			if n := testing.AllocsPerRun(100, transfer); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
