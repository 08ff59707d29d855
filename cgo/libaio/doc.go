// Package libaio binds the system's libaio: asynchronous reads into C memory, submitted and reaped
// in batches, with an eventfd that becomes readable when some of them are complete.
//
// # Cost
//
// Submit and Reap cross into C once each, however many reads they carry, and allocate nothing. The
// cgo call costs some 30 ns; the rest is the kernel's. Each read costs it about a microsecond when
// the pages are in memory.
//
// # Ownership
//
// A Context belongs to one goroutine at a time: nothing in it is locked. It owns its iocbs, which
// live in C memory, one per slot, from Setup to Close. The buffers belong to the caller, and to the
// kernel from the Submit that accepts a read until the Reap (or the Close) that returns its token.
// They are C memory (mmap, malloc), never Go's: the garbage collector knows nothing of a
// kernel that still writes. Builds with the race detector, an address sanitiser or
// GOEXPERIMENT=cgocheck2 check that, and panic.
//
// The data field of each iocb holds a go-pointer handle, saved once per slot, which leads from a
// completion back to the slot in Go memory without any Go address in C memory.
//
// # Caveats
//
// A buffered read is asynchronous in name only: the kernel does it inside io_submit, and sleeps
// there for the disk. Read through a descriptor opened with O_DIRECT (aligned address, offset and
// length), or set NoWait, with which a page that is not in memory gives -EAGAIN as the result.
//
// A result may be short, at the end of the file or in the middle: go on at the new offset. Zero is
// the end of the file.
//
// The slots of all contexts on the machine count against the sysctl fs.aio-max-nr (see io_setup(2)
// and proc(5)); it is not per user and not per container.
//
// A Context does not survive fork(2), and closing a descriptor does not cancel its reads.
package libaio
