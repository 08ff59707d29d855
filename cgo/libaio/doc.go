// Package libaio binds the system's libaio: asynchronous reads into C memory, submitted and reaped
// in batches, with an eventfd that becomes readable when a read is complete.
//
// # Cost
//
// Submit and Reap make one cgo call each, regardless of the number of reads, and do not allocate. The
// cgo call costs about 30 ns; the rest is the kernel's work, about a microsecond per read if
// the pages are in memory.
//
// # Ownership
//
// A Context belongs to one goroutine at a time; it has no locks. It owns its iocbs, one per slot, which
// are in C memory from Setup to Close. The buffers belong to the caller, and to the
// kernel from the Submit that accepts a read until the Reap (or the Close) that returns its token.
// Buffers must be C memory (mmap, malloc) and never Go's, because the garbage collector does not know
// that the kernel still writes to them. Builds with the race detector, an address sanitiser or
// GOEXPERIMENT=cgocheck2 check this, and panic.
//
// The data field of each iocb contains a go-pointer handle, which is saved once per slot. It leads from a
// completion to the slot in Go memory, without a Go address in C memory.
//
// # Caveats
//
// A buffered read is not asynchronous: the kernel executes it inside io_submit, and blocks there on the
// disk. Read through a descriptor opened with O_DIRECT (with aligned address, offset and
// length), or set NoWait, so that the result is -EAGAIN if a page is not in memory.
//
// A result may be short, at the end of the file or in the middle: continue at the new offset. Zero is
// the end of the file.
//
// The slots of all contexts of the machine count against the sysctl fs.aio-max-nr (see io_setup(2)
// and proc(5)). The limit is not per user and not per container.
//
// A Context does not survive fork(2), and closing a descriptor does not cancel its reads.
package libaio
