package loader

import (
	"slices"
	"testing"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/stats"
)

// Each read is tried by one read method after the other, each of which has its counter, and what a file refuses is
// remembered with it.
func TestReadMethods(t *testing.T) {
	const (
		noWait = stats.ReadNoWait
		direct = stats.ReadDirect
		thread = stats.ReadThread
	)
	// results is the outcomes of the reads in turn; those that are missing bring all bytes.
	for _, c := range []struct {
		name      string
		residency kernel.Residency
		change    func(*fakeKernel, *docroot.File)
		results   []int64
		methods   []stats.ReadMethod
		probes    int
		missed    uint64
		short     uint64
		noWaitOff bool
		directOff bool
	}{
		{name: "in memory", residency: kernel.ResidencyFull, methods: []stats.ReadMethod{noWait}, probes: 1},
		{name: "in part in memory", residency: kernel.ResidencyPart, methods: []stats.ReadMethod{noWait}, probes: 2},
		{name: "not in memory", residency: kernel.ResidencyNone, methods: []stats.ReadMethod{direct}, probes: 2},
		{name: "nobody knows", residency: kernel.ResidencyUnknown, methods: []stats.ReadMethod{noWait}, probes: 2},
		{
			name: "missed", residency: kernel.ResidencyUnknown, results: []int64{eagain},
			methods: []stats.ReadMethod{noWait, direct}, probes: 2, missed: 1,
		},
		{
			name: "short", residency: kernel.ResidencyPart, results: []int64{1000},
			methods: []stats.ReadMethod{noWait, noWait}, probes: 3, short: 1,
		},
		{
			name: "refused when it completes", residency: kernel.ResidencyFull, results: []int64{enotsup},
			methods: []stats.ReadMethod{noWait, direct}, probes: 1, noWaitOff: true,
		},
		{
			name: "refused when it is submitted", residency: kernel.ResidencyFull,
			change: func(k *fakeKernel, _ *docroot.File) {
				k.accept = func(r fakeRead) kernel.Class {
					if r.method == noWait {
						return kernel.Unsupported
					}
					return kernel.Done
				}
			},
			methods: []stats.ReadMethod{direct}, probes: 1, noWaitOff: true,
		},
		{
			name: "refused before", residency: kernel.ResidencyFull,
			change:  func(_ *fakeKernel, f *docroot.File) { f.NoWaitOff.Store(true) },
			methods: []stats.ReadMethod{direct}, noWaitOff: true,
		},
		{
			name: "no direct reads", residency: kernel.ResidencyNone,
			change:  func(k *fakeKernel, _ *docroot.File) { k.direct = kernel.Unsupported },
			methods: []stats.ReadMethod{thread}, probes: 2, directOff: true,
		},
		{
			name: "no direct reads, as the first one says", residency: kernel.ResidencyNone, results: []int64{einval},
			methods: []stats.ReadMethod{direct, thread}, probes: 2, directOff: true,
		},
		{
			name: "neither", residency: kernel.ResidencyFull, results: []int64{enotsup, enotsup},
			methods: []stats.ReadMethod{noWait, direct, thread}, probes: 1, noWaitOff: true, directOff: true,
		},
		{
			name: "no alignment is known", residency: kernel.ResidencyNone,
			change:  func(_ *fakeKernel, f *docroot.File) { f.MemAlign, f.FileAlign = 0, 0 },
			methods: []stats.ReadMethod{thread}, probes: 2, directOff: true,
		},
		{
			name: "alignment beyond a buffer", residency: kernel.ResidencyNone,
			change:  func(_ *fakeKernel, f *docroot.File) { f.FileAlign = 2 * fakeBuffer },
			methods: []stats.ReadMethod{thread}, probes: 2, directOff: true,
		},
		{
			name: "alignment beyond a page", residency: kernel.ResidencyNone,
			change:  func(_ *fakeKernel, f *docroot.File) { f.MemAlign = 2 * pageBytes },
			methods: []stats.ReadMethod{thread}, probes: 2, directOff: true,
		},
		{
			name: "no descriptors for now", residency: kernel.ResidencyNone,
			change:  func(k *fakeKernel, _ *docroot.File) { k.direct = kernel.Exhausted },
			methods: []stats.ReadMethod{thread}, probes: 2,
		},
		{
			name: "a descriptor is there", residency: kernel.ResidencyNone,
			change: func(k *fakeKernel, f *docroot.File) {
				k.direct = kernel.Fault
				f.Direct.Store(directFD + fakeFD)
			},
			methods: []stats.ReadMethod{direct}, probes: 2,
		},
		{
			name: "no kernel AIO", residency: kernel.ResidencyFull,
			change:  func(k *fakeKernel, _ *docroot.File) { k.slots = 0 },
			methods: []stats.ReadMethod{thread},
		},
		{
			name: "remote", residency: kernel.ResidencyFull,
			change:  func(_ *fakeKernel, f *docroot.File) { f.Remote = true },
			methods: []stats.ReadMethod{thread},
		},
		{
			name: "a direct read that ends before what is missing", residency: kernel.ResidencyNone,
			results: []int64{1000, 300}, // the second one begins at 512
			methods: []stats.ReadMethod{direct, direct, thread}, probes: 3, short: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFake(t, nil)
			w.k.residency = c.residency
			if c.change != nil {
				c.change(w.k, w.file)
			}
			w.k.results = func(r fakeRead) int64 {
				if n := len(w.k.reads) - 1; n < len(c.results) {
					return c.results[n]
				}
				return int64(r.bytes)
			}
			tr := w.start(w.file, 1)
			for range 5 {
				w.iterate()
			}
			if !tr.Ready() || len(w.failed) > 0 {
				t.Errorf("ready %t, failures %v", tr.Ready(), w.failed)
			}
			var methods []stats.ReadMethod
			var counts [stats.ReadMethodCount]uint64
			for _, r := range w.k.reads {
				methods = append(methods, r.method)
				counts[r.method]++
				if fd := map[bool]int32{false: fakeFD, true: fakeFD + directFD}[r.method == direct]; r.fd != fd {
					t.Errorf("%v read of descriptor %d, want %d", r.method, r.fd, fd)
				}
			}
			if !slices.Equal(methods, c.methods) {
				t.Errorf("read by %v, want %v", methods, c.methods)
			}
			n := &w.counts
			if got := [3]uint64{n.ReadsNoWait, n.ReadsDirect, n.ReadsByThread}; got != [3]uint64(counts[1:]) {
				t.Errorf("counted %d, want %d", got, counts[1:])
			}
			if n.ReadsMissed != c.missed || n.ReadsShort != c.short || w.k.probes != c.probes {
				t.Errorf("%d missed, %d short, %d probes, want %d, %d, %d",
					n.ReadsMissed, n.ReadsShort, w.k.probes, c.missed, c.short, c.probes)
			}
			if w.file.NoWaitOff.Load() != c.noWaitOff || w.file.DirectOff.Load() != c.directOff {
				t.Errorf("NoWaitOff %t, DirectOff %t", w.file.NoWaitOff.Load(), w.file.DirectOff.Load())
			}
			tr.Release()
			w.l.CheckReleased()
		})
	}
}

// The outcomes that end a transfer.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		result    int64
		truncated bool
	}{{0, true}, {eio, false}} {
		w := newFake(t, nil)
		w.k.results = func(fakeRead) int64 { return c.result }
		w.start(w.file, 1)
		w.iterate()
		if !slices.Equal(w.failed, []bool{c.truncated}) || w.counts.Truncated+w.counts.DiskFaults != 1 {
			t.Errorf("result %d: failures %v, truncated %d, faults %d", c.result, w.failed, w.counts.Truncated, w.counts.DiskFaults)
		}
		w.l.CheckReleased()
		if w.l.recycled.Len() != 1 {
			t.Error("the transfer is not used again")
		}
	}
}

// A direct read is aligned to what the file demands of the offset, the length and the memory.
func TestDirectReadsAreAligned(t *testing.T) {
	for _, c := range []struct {
		memAlign, fileAlign  uint32
		filled, bytes        int
		wantFrom, wantLength int
	}{
		{512, 512, 0, 4096, 0, 4096},
		{512, 512, 1000, 4096, 512, 3584},
		{512, 512, 1024, 1025, 1024, 512},
		{512, 4096, 1000, 4096, 0, 4096},
		{4, 512, 1000, 1001, 512, 512},
		{4096, 512, 1000, 4096, 0, 4096},
		{4096, 512, 5000, 8000, 4096, 4096},
		{1024, 512, 2560, 3000, 2048, 1024},
	} {
		w := newFake(t, nil)
		w.file.MemAlign, w.file.FileAlign = c.memAlign, c.fileAlign
		b := &buffer{
			mem: make([]byte, 8192), transfer: &Transfer{file: w.file}, method: stats.ReadDirect,
			chunk: 3, bytes: c.bytes, filled: c.filled,
		}
		r := w.l.readOf(b, 7)
		if from := int(r.Offset - 3*8192); from != c.wantFrom || len(r.Buf) != c.wantLength || b.readFrom != from {
			t.Errorf("%+v: reads %d+%d", c, from, len(r.Buf))
		}
		if r.NoWait || r.Token != 7 {
			t.Errorf("%+v: NoWait %t, token %d", c, r.NoWait, r.Token)
		}
	}
}
