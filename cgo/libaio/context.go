package libaio

/*
#cgo CFLAGS: -O2 -Wall -Wextra -I${SRCDIR}/../include
#cgo LDFLAGS: -laio
#cgo noescape aws_aio_submit
#cgo nocallback aws_aio_new
#cgo nocallback aws_aio_setup
#cgo nocallback aws_aio_probe
#cgo nocallback aws_aio_reserve
#cgo nocallback aws_aio_set_handle
#cgo nocallback aws_aio_submit
#cgo nocallback aws_aio_reap
#cgo nocallback aws_aio_wait
#cgo nocallback aws_aio_destroy
#cgo nocallback aws_aio_free
#include "aws_aio.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"unsafe"

	_ "aws/cgo/include" // so that a change of a header rebuilds this package

	"github.com/mattn/go-pointer"
	"golang.org/x/sys/unix"
)

// NoWait is RWF_NOWAIT, a value for Read.Flags: a read that would have to wait for the disk has the
// result -EAGAIN instead, or is short where only its beginning is in memory. Files that do not know
// it refuse the read with EOPNOTSUPP at submission (Linux 4.14 for the usual filesystems).
const NoWait uint32 = C.AWS_AIO_NOWAIT

// slotsFloor is where Setup stops halving: fewer slots than this serve nobody.
const slotsFloor = 8

// closeWaitMs is how long one sleep of Close lasts before it looks again.
const closeWaitMs = 1000

// Read describes one request: Len bytes from Offset of the descriptor FD to Buf.
//
// Buf is an address in C memory, and the kernel's from the moment that Submit accepts the read
// until its completion is reaped. Token comes back in Done, and means nothing to this package.
type Read struct {
	FD     int32
	Flags  uint32 // 0 or NoWait
	Offset int64
	Len    uint32
	Buf    unsafe.Pointer
	Token  uint64
}

// Done is a completed request: the Token of its Read, and the count of bytes or minus an errno.
type Done struct {
	Token  uint64
	Result int64
}

// The C shim reads a []Read in place. These fail to compile where the layouts differ.
var (
	_ [unsafe.Sizeof(Read{})]byte          = [unsafe.Sizeof(C.struct_aws_aio_read{})]byte{}
	_ [unsafe.Offsetof(Read{}.Flags)]byte  = [unsafe.Offsetof(C.struct_aws_aio_read{}.flags)]byte{}
	_ [unsafe.Offsetof(Read{}.Offset)]byte = [unsafe.Offsetof(C.struct_aws_aio_read{}.offset)]byte{}
	_ [unsafe.Offsetof(Read{}.Len)]byte    = [unsafe.Offsetof(C.struct_aws_aio_read{}.len)]byte{}
	_ [unsafe.Offsetof(Read{}.Buf)]byte    = [unsafe.Offsetof(C.struct_aws_aio_read{}.buf)]byte{}
	_ [unsafe.Offsetof(Read{}.Token)]byte  = [unsafe.Offsetof(C.struct_aws_aio_read{}.token)]byte{}
)

// slot is the Go half of one iocb.
type slot struct {
	index      uint32
	generation uint64 // counts submissions and completions; odd exactly while the kernel has the iocb
	token      uint64 // the caller's; valid while the generation is odd
	handle     unsafe.Pointer
}

// Context is one kernel AIO context, with the eventfd that its completions count up and a fixed
// pool of request slots, whose iocbs live in C memory. Not safe for concurrent use.
type Context struct {
	raw     *C.struct_aws_aio // nil once closed
	events  []C.struct_io_event
	iocbs   []C.struct_iocb
	eventFD int

	slots []slot
	// free is a stack that grows downwards: free[inFlight:] are the indices of the free slots, the
	// next one first, so that a batch finds its slots in the order of its reads.
	free     []uint32
	inFlight int
}

// Setup makes a context with so many slots, each good for one read in flight. If the machine does
// not have as many left (fs.aio-max-nr), it halves the number until it succeeds or eight are refused
// too: ask Slots what came of it, and LimitAdvice what to say. The error then names the sysctl, its
// value, what is taken and the value to set; it wraps EAGAIN.
//
// Implements:
//
//	int io_setup(int maxevents, io_context_t *ctxp)
func Setup(slots int) (*Context, error) {
	return setup(slots, slotsFloor)
}

// setup is Setup with the floor as a parameter, for the tests.
func setup(slots, floor int) (*Context, error) {
	if slots < 1 || slots > math.MaxInt32 {
		return nil, fmt.Errorf("io_setup for %d slots: %w", slots, syscall.EINVAL)
	}
	raw := C.aws_aio_new()
	if raw == nil {
		return nil, os.NewSyscallError("calloc", syscall.ENOMEM)
	}
	c := &Context{raw: raw, eventFD: -1}
	if err := c.open(slots, floor); err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

// open acquires all that a context consists of. What it has got when it fails is for release.
func (c *Context) open(slots, floor int) error {
	got, err := c.setupShrinking(slots, floor)
	if err != nil {
		return err
	}
	// A sandbox may know io_setup and not the rest: better found out now than by the first reader.
	if errno := c.probe(); errno != 0 {
		return fmt.Errorf("%w%s", os.NewSyscallError("io_getevents", errno), missingAdvice(errno))
	}
	if c.eventFD, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		c.eventFD = -1
		return os.NewSyscallError("eventfd2", err)
	}
	if ret := C.aws_aio_reserve(c.raw, C.int32_t(c.eventFD), C.uint32_t(got)); ret != 0 {
		return os.NewSyscallError("calloc", syscall.Errno(-ret))
	}
	c.events = unsafe.Slice(c.raw.events, got)
	c.iocbs = unsafe.Slice(c.raw.iocbs, got)
	c.slots = make([]slot, got)
	c.free = make([]uint32, got)
	for i := range c.slots {
		s := &c.slots[i]
		s.index = uint32(i)
		s.handle = pointer.Save(s)
		C.aws_aio_set_handle(c.raw, C.uint32_t(i), s.handle)
		c.free[i] = uint32(i)
	}
	return nil
}

// setupShrinking calls io_setup for fewer and fewer slots until the kernel has as many left.
func (c *Context) setupShrinking(slots, floor int) (got int, err error) {
	for got = slots; ; got = max(got/2, floor) {
		errno := c.ioSetup(got)
		if errno == 0 {
			return got, nil
		}
		if errno == syscall.EAGAIN && got > floor {
			continue
		}
		err = fmt.Errorf("%w (%d slots)", os.NewSyscallError("io_setup", errno), got)
		if errno == syscall.EAGAIN {
			return 0, fmt.Errorf("%w: %s", err, LimitAdvice(got))
		}
		return 0, fmt.Errorf("%w%s", err, missingAdvice(errno))
	}
}

func (c *Context) ioSetup(slots int) syscall.Errno {
	return syscall.Errno(-C.aws_aio_setup(c.raw, C.int32_t(slots)))
}

func (c *Context) probe() syscall.Errno {
	return syscall.Errno(-C.aws_aio_probe(c.raw))
}

// EventFD returns the eventfd, for epoll: readable when something has completed since the last Reap.
// It stays the property of the context.
func (c *Context) EventFD() int { return c.eventFD }

// Slots returns the number of slots that Setup got, which may be fewer than it was asked for.
func (c *Context) Slots() int { return len(c.slots) }

// InFlight returns the number of reads that were accepted and not yet reaped.
func (c *Context) InFlight() int { return c.inFlight }

// Free returns the number of slots without a read.
func (c *Context) Free() int { return len(c.slots) - c.inFlight }

// Submit hands the kernel as many of the reads as it takes, from the front, in one cgo call. It
// returns how many it accepted, and if that is not all of them, the errno of the first one that it
// did not, reads[accepted].
//
// EAGAIN says that slots or the kernel's own resources are used up: keep reads[accepted:] until
// something has completed; trying again at once is a spin. Any other errno (EBADF, EINVAL, EFAULT,
// EOPNOTSUPP, ...) concerns that one read alone, which has then failed: go on with
// reads[accepted+1:]. The slice itself is the caller's again on return.
//
// Implements:
//
//	int io_submit(io_context_t ctx, long nr, struct iocb *ios[])
//	void io_prep_pread(struct iocb *iocb, int fd, void *buf, size_t count, long long offset)
//	void io_set_eventfd(struct iocb *iocb, int eventfd)
func (c *Context) Submit(reads []Read) (accepted int, errno syscall.Errno) {
	c.assertOpen()
	n := min(len(reads), c.Free())
	if n > 0 {
		verifyBuffers(reads[:n])
		accepted, errno = c.submit(reads, c.free[c.inFlight:], n)
	}
	for i := range accepted {
		s := &c.slots[c.free[c.inFlight+i]]
		s.generation++
		s.token = reads[i].Token
	}
	c.inFlight += accepted
	if accepted == n && n < len(reads) {
		errno = syscall.EAGAIN
	}
	return accepted, errno
}

// submit is the cgo call alone: the first count reads, each through the slot beside it.
func (c *Context) submit(reads []Read, slots []uint32, count int) (int, syscall.Errno) {
	res := C.aws_aio_submit(c.raw,
		(*C.struct_aws_aio_read)(unsafe.Pointer(unsafe.SliceData(reads))),
		(*C.uint32_t)(unsafe.SliceData(slots)), C.int64_t(count))
	return int(res.accepted), syscall.Errno(res.error)
}

// Reap makes the eventfd unreadable and then takes the completions that are there, without waiting,
// in one cgo call. It returns how many it wrote to out, in the order in which they completed.
//
// If out is full there may be more, and the eventfd will not say so: reap again. With room for
// InFlight completions that does not happen.
//
// Implements:
//
//	int io_getevents(io_context_t ctx, long min_nr, long nr, struct io_event *events, struct timespec *timeout)
func (c *Context) Reap(out []Done) (n int) {
	c.assertOpen()
	return c.collect(out, c.reap(true, min(len(out), c.inFlight)))
}

// ReapQuick is Reap without the eventfd, which stays readable: for a look between submissions, when
// the event loop will come by anyway. It calls into C only if a read is in flight.
func (c *Context) ReapQuick(out []Done) (n int) {
	c.assertOpen()
	if c.inFlight == 0 {
		return 0
	}
	return c.collect(out, c.reap(false, min(len(out), c.inFlight)))
}

// reap is the cgo call alone. It returns the count of completions in c.events, or minus an errno.
func (c *Context) reap(drain bool, count int) int {
	var flag C.int32_t
	if drain {
		flag = 1
	}
	return int(C.aws_aio_reap(c.raw, flag, C.int64_t(count)))
}

// collect turns the first n of c.events into Dones and frees their slots.
func (c *Context) collect(out []Done, n int) int {
	// The context is valid and the memory ours, so nothing is left that io_getevents(2) could refuse.
	assert(n >= 0, "io_getevents refused a valid context")
	for i := range n {
		ev := &c.events[i]
		s, ok := pointer.Restore(ev.data).(*slot)
		assert(ok, "completion with an unknown handle")
		assert(s.generation&1 == 1, "second completion of one read")
		assert(ev.obj == &c.iocbs[s.index], "completion with another slot's iocb")
		out[i] = Done{Token: s.token, Result: int64(ev.res)}
		s.generation++
		c.inFlight--
		c.free[c.inFlight] = s.index
	}
	return n
}

// Close waits until every read in flight is complete, however long the disk takes, then destroys the
// context and frees its memory. It returns the completions nobody had reaped, so that the owner of
// the buffers learns that they are his again. A second Close returns os.ErrClosed.
//
// Implements:
//
//	int io_destroy(io_context_t ctx)
func (c *Context) Close() (late []Done, err error) {
	if c.raw == nil {
		return nil, os.ErrClosed
	}
	late, err = c.join()
	return late, errors.Join(err, c.release())
}

// join reaps until nothing is in flight.
func (c *Context) join() (late []Done, err error) {
	if c.inFlight > 0 {
		late = make([]Done, 0, c.inFlight)
	}
	for c.inFlight > 0 {
		ret := int(C.aws_aio_wait(c.raw, C.int64_t(c.inFlight), closeWaitMs))
		if ret == -int(syscall.EINTR) {
			continue
		}
		if ret < 0 {
			// What follows, io_destroy, waits as well: the buffers are safe, their tokens are lost.
			return late, os.NewSyscallError("io_getevents", syscall.Errno(-ret))
		}
		n := c.collect(late[len(late):len(late)+ret], ret)
		late = late[:len(late)+n]
	}
	return late, nil
}

// release gives back all that open acquired, complete or not.
func (c *Context) release() (err error) {
	if c.raw.kernel != nil {
		if ret := C.aws_aio_destroy(c.raw); ret != 0 {
			err = os.NewSyscallError("io_destroy", syscall.Errno(-ret))
		}
	}
	if c.eventFD >= 0 {
		err = errors.Join(err, os.NewSyscallError("close", unix.Close(c.eventFD)))
	}
	for i := range c.slots {
		pointer.Unref(c.slots[i].handle)
	}
	C.aws_aio_free(c.raw)
	*c = Context{eventFD: -1}
	return err
}

func (c *Context) assertOpen() {
	assert(c.raw != nil, "use of a closed context")
}

// assert panics where the program contradicts itself; the outside world can't make it fail.
func assert(ok bool, message string) {
	if !ok {
		panic("libaio: " + message)
	}
}
