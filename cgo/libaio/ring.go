package libaio

import (
	"sync/atomic"
	"unsafe"
)

// ring opens the kernel's completion ring, which io_setup maps into the process and whose address is
// the context itself (struct aio_ring of the kernel's fs/aio.c). It is not a documented interface, but
// libaio reads the same fields when it answers a zero timeout, and the magic names the layout.
type ring struct {
	id               uint32
	slots            uint32
	head             uint32 // of the next completion to be reaped; moved by io_getevents
	tail             uint32 // behind the last completion; moved by the kernel at any time
	magic            uint32
	compatFeatures   uint32
	incompatFeatures uint32
	headerLength     uint32
}

const ringMagic = 0xa10a10a1

// PeekRing turns on or off that Ready looks into the kernel's completion ring, which saves a
// cgo call when nothing is there. It reports whether the peeking is on: it stays off if the ring is
// not laid out as this package knows it. It is off unless asked for; leave it off under valgrind,
// whose own emulation of these calls need not keep the ring.
func (c *Context) PeekRing(on bool) bool {
	c.assertOpen()
	c.ring = nil
	if on {
		r := (*ring)(unsafe.Pointer(c.raw.kernel))
		if r.magic == ringMagic && r.incompatFeatures == 0 &&
			r.headerLength == uint32(unsafe.Sizeof(ring{})) {
			c.ring = r
		}
	}
	return c.ring != nil
}

// Ready reports whether a completion may be waiting. False is certain. True is certain with
// PeekRing; without it, true only says that something is in flight. It never enters the kernel.
func (c *Context) Ready() bool {
	c.assertOpen()
	if c.inFlight == 0 {
		return false
	}
	return c.ring == nil || atomic.LoadUint32(&c.ring.head) != atomic.LoadUint32(&c.ring.tail)
}
