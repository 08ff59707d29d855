package netio

/*
#cgo CFLAGS: -O2 -Wall -Wextra -I${SRCDIR}/../include
#cgo noescape aws_do
#cgo nocallback aws_do
#cgo noescape aws_wait
#cgo nocallback aws_wait
#cgo nocallback aws_epoll_create
#include "aws_net.h"
*/
import "C"

import (
	"fmt"
	"syscall"
	"unsafe"

	_ "aws/cgo/include" // so that a change of a header rebuilds this package

	"golang.org/x/sys/unix"
)

// Kind says what an operation does. The values are those of enum aws_op_kind.
type Kind uint8

// The kinds of operations; aws_net.h says which fields each one reads.
const (
	None Kind = iota
	Accept
	Recv
	Send
	Sendfile
	Close
	Shutdown
	Reset
	EpollAdd
	EpollMod
	Resident
	EpollDel
	Congestion
	NotSent
	Push
)

var kindNames = [...]string{
	None: "none", Accept: "accept4", Recv: "recv", Send: "send", Sendfile: "sendfile",
	Close: "close", Shutdown: "shutdown", Reset: "reset", EpollAdd: "epoll_ctl add",
	EpollMod: "epoll_ctl mod", Resident: "resident", EpollDel: "epoll_ctl del",
	Congestion: "setsockopt", NotSent: "setsockopt", Push: "setsockopt",
}

// String returns the name of the system call behind the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Flag changes when and how an operation runs. The values are those of enum aws_op_flag.
type Flag uint8

// The flags of an operation.
const (
	Link     Flag = 1 << iota // run only if the operation before ran and was done in full
	IfAgain                   // run only if the operation before answered -EAGAIN
	Accepted                  // FD is the descriptor of the latest Accept of the batch
	More                      // MSG_MORE: another part of the same message follows
)

// Op is one operation of a batch. Its layout is that of struct aws_op; a slice of it that is
// given to Do must come from Ops, so that it lies in C memory and may hold C addresses.
type Op struct {
	Kind     Kind
	Flags    Flag
	_        uint16
	FD       int32
	buf      *byte
	size     uint64
	Offset   int64
	File     int32 // the file of Sendfile and Resident, the epoll descriptor of EpollAdd and EpollMod
	Mask     uint32
	Token    uint64
	Result   int64 // a count or a descriptor, or minus errno; -ECANCELED when it was not run
	reserved uint64
}

// The Go and the C layout are the same, or the package does not build.
const (
	_ = uint(unsafe.Sizeof(Op{}) - C.sizeof_struct_aws_op)
	_ = uint(C.sizeof_struct_aws_op - unsafe.Sizeof(Op{}))
)

// SetBuf names the memory that a Recv fills or a Send reads, or a Congestion's names. b must lie outside the Go heap and
// stay mapped until the batch has run.
func (op *Op) SetBuf(b []byte) {
	op.buf = unsafe.SliceData(b)
	op.size = uint64(len(b))
}

// Buf returns the memory that SetBuf named.
func (op *Op) Buf() []byte { return unsafe.Slice(op.buf, op.size) }

// SetLen gives the number of bytes that a Sendfile moves or a Resident asks about.
func (op *Op) SetLen(n int64) {
	op.buf = nil
	op.size = uint64(n)
}

// Len returns the number of bytes that the operation is about.
func (op *Op) Len() int64 { return int64(op.size) }

// DoneInFull reports whether the operation did all that it was asked for, which is what lets a
// linked operation after it run.
func (op *Op) DoneInFull() bool {
	switch op.Kind {
	case Send, Sendfile, Resident:
		return op.Result >= 0 && uint64(op.Result) == op.size
	case Recv:
		return op.Result > 0
	case Congestion:
		return op.Result == 0
	default:
		return op.Result >= 0
	}
}

// Map returns n bytes of zeroed, page-aligned memory outside the Go heap. Pages cost nothing
// until they are touched. The error is mmap's.
func Map(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", n, err)
	}
	return b, nil
}

// Unmap gives back what Map returned. Nothing may use it any more.
func Unmap(b []byte) error { return unix.Munmap(b) }

// Ops returns n operations in memory from Map, and that memory for Unmap.
func Ops(n int) ([]Op, []byte, error) {
	mem, err := Map(n * int(unsafe.Sizeof(Op{})))
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*Op)(unsafe.Pointer(unsafe.SliceData(mem))), n), mem, nil
}

// Events returns n events in memory from Map, and that memory for Unmap.
func Events(n int) ([]unix.EpollEvent, []byte, error) {
	mem, err := Map(n * int(unsafe.Sizeof(unix.EpollEvent{})))
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*unix.EpollEvent)(unsafe.Pointer(unsafe.SliceData(mem))), n), mem, nil
}

// Token returns the 64-bit value that an event carries (epoll_event.data).
func Token(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }

// Do runs the operations in order, in one cgo call, and writes each one's Result.
//
// Implements:
//
//	void aws_do(struct aws_op *ops, int32_t count);
func Do(ops []Op) {
	if len(ops) == 0 {
		return
	}
	C.aws_do((*C.struct_aws_op)(unsafe.Pointer(&ops[0])), C.int32_t(len(ops)))
}

// Wait runs the operations as Do does, then waits for events until the time-out, in milliseconds,
// is over (0: not at all; -1: for ever). It returns the number of events; an interrupted wait
// returns none. The error is epoll_wait's.
//
// Implements:
//
//	int32_t aws_wait(int32_t epfd, struct aws_op *ops, int32_t op_count, void *events,
//	                 int32_t event_count, int32_t timeout_ms);
func Wait(epfd int32, ops []Op, events []unix.EpollEvent, timeoutMs int) (int, syscall.Errno) {
	var first *C.struct_aws_op
	if len(ops) > 0 {
		first = (*C.struct_aws_op)(unsafe.Pointer(&ops[0]))
	}
	n := C.aws_wait(C.int32_t(epfd), first, C.int32_t(len(ops)),
		unsafe.Pointer(&events[0]), C.int32_t(len(events)), C.int32_t(timeoutMs))
	if n < 0 {
		return 0, syscall.Errno(-n)
	}
	return int(n), 0
}

// EpollCreate returns a new epoll descriptor, closed on exec. The error is epoll_create1's.
//
// Implements:
//
//	int32_t aws_epoll_create(void);
func EpollCreate() (int32, syscall.Errno) {
	fd := C.aws_epoll_create()
	if fd < 0 {
		return -1, syscall.Errno(-fd)
	}
	return int32(fd), 0
}

// eventSize returns the width of an event in C, for the test that holds it against Go's.
func eventSize() uintptr { return uintptr(C.aws_epoll_event_size()) }
