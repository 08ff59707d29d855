package simkernel

import (
	"syscall"
	"time"

	"aws/internal/kernel"
)

// poison is what a buffer holds while the kernel owns it, so that bytes sent too early are seen to be
// wrong.
const poison = 0xDB

// flight is a read that the kernel has taken.
type flight struct {
	read   kernel.Read
	desc   *desc
	most   int64 // what the pages that were in memory allow; minus an errno that was certain
	result int64
	starve starving
}

// reads is the context of asynchronous reads, with the eventfd that counts completions: Reap clears
// it, so that completions which it leaves behind are not reported again.
type reads struct {
	event    *desc
	inFlight []*flight
	ready    []*flight // completed, in that order, and not yet reaped
}

// Slots implements kernel.Kernel.
func (k *Kernel) Slots() int {
	if !k.profile.AIO {
		return 0
	}
	return k.cfg.ReadsMax
}

// Submit implements kernel.Kernel.
func (k *Kernel) Submit(list []kernel.Read) (int, kernel.Class) {
	if !k.usable("Submit") {
		return 0, kernel.Fault
	}
	n, c := 0, kernel.Done
	for n < len(list) {
		if c = k.takeRead(list[n]); c != kernel.Done {
			break
		}
		n++
	}
	if n > 0 {
		k.progress++
	}
	k.mark(markRead, int64(n), int64(c))
	k.tracef("submit of %d reads: %d, %v", len(list), n, c)
	return n, c
}

// InFlight returns how many reads are with the kernel or have not been reaped.
func (k *Kernel) InFlight() int { return len(k.reads.inFlight) + len(k.reads.ready) }

// takeRead is what io_submit does with one read.
func (k *Kernel) takeRead(r kernel.Read) kernel.Class {
	switch {
	case !k.profile.AIO:
		return kernel.Unsupported
	case k.InFlight() >= k.cfg.ReadsMax:
		return kernel.Again
	case k.strikes(FaultReadRefused):
		return pick(k.rnd, kernel.Again, kernel.Again, kernel.Exhausted)
	}
	d, errno := k.lookupKind(r.FD, descFile, syscall.EINVAL, "read")
	if errno != 0 {
		return kernel.Fault
	}
	k.checkLocal(d, "io_submit")
	switch {
	case r.NoWait && !k.profile.NoWait, r.Offset < 0:
		return kernel.Unsupported
	case !r.NoWait && !d.direct:
		k.violate(r.FD, "a buffered read of %q that may wait: the loop sleeps on a disk", d.file.Name)
	}
	k.checkBuffer(r.FD, "read", r.Buf)
	for i := range r.Buf {
		r.Buf[i] = poison
	}
	f := &flight{read: r, desc: d, most: int64(len(r.Buf))}
	k.reads.inFlight = append(k.reads.inFlight, f)
	k.decide(f)
	k.tracef("read of fd %d at %d+%d, nowait %t, token %#x", r.FD, r.Offset, len(r.Buf), r.NoWait, r.Token)
	return kernel.Done
}

// decide settles what is certain when a read is taken, and when it completes.
func (k *Kernel) decide(f *flight) {
	r := &f.read
	if f.desc.direct {
		if !k.aligned(f) {
			f.most = -int64(syscall.EINVAL)
			k.complete(f)
			return
		}
		k.After(k.duration(k.profile.ReadTime, FaultReadLate), func() { k.complete(f) })
		return
	}
	if r.NoWait && r.Offset < f.desc.file.Size {
		if f.most = f.desc.file.inMemory(r.Offset, int64(len(r.Buf))); f.most == 0 {
			f.most = -int64(syscall.EAGAIN)
		}
	}
	if k.rnd.IntN(4) > 0 {
		k.complete(f) // as it is on Linux: what needs no disk is done inside io_submit
		return
	}
	k.After(k.duration(min(k.profile.ReadTime, memoryReadTime), FaultReadLate), func() { k.complete(f) })
}

// memoryReadTime is what a read takes at the most that needs no disk and is done later all the same.
const memoryReadTime = 200 * time.Microsecond

// aligned reports whether a direct read fits its file's demands.
func (k *Kernel) aligned(f *flight) bool {
	r, file := &f.read, f.desc.file
	mem, block := int64(max(file.memAlign, 1)), int64(max(file.fileAlign, 1))
	at, _ := k.mapOffset(r.Buf)
	if file.memAlign != 0 && at%mem == 0 && r.Offset%block == 0 && int64(len(r.Buf))%block == 0 {
		return true
	}
	k.violate(r.FD, "a direct read of %q at %d+%d to memory at %d is not aligned to %d and %d",
		file.Name, r.Offset, len(r.Buf), at, file.fileAlign, file.memAlign)
	return false
}

// complete fills the buffer and makes the outcome known.
func (k *Kernel) complete(f *flight) {
	for i, other := range k.reads.inFlight {
		if other == f {
			k.reads.inFlight = append(k.reads.inFlight[:i], k.reads.inFlight[i+1:]...)
			break
		}
	}
	f.result = k.readFile(f.desc, f.read.Buf, f.read.Offset, f.most, true)
	k.reads.ready = append(k.reads.ready, f)
	k.reads.event.readable = true
	k.mark(markRead, int64(f.read.Token), f.result)
	k.tracef("read with token %#x completes: %s", f.read.Token, result(f.result))
}

// readFile reads at most so many bytes of a file, as it is now, into a buffer.
func (k *Kernel) readFile(d *desc, buf []byte, offset, most int64, mayBeShort bool) int64 {
	f := d.file
	n := min(most, f.Size-offset)
	switch {
	case most < 0:
		return most
	case n <= 0:
		return 0
	}
	if n = f.readable(offset, n); n == 0 || k.strikes(FaultReadError) {
		f.Faulted++
		return -int64(syscall.EIO)
	}
	if mayBeShort && k.strikes(FaultShortRead) {
		short := k.between(1, n)
		if d.direct { // in whole blocks, if at all
			if short -= short % int64(f.fileAlign); short == 0 {
				short = n
			}
		}
		n = short
	}
	f.Fill(offset, buf[:n])
	return n
}

// Reap implements kernel.Kernel.
func (k *Kernel) Reap(done []kernel.ReadDone) int {
	if !k.usable("Reap") {
		return 0
	}
	k.reads.event.touch()
	k.reads.event.readable = false
	n := min(len(done), len(k.reads.ready))
	for i, f := range k.reads.ready[:n] {
		done[i] = kernel.ReadDone{Token: f.read.Token, Result: f.result}
	}
	k.reads.ready = append(k.reads.ready[:0], k.reads.ready[n:]...)
	if n > 0 {
		k.progress++
		k.tracef("reap %d", n)
	}
	k.mark(markRead, int64(n), 0)
	return n
}

// bufferUser returns a description of the read that fills a part of the buffer, if there is one.
func (k *Kernel) bufferUser(buf []byte) string {
	for _, list := range [...][]*flight{k.reads.inFlight, k.reads.ready} {
		for _, f := range list {
			if overlap(buf, f.read.Buf) {
				return "a read"
			}
		}
	}
	for _, p := range k.jobs.pending {
		if p.job.Kind != kernel.JobPopulate && overlap(buf, p.job.Buf) {
			return "a worker thread"
		}
	}
	return ""
}

func (r *reads) close(k *Kernel) {
	if n := k.InFlight(); n > 0 {
		k.violate(-1, "the kernel was closed with %d reads in flight or not reaped", n)
	}
}
