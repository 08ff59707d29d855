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

// Kind is the kind of an operation. The values are those of enum aws_op_kind.
type Kind uint8

// The kinds of operations. aws_net.h documents which fields each of them uses.
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
	Cork
	NotSent
	Push
	ReadRecords
	TLSSend
	SendRecord
	TLSSent
)

var kindNames = [...]string{
	None: "none", Accept: "accept4", Recv: "recv", Send: "send", Sendfile: "sendfile",
	Close: "close", Shutdown: "shutdown", Reset: "reset", EpollAdd: "epoll_ctl add",
	EpollMod: "epoll_ctl mod", Resident: "resident", EpollDel: "epoll_ctl del",
	Cork: "setsockopt", NotSent: "setsockopt", Push: "setsockopt",
	ReadRecords: "preadv2", TLSSend: "setsockopt", SendRecord: "sendmsg", TLSSent: "getsockopt",
}

// String returns the name of the system call of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// The form of the memory that ReadRecords fills, which is that of TLS 1.3 records (RFC 8446, section 5.2): in each record RecordContent
// bytes of the file, fewer in the last one, between RecordHead and RecordTail bytes that are left alone.
const (
	RecordHead    = C.AWS_RECORD_HEAD
	RecordContent = C.AWS_RECORD_CONTENT
	RecordTail    = C.AWS_RECORD_TAIL
	RecordsMax    = C.AWS_RECORDS_MAX // of one operation
)

// The bits of the Mask of a ReadRecords.
const (
	ReadWaits  = C.AWS_READ_WAITS  // it waits for the disk
	ReadFrames = C.AWS_READ_FRAMES // the form is that of the frames of HTTP/2 (RFC 9113, section 4.1): FrameHead bytes are left alone before each piece
)

// FrameHead is the size of the head of an HTTP/2 frame.
const FrameHead = C.AWS_FRAME_HEAD

// Flag changes when and how an operation runs. The values are those of enum aws_op_flag.
type Flag uint8

// The flags of an operation.
const (
	Link     Flag = 1 << iota // run only if the operation before ran and was complete
	IfAgain                   // run only if the operation before returned -EAGAIN
	Accepted                  // FD is the descriptor of the latest Accept of the batch
	More                      // MSG_MORE: another part of the same message follows
)

// Op is one operation of a batch. It has the layout of struct aws_op. A slice of Ops for Do must come from
// the function Ops, so that it is in C memory and may contain C addresses.
type Op struct {
	Kind     Kind
	Flags    Flag
	_        uint16
	FD       int32
	buf      *byte
	size     uint64
	Offset   int64
	File     int32 // the file of Sendfile, Resident and ReadRecords, the epoll descriptor of EpollAdd and EpollMod
	Mask     uint32
	Token    uint64
	Result   int64 // a count or a descriptor, or minus errno; -ECANCELED if it was not run
	reserved uint64
}

// The package does not compile if the Go layout and the C layout differ.
const (
	_ = uint(unsafe.Sizeof(Op{}) - C.sizeof_struct_aws_op)
	_ = uint(C.sizeof_struct_aws_op - unsafe.Sizeof(Op{}))
)

// SetBuf sets the memory that a Recv fills or a Send or SendRecord reads, or that contains the keys of a
// TLSSend. b must be outside the Go heap and stay mapped until the batch has run.
func (op *Op) SetBuf(b []byte) {
	op.buf = unsafe.SliceData(b)
	op.size = uint64(len(b))
}

// Buf returns the memory set by SetBuf.
func (op *Op) Buf() []byte { return unsafe.Slice(op.buf, op.size) }

// SetRecords sets the memory that a ReadRecords fills with n bytes of the file. b must be long enough for their records, and as SetBuf
// says.
func (op *Op) SetRecords(b []byte, n int64) {
	op.buf = unsafe.SliceData(b)
	op.size = uint64(n)
}

// SetFrames sets the memory that a ReadRecords fills with n bytes of the file in the form of frames. b must be as long as FramesLen says, and as
// SetBuf says.
func (op *Op) SetFrames(b []byte, n int64) {
	op.SetRecords(b, n)
	op.Mask |= ReadFrames
}

// Records returns the memory set by SetRecords or SetFrames.
func (op *Op) Records() []byte {
	if op.Mask&ReadFrames != 0 {
		return unsafe.Slice(op.buf, FramesLen(op.Len()))
	}
	return unsafe.Slice(op.buf, RecordsLen(op.Len()))
}

// FramesLen returns how much memory the frames of n bytes take.
func FramesLen(n int64) int64 { return n + (n+RecordContent-1)/RecordContent*FrameHead }

// RecordsLen returns how much memory the records of n bytes take.
func RecordsLen(n int64) int64 {
	return n + (n+RecordContent-1)/RecordContent*(RecordHead+RecordTail)
}

// SetLen sets the number of bytes that a Sendfile sends or a Resident checks, or of the keys that a TLSSent asks for.
func (op *Op) SetLen(n int64) {
	op.buf = nil
	op.size = uint64(n)
}

// Len returns the number of bytes of the operation.
func (op *Op) Len() int64 { return int64(op.size) }

// DoneInFull reports whether the operation was complete. Only then does a linked operation after it run.
func (op *Op) DoneInFull() bool {
	switch op.Kind {
	case Send, SendRecord, Sendfile, Resident:
		return op.Result >= 0 && uint64(op.Result) == op.size
	case Recv:
		return op.Result > 0
	default:
		return op.Result >= 0
	}
}

// Map returns n bytes of zeroed, page-aligned memory outside the Go heap. A page costs nothing until its
// first use. The error is mmap's.
func Map(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", n, err)
	}
	return b, nil
}

// Unmap frees memory from Map. It must not be in use any more.
func Unmap(b []byte) error { return unix.Munmap(b) }

// Ops returns n operations in memory from Map, and that memory, for Unmap.
func Ops(n int) ([]Op, []byte, error) {
	mem, err := Map(n * int(unsafe.Sizeof(Op{})))
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*Op)(unsafe.Pointer(unsafe.SliceData(mem))), n), mem, nil
}

// Events returns n events in memory from Map, and that memory, for Unmap.
func Events(n int) ([]unix.EpollEvent, []byte, error) {
	mem, err := Map(n * int(unsafe.Sizeof(unix.EpollEvent{})))
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*unix.EpollEvent)(unsafe.Pointer(unsafe.SliceData(mem))), n), mem, nil
}

// Token returns the 64-bit data of an event (epoll_event.data).
func Token(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }

// Do runs the operations in order, in one cgo call, and sets the Result of each.
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

// Wait runs the operations as Do does, then waits for events until the timeout in milliseconds (0: does not
// wait; -1: for ever). It returns the number of events. An interrupted wait returns 0. The error is
// epoll_wait's.
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

// eventSize returns the size of an event in C, for the test that compares it with Go's.
func eventSize() uintptr { return uintptr(C.aws_epoll_event_size()) }
