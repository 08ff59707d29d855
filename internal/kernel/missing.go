package kernel

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// missingCalls contains the errnos of calls that are not available; 0 means that the call is available.
type missingCalls struct{ openat2, cached, statx, cachestat syscall.Errno }

// missing tries the calls once, because a kernel or a filter does not change. The arguments are such that a
// file cannot be the reason for an Unavailable errno.
var missing = sync.OnceValue(func() missingCalls {
	var m missingCalls
	var how unix.OpenHow
	dot, empty := [...]byte{'.', 0}, [1]byte{}
	try := func(resolve uint64) syscall.Errno {
		fd, errno := openBeneath(unix.AT_FDCWD, &dot[0], &how, unix.O_PATH|unix.O_CLOEXEC, resolve)
		if errno == 0 {
			_ = unix.Close(int(fd))
		}
		return errno
	}
	if errno := try(0); Unavailable(errno) {
		m.openat2 = errno
	} else if errno := try(onLoop); Unavailable(errno) || errno == unix.EINVAL {
		m.cached = errno
	}
	var stat unix.Statx_t
	if errno := rawStatx(0, &empty[0], unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &stat); Unavailable(errno) {
		m.statx = errno
	}
	// Where there is the call, the errno is EBADF.
	if _, _, errno := unix.RawSyscall6(unix.SYS_CACHESTAT, ^uintptr(0), 0, 0, 0, 0, 0); Unavailable(errno) {
		m.cachestat = errno
	}
	return m
})

// MissingCalls returns which calls the kernel or a system call filter refuses, and the consequences, or ""
// if all are available. It reports whether the server is slower for it.
func MissingCalls() (message string, slower bool) {
	m := missing()
	var names, follows []string
	if m.openat2 != 0 {
		names = append(names, fmt.Sprintf("openat2 (%v)", m.openat2))
		follows = append(follows, "every file is opened by a worker thread, one path element after the other")
	}
	if m.cached != 0 {
		names = append(names, fmt.Sprintf("openat2 with RESOLVE_CACHED (%v)", m.cached))
		follows = append(follows, "every file is opened by a worker thread")
	}
	if m.statx != 0 {
		names = append(names, fmt.Sprintf("statx (%v)", m.statx))
		follows = append(follows, "direct reads are aligned to 4096 bytes")
	}
	slower = names != nil
	remedy := "an older kernel, or a seccomp filter"
	if slower {
		remedy += ": allow them in the container's profile; in a unit of systemd, RestrictSUIDSGID=yes forbids openat2"
	}
	if m.cachestat != 0 {
		names = append(names, fmt.Sprintf("cachestat (%v)", m.cachestat))
		follows = append(follows, "reads with RWF_NOWAIT find out what is in memory")
	}
	if names == nil {
		return "", false
	}
	return fmt.Sprintf("not available here: %s; so %s (%s)",
		strings.Join(names, " and "), strings.Join(follows, ", and "), remedy), slower
}

func rawStatx(dir int32, name *byte, flags, mask int, stat *unix.Statx_t) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(name)),
		uintptr(flags), uintptr(mask), uintptr(unsafe.Pointer(stat)), 0)
	return errno
}
