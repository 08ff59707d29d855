package kernel

import (
	"fmt"
	"os"
	"syscall"
)

// Class is what an outcome means to the loop, whatever its errno was.
type Class uint8

// The classes of outcomes.
const (
	Done        Class = iota // the call did what it was asked for
	Again                    // not now: the response would have to be waited for
	PeerGone                 // the client is no longer there
	Truncated                // the file ends before the bytes that were promised
	Exhausted                // descriptors, memory or slots are used up, for now
	Unsupported              // this file, filesystem or kernel can't do it this way; another may
	Absent                   // there is no such file for the asker: missing, outside, not regular
	Directory                // the name stands for a directory
	Denied                   // the file is there, but may not be opened
	Canceled                 // the operation was not run: the one that it was linked to failed
	Fault                    // anything else: the disk, the memory, or a mistake of ours
)

var classNames = [...]string{
	Done: "done", Again: "again", PeerGone: "peer gone", Truncated: "truncated",
	Exhausted: "exhausted", Unsupported: "unsupported", Absent: "absent", Directory: "directory",
	Denied: "denied", Canceled: "canceled", Fault: "fault",
}

// String returns the class's name.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// Classify reduces the result of an operation, a count or minus errno, to its class. It is for
// socket and memory operations; a file's name has ClassifyOpen.
func Classify(result int64) Class {
	if result >= 0 {
		return Done
	}
	switch syscall.Errno(-result) {
	case syscall.EAGAIN:
		return Again
	case syscall.ECANCELED:
		return Canceled
	case syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ENOTCONN,
		syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN,
		syscall.EHOSTDOWN, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.ESHUTDOWN:
		return PeerGone
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC:
		return Exhausted
	case syscall.EINVAL, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.ENOTTY:
		return Unsupported
	default:
		return Fault
	}
}

// ClassifyOpen reduces the error of opening or looking up a name to its class. EAGAIN stands for
// a lookup that would have had to wait (openat2(2), RESOLVE_CACHED, Linux 5.12), and also for a
// race with a rename, which is worth another try.
func ClassifyOpen(errno syscall.Errno) Class {
	switch errno {
	case 0:
		return Done
	case syscall.EAGAIN, syscall.EINTR:
		return Again
	case syscall.EISDIR:
		return Directory
	case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.EXDEV, syscall.ENAMETOOLONG,
		syscall.ENXIO, syscall.ENODEV, syscall.EINVAL, syscall.EILSEQ:
		return Absent
	case syscall.EACCES, syscall.EPERM:
		return Denied
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM:
		return Exhausted
	case syscall.ENOSYS, syscall.E2BIG:
		return Unsupported
	default:
		return Fault
	}
}

// classifyCached is ClassifyOpen for a loop's lookup. What it does not settle, a worker does: a name that leads out of the
// root or into another filesystem beneath it (EXDEV), or an errno that a file and a filter of system calls may both
// be the reason for.
func classifyCached(errno syscall.Errno) Class {
	switch errno {
	case syscall.EXDEV, syscall.EINVAL, syscall.ENOSYS, syscall.EPERM:
		return Again
	default:
		return ClassifyOpen(errno)
	}
}

// Reasons for which a path can't be opened that package io/fs has no error for, to be compared by [errors.Is].
var (
	ErrNotDirectory error = syscall.ENOTDIR // part of the path is a file
	ErrIsDirectory  error = syscall.EISDIR  // it is a directory, where a file is wanted
	ErrLinkLoop     error = syscall.ELOOP   // symbolic links lead back to themselves
)

// Unavailable reports whether an errno says that a call is not to be had here: the kernel does not know it, or a
// filter of system calls (seccomp(2)) forbids it, which says EPERM in older container profiles and systemd units. Where
// a file could be the reason for EPERM, it takes more than this to find out.
func Unavailable(errno syscall.Errno) bool {
	return errno == syscall.ENOSYS || errno == syscall.EPERM
}

// NamedError returns the error for a result that leaves the kernel's door, named after its call.
func NamedError(call string, result int64) error {
	return os.NewSyscallError(call, syscall.Errno(-result))
}
