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

// NoWait is RWF_NOWAIT, a value for Read.Flags. If the read would block on the disk, its result is -EAGAIN,
// or it is short if only the beginning is in memory. Files that do not support it refuse the read with
// EOPNOTSUPP at submission (Linux 4.14 for the usual filesystems).
const NoWait uint32 = C.AWS_AIO_NOWAIT

// slotsFloor is the smallest number of slots that Setup tries.
const slotsFloor = 8

// closeWaitMs is the timeout of one wait in Close, which repeats it.
const closeWaitMs = 1000

// Read is a request to read Len bytes at Offset of the descriptor FD into Buf.
//
// Buf is an address in C memory. It belongs to the kernel from the Submit that accepts the read until its
// completion is reaped. Done contains the Token, which the package does not interpret.
type Read struct {
	FD     int32
	Flags  uint32 // 0 or NoWait
	Offset int64
	Len    uint32
	Buf    unsafe.Pointer
	Token  uint64
}

// Done is a completed request: the Token of its Read, and the number of bytes or minus errno.
type Done struct {
	Token  uint64
	Result int64
}

// The C shim reads a []Read in place. These declarations do not compile if the layouts differ.
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

// Context is a kernel AIO context, with the eventfd that its completions increment, and a fixed pool of
// slots, whose iocbs are in C memory. It is not safe for concurrent use.
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

// Setup makes a context with the given number of slots, each for one read in flight. If the machine does not
// have as many left (fs.aio-max-nr), Setup halves the number until it succeeds, or fails with eight slots.
// Slots returns the resulting number, and LimitAdvice the advice for the operator. The error then names the
// sysctl, its value, the number in use and the value to set; it wraps EAGAIN.
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

// open acquires the resources of a context. If it fails, release frees those that it has acquired.
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

// setupShrinking calls io_setup with smaller and smaller numbers of slots until it succeeds.
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

// EventFD returns the eventfd, for epoll. It is readable if a read has completed since the last Reap. It
// belongs to the context.
func (c *Context) EventFD() int { return c.eventFD }

// Slots returns the number of slots, which may be smaller than the number passed to Setup.
func (c *Context) Slots() int { return len(c.slots) }

// InFlight returns the number of reads that were accepted and not reaped.
func (c *Context) InFlight() int { return c.inFlight }

// Free returns the number of slots without a read in flight.
func (c *Context) Free() int { return len(c.slots) - c.inFlight }

// Submit submits reads, from the front, in one cgo call. It returns the number that the kernel accepted. If
// that is not all of them, errno is the error of the first read that was not accepted, reads[accepted].
//
// EAGAIN means that slots or resources of the kernel are used up: keep reads[accepted:] until a read has
// completed. To try again immediately would be a busy loop. Any other errno (EBADF, EINVAL, EFAULT,
// EOPNOTSUPP, ...) belongs to that read only, which has failed: continue with reads[accepted+1:]. The slice
// belongs to the caller again on return.
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

// submit makes the cgo call only: it submits the first count reads, each in the slot with the same index.
func (c *Context) submit(reads []Read, slots []uint32, count int) (int, syscall.Errno) {
	res := C.aws_aio_submit(c.raw,
		(*C.struct_aws_aio_read)(unsafe.Pointer(unsafe.SliceData(reads))),
		(*C.uint32_t)(unsafe.SliceData(slots)), C.int64_t(count))
	return int(res.accepted), syscall.Errno(res.error)
}

// Reap makes the eventfd unreadable and then returns the existing completions, without waiting, in one cgo
// call. It returns how many it wrote to out, in the order of their completion.
//
// If out is full there may be more, and the eventfd does not report them: call Reap again. This does not
// happen if out has room for InFlight completions.
//
// Implements:
//
//	int io_getevents(io_context_t ctx, long min_nr, long nr, struct io_event *events, struct timespec *timeout)
func (c *Context) Reap(out []Done) (n int) {
	c.assertOpen()
	return c.collect(out, c.reap(true, min(len(out), c.inFlight)))
}

// ReapQuick is Reap without a change of the eventfd, which stays readable. It is for a check between
// submissions, when the event loop will call Reap anyway. It calls into C only if a read is in flight.
func (c *Context) ReapQuick(out []Done) (n int) {
	c.assertOpen()
	if c.inFlight == 0 {
		return 0
	}
	return c.collect(out, c.reap(false, min(len(out), c.inFlight)))
}

// reap makes the cgo call only. It returns the number of completions in c.events, or minus errno.
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

// Close waits until every read in flight is complete, however long the disk takes. Then it destroys the
// context and frees its memory. It returns the completions that were not reaped, so that the owner of the
// buffers can reuse them. A second Close returns os.ErrClosed.
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

// release frees all resources that open has acquired.
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

// assert panics on a programming error. External events cannot make it fail.
func assert(ok bool, message string) {
	if !ok {
		panic("libaio: " + message)
	}
}
