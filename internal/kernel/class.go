package kernel

import (
	"fmt"
	"os"
	"syscall"
)

// Class is the meaning of an outcome for the loop, independent of the errno.
type Class uint8

// The classes of outcomes.
const (
	Done        Class = iota // the call did what it was asked for
	Again                    // it would block; try again later
	PeerGone                 // the client has closed the connection
	Exhausted                // descriptors, memory or slots are used up at the moment
	Unsupported              // the file, the filesystem or the kernel does not support it; another way may work
	Absent                   // the file is missing, outside of the root, or not regular
	Directory                // the name is a directory
	Denied                   // the file exists, but may not be opened
	Canceled                 // the operation was not run, because the linked operation before it failed
	Fault                    // other errors: of the disk, of the memory, or a programming error
)

var classNames = [...]string{
	Done: "done", Again: "again", PeerGone: "peer gone",
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

// Classify returns the class of the result of an operation, which is a count or minus errno. It is for
// socket and memory operations; use ClassifyOpen for names of files.
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

// NotRun is the result of an operation that was not run. Its class is Canceled.
const NotRun = -int64(syscall.ECANCELED)

// ClassifyOpen returns the class of an error of opening or looking up a name. EAGAIN means that the lookup
// would block (openat2(2), RESOLVE_CACHED, Linux 5.12), or that it raced with a rename; in both cases the
// caller may try again.
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

// Reasons for a failed open that package io/fs has no error for. Compare them with [errors.Is].
var (
	ErrNotDirectory error = syscall.ENOTDIR // part of the path is a file
	ErrIsDirectory  error = syscall.EISDIR  // it is a directory, and a file is needed
	ErrLinkLoop     error = syscall.ELOOP   // symbolic links lead back to themselves
)

// Unavailable reports whether an errno means that a call is not available: the kernel does not have it, or a
// system call filter (seccomp(2)) forbids it. Older container profiles and systemd units use EPERM for that.
// If a file can also be the reason for EPERM, this function cannot distinguish the two.
func Unavailable(errno syscall.Errno) bool {
	return errno == syscall.ENOSYS || errno == syscall.EPERM
}

// NamedError returns the error for a result, with the name of the system call.
func NamedError(call string, result int64) error {
	return os.NewSyscallError(call, syscall.Errno(-result))
}
