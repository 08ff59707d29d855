package simkernel

import (
	"syscall"

	"aws/internal/kernel"
)

// readRecords is preadv2(2) into memory that has the form of TLS records. With RWF_NOWAIT it returns what is in memory up to the first
// page that is not; without, a page that is missing is waited for, and that is a violation.
func (k *Kernel) readRecords(op *kernel.Op) int64 {
	d, errno := k.lookupKind(op.File, descFile, syscall.EINVAL, "preadv2 from")
	if errno != 0 {
		return -int64(errno)
	}
	buf := op.Records()
	k.checkBuffer(op.FD, "preadv2", buf)
	f := d.file
	n := min(op.Len(), f.Size-op.Offset)
	if n <= 0 || op.Offset < 0 {
		return 0
	}
	if op.Mask&kernel.ReadWaits != 0 {
		k.stall(d, op.Offset, n)
	} else {
		k.checkLocal(d, "preadv2")
		if !k.profile.NoWait {
			return -int64(syscall.EOPNOTSUPP)
		}
		if there := f.inMemory(op.Offset, n); there < n {
			if n = there; n == 0 {
				return -int64(syscall.EAGAIN)
			}
		}
		f.used = k.clock.now
	}
	if n > 1 && k.strikes(FaultShortRead) {
		n = k.between(1, n)
	}
	if n = f.readable(op.Offset, n); n == 0 || f.content == nil && k.strikes(FaultReadError) {
		f.Faulted++
		return -int64(syscall.EIO)
	}
	head, tail := int64(kernel.RecordHead), int64(kernel.RecordTail)
	if op.Mask&kernel.ReadFrames != 0 {
		head, tail = kernel.FrameHead, 0
	}
	for done := int64(0); done < n; done += kernel.RecordContent {
		at := done/kernel.RecordContent*(kernel.RecordContent+head+tail) + head
		f.Fill(op.Offset+done, buf[at:at+min(kernel.RecordContent, n-done)])
	}
	return n
}
