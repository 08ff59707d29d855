package kernel

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Open implements Kernel.
func (k *Linux) Open(root Root, name []byte, file *Opened) Class {
	if file.Remote = root.remote(); file.Remote || !k.cachedOpens {
		return Again
	}
	if len(name) >= len(k.name) {
		return Absent
	}
	k.name[copy(k.name[:], name)] = 0
	links := root.links()
	fd, errno := openBeneath(root, &k.name[0], &k.how, openFlags, onLoop|links.resolve())
	if errno != 0 {
		if links.undecided(errno) {
			return Again
		}
		return classifyCached(errno)
	}
	return describe(fd, root, &k.stat, file, false)
}

// Stat implements Kernel. It opens the name like Open, because a lookup by name could block on the disk if a
// directory of the path is no longer in memory.
func (k *Linux) Stat(root Root, name []byte, info *Info) Class {
	if !k.cachedOpens {
		return Again
	}
	if len(name) >= len(k.name) {
		return Absent
	}
	k.name[copy(k.name[:], name)] = 0
	links := root.links()
	fd, errno := openBeneath(root, &k.name[0], &k.how, unix.O_PATH|unix.O_CLOEXEC, resolveCached|links.resolve())
	if errno != 0 {
		if links.undecided(errno) {
			return Again
		}
		return ClassifyOpen(errno)
	}
	var empty [1]byte
	errno = statx(fd, &empty[0], unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &k.stat)
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	if errno != 0 {
		return ClassifyOpen(errno)
	}
	*info = infoOf(&k.stat)
	return Done
}

// Probe implements Kernel (cachestat(2), Linux 6.5).
func (k *Linux) Probe(fd int32, offset, n int64) Residency {
	if !k.cachestat {
		return ResidencyUnknown
	}
	span := unix.CachestatRange{Off: uint64(offset), Len: uint64(n)}
	var stat unix.Cachestat_t
	_, _, errno := unix.RawSyscall6(unix.SYS_CACHESTAT, uintptr(fd),
		uintptr(unsafe.Pointer(&span)), uintptr(unsafe.Pointer(&stat)), 0, 0, 0)
	if errno != 0 {
		return ResidencyUnknown // EPERM: only a file's owner may ask
	}
	switch pages := (uint64(n) + pageSize - 1) / pageSize; {
	case stat.Cache == 0:
		return ResidencyNone
	case stat.Cache >= pages:
		return ResidencyFull
	default:
		return ResidencyPart
	}
}

const pageSize = 4096

// Peek implements Kernel (preadv2(2), RWF_NOWAIT, Linux 4.14).
func (k *Linux) Peek(fd int32, b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	vec := unix.Iovec{Base: unsafe.SliceData(b)}
	vec.SetLen(len(b))
	n, _, errno := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&vec)), 1, 0, 0, unix.RWF_NOWAIT)
	if errno != 0 {
		return -int64(errno)
	}
	return int64(n)
}

// Size implements Kernel.
func (k *Linux) Size(fd int32) int64 {
	_, _, errno := unix.RawSyscall(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(&k.fstat)), 0)
	if errno != 0 {
		return -int64(errno)
	}
	return k.fstat.Size
}

// Direct implements Kernel. The name in /proc leads to the same inode that fd refers to, even if the
// original name has changed.
func (k *Linux) Direct(fd int32) (int32, Class) {
	direct, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd),
		unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			return -1, Fault
		}
		if c := ClassifyOpen(errno); c == Exhausted {
			return -1, c
		}
		return -1, Unsupported
	}
	return int32(direct), Done
}
