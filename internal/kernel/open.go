package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openFlags open a file for reading. O_NONBLOCK prevents the open of a FIFO from waiting for a writer, and
// O_NOCTTY prevents a terminal from becoming the controlling terminal. Neither affects a regular file.
const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// resolveCached is RESOLVE_CACHED: fail with EAGAIN if the lookup would block on a disk (openat2(2), Linux
// 5.12).
const resolveCached = 0x20

// onLoop are the resolve flags of the loop: no blocking, and no change to another filesystem, because an
// open there may need another process or machine (FUSE_OPEN), and RESOLVE_CACHED does not prevent waiting
// for that.
const onLoop = resolveCached | unix.RESOLVE_NO_XDEV

// triesMax is how often openat2(2) is tried again after a race with a rename, or a signal.
const triesMax = 8

// roots remembers the open roots.
var roots = struct {
	sync.Mutex
	byRoot map[Root]*openRoot
}{byRoot: map[Root]*openRoot{}}

type openRoot struct {
	path      string                    // absolute, as the operator gave it
	os        *os.Root                  // for kernels without openat2
	onOutside func(link, target string) // see OnOutside
	reported  map[string]bool           // links that onOutside knows
}

// OpenRoot opens a directory as a root, below which links are followed that the policy permits. CloseRoot closes it. The error
// names the problem.
func OpenRoot(path string, links Links) (Root, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	root := &openRoot{}
	if root.path, err = filepath.Abs(path); err == nil && missing().openat2 != 0 {
		root.os, err = os.OpenRoot(path)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	roots.Lock()
	roots.byRoot[Root(fd)] = root
	roots.Unlock()
	setLinks(Root(fd), links)
	learnFilesystem(Root(fd))
	return Root(fd), nil
}

// CloseRoot closes a root that OpenRoot has returned.
func CloseRoot(root Root) error {
	roots.Lock()
	defer roots.Unlock()
	if r := roots.byRoot[root]; r != nil && r.os != nil {
		_ = r.os.Close()
	}
	delete(roots.byRoot, root)
	forgetFilesystem(root)
	setLinks(root, LinksBeneath)
	return unix.Close(int(root))
}

// openBeneath opens a name that must stay beneath root, links included: openat2(2), Linux 5.6.
// Links of /proc lead anywhere and are refused.
func openBeneath(root Root, name *byte, how *unix.OpenHow, flags, resolve uint64) (int32, syscall.Errno) {
	*how = unix.OpenHow{
		Flags:   flags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | resolve,
	}
	var fd uintptr
	var errno syscall.Errno
	if resolve&resolveCached != 0 {
		fd, _, errno = syscall.RawSyscall6(unix.SYS_OPENAT2, uintptr(root),
			uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(how)), unsafe.Sizeof(*how), 0, 0)
	} else { // may sleep: the scheduler must know
		fd, _, errno = syscall.Syscall6(unix.SYS_OPENAT2, uintptr(root),
			uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(how)), unsafe.Sizeof(*how), 0, 0)
	}
	if errno != 0 {
		return -1, errno
	}
	return int32(fd), 0
}

// openRooted does the same in user space, one path element after the other, for kernels (and
// emulators of kernels) without openat2.
func openRooted(root Root, name string) (int32, syscall.Errno) {
	roots.Lock()
	r := roots.byRoot[root]
	roots.Unlock()
	if r == nil || r.os == nil {
		return -1, unix.ENOSYS
	}
	f, err := r.os.OpenFile(name, openFlags, 0)
	if err != nil {
		return -1, errnoOf(err)
	}
	defer func() { _ = f.Close() }()
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, unix.EBADF
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(own uintptr) {
		fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return -1, unix.EBADF
	}
	if dupErr != nil {
		return -1, errnoOf(dupErr)
	}
	return int32(fd), 0
}

// errnoOf returns the errno of an error of package os. An error without one, such as the refusal of
// a name that leaves the root, counts as EXDEV, as with openat2(2).
func errnoOf(err error) syscall.Errno {
	for err != nil {
		if errno, ok := err.(syscall.Errno); ok {
			return errno
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = u.Unwrap()
	}
	return unix.EXDEV
}

// statx is statx(2), Linux 4.11, or what is left of it where statx is not available.
func statx(dir int32, name *byte, flags, mask int, stat *unix.Statx_t) syscall.Errno {
	if missing().statx == 0 {
		return rawStatx(dir, name, flags, mask, stat)
	}
	return statxByFstat(dir, name, flags, stat)
}

func statxByFstat(dir int32, name *byte, flags int, stat *unix.Statx_t) syscall.Errno {
	var old unix.Stat_t
	err := unix.Fstatat(int(dir), unix.BytePtrToString(name), &old, flags&(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW))
	if err != nil {
		return errnoOf(err)
	}
	*stat = unix.Statx_t{
		Mask: unix.STATX_BASIC_STATS, Mode: uint16(old.Mode), Ino: old.Ino, Uid: old.Uid, Size: uint64(old.Size), Blocks: uint64(old.Blocks),
		Mtime:     unix.StatxTimestamp{Sec: int64(old.Mtim.Sec), Nsec: uint32(old.Mtim.Nsec)},
		Ctime:     unix.StatxTimestamp{Sec: int64(old.Ctim.Sec), Nsec: uint32(old.Ctim.Nsec)},
		Dev_major: unix.Major(uint64(old.Dev)), Dev_minor: unix.Minor(uint64(old.Dev)),
	}
	return 0
}

func infoOf(stat *unix.Statx_t) Info {
	return Info{
		Size:    int64(stat.Size),
		MtimeNs: nanoseconds(stat.Mtime),
		CtimeNs: nanoseconds(stat.Ctime),
		Dev:     unix.Mkdev(stat.Dev_major, stat.Dev_minor),
		Ino:     stat.Ino,
	}
}

// nanoseconds returns a time in nanoseconds since 1970, cut off at what these can hold: from 1677 to 2262.
func nanoseconds(t unix.StatxTimestamp) int64 {
	const limit = int64(1<<63-1) / 1e9
	switch {
	case t.Sec >= limit:
		return 1<<63 - 1
	case t.Sec < -limit:
		return -1 << 63
	default:
		return t.Sec*1e9 + int64(t.Nsec)
	}
}

// directAlignDefault is the assumed alignment of offset, length and memory of a direct read if the kernel
// does not provide it (before Linux 6.1). It is sufficient for every common disk.
const directAlignDefault = 4096

// describe fills file from a descriptor that was opened beneath a root, or closes it if it is not a regular file. Unless it
// may wait, the file is on the root's own local filesystem. The class is Again if the filesystem would have to be
// queried for its type.
func describe(fd int32, root Root, stat *unix.Statx_t, file *Opened, wait bool) Class {
	var empty [1]byte
	errno := statx(fd, &empty[0], unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC,
		unix.STATX_BASIC_STATS|unix.STATX_DIOALIGN, stat)
	if errno != 0 || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(int(fd))
		switch {
		case errno != 0:
			return ClassifyOpen(errno)
		case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
			return Directory
		default:
			return Absent
		}
	}
	kind := filesystemLocal
	switch {
	case wait:
		kind = kindBeneath(root, fd, stat)
	case stat.Blocks == 0 && stat.Dev_major == 0:
		// Files of the kernel have no blocks, and no disk behind them; nearly every other one has either.
		_ = unix.Close(int(fd))
		return Again
	}
	if kind == filesystemKernel {
		// They look regular, but their sizes are not those of their contents, and a read may block.
		_ = unix.Close(int(fd))
		return Absent
	}
	*file = Opened{Info: infoOf(stat), FD: fd, MemAlign: directAlignDefault, FileAlign: directAlignDefault}
	file.Remote = kind == filesystemRemote
	if stat.Mask&unix.STATX_DIOALIGN != 0 {
		file.MemAlign, file.FileAlign = stat.Dio_mem_align, stat.Dio_offset_align
	}
	return Done
}

// openWaiting opens a name for a worker thread, however long the disk takes.
func openWaiting(root Root, name []byte, file *Opened) Class {
	if len(name) >= unix.PathMax {
		return Absent
	}
	fd, class := openSurely(root, string(name))
	if class != Done {
		return class
	}
	var stat unix.Statx_t
	return describe(fd, root, &stat, file, true)
}

// openLocal does the same for a name on the root's own filesystem, if that is of this machine. It returns false if the name leads to another one,
// which it does not ask, or if the kernel does not decide about a link. Without openat2(2) it can't know, and asks.
func openLocal(root Root, name []byte, file *Opened) (Class, bool) {
	if root.remote() {
		return Again, false
	}
	if missing().openat2 != 0 || len(name) >= unix.PathMax {
		return openWaiting(root, name, file), true
	}
	z, err := unix.BytePtrFromString(string(name))
	if err != nil {
		return Absent, true
	}
	links := root.links()
	var how unix.OpenHow
	fd, errno := int32(-1), unix.EAGAIN
	for try := 0; try < triesMax && (errno == unix.EAGAIN || errno == unix.EINTR); try++ {
		fd, errno = openBeneath(root, z, &how, openFlags, links.resolve()|unix.RESOLVE_NO_XDEV)
	}
	if errno == unix.EXDEV || links.undecided(errno) {
		return Again, false
	}
	if class := ClassifyOpen(errno); class == Again {
		return Exhausted, true
	} else if class != Done {
		return class, true
	}
	var stat unix.Statx_t
	return describe(fd, root, &stat, file, true), true
}

// openSurely opens a name beneath a root, and tries again where openat2(2) asks for it: EAGAIN means that a
// rename raced with "..". A name that can't be determined after so many tries is worth another one later, which is
// Exhausted; it has not been found to be absent. An absolute symbolic link is followed where it leads beneath the root.
func openSurely(root Root, name string) (int32, Class) {
	links := root.links()
	fd, errno := openTrying(root, name, links)
	if errno == unix.EXDEV && links == LinksBeneath {
		if name, errno = beneath(root, name); errno == 0 {
			fd, errno = openTrying(root, name, links)
		}
	}
	switch class := ClassifyOpen(errno); class {
	case Done:
		return fd, Done
	case Again:
		return -1, Exhausted
	default:
		return -1, class
	}
}

func openTrying(root Root, name string, links Links) (fd int32, errno syscall.Errno) {
	z, err := unix.BytePtrFromString(name)
	if err != nil {
		return -1, unix.ENOENT
	}
	var how unix.OpenHow
	errno = unix.EAGAIN
	for try := 0; try < triesMax && (errno == unix.EAGAIN || errno == unix.EINTR); try++ {
		switch {
		case missing().openat2 == 0:
			if fd, errno = openBeneath(root, z, &how, openFlags, links.resolve()); links.undecided(errno) {
				fd, errno = walkTo(root, name, links)
			}
		case links != LinksBeneath:
			fd, errno = walkTo(root, name, links)
		default:
			fd, errno = openRooted(root, name)
		}
	}
	return fd, errno
}

// String returns the descriptor of the root, for messages to developers.
func (r Root) String() string { return fmt.Sprintf("root %d", int32(r)) }

// OpenFile opens a name below a root as a worker thread does: it may block on a disk.
func OpenFile(root Root, name string, file *Opened) Class {
	return openWaiting(root, []byte(name), file)
}
