package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"aws/cgo/libaio"

	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Feature is a kernel feature that the server uses if it is available.
type Feature struct {
	Name   string `json:"name"`
	Have   bool   `json:"have"`
	Detail string `json:"detail,omitempty"` // a version, a size, or the reason why it is not available
	Else   string `json:"else,omitempty"`   // what the server does without it
}

// Features tries the features of the running kernel, using a file on the filesystem in question. It tries
// each feature and does not rely on the kernel's version, because sandboxes forbid calls that the kernel
// has.
func Features(file string) []Feature {
	var list []Feature
	add := func(name, detail string, err error, without string) {
		f := Feature{Name: name, Have: err == nil, Detail: detail}
		if err != nil {
			f.Detail, f.Else = err.Error(), without
		}
		list = append(list, f)
	}
	add("AIO", "io_setup", tryAIO(), "dynamic files are read by threads")
	add("openat2", "RESOLVE_BENEATH", tryOpenat2(file, 0), "files are opened one path element after the other")
	add("RESOLVE_CACHED", "", tryOpenat2(file, resolveCached), "every file is opened off the loop")
	add("O_DIRECT", "", tryDirect(file), "threads read dynamic files that are not in memory")
	detail, err := tryAlignment(file)
	add("statx alignment", detail, err, "direct reads are aligned to 4096 bytes")
	add("RWF_NOWAIT", "preadv2", tryNoWait(file), "dynamic files are always read past the page cache")
	add("cachestat", "", tryCachestat(file), "RWF_NOWAIT reports what is in memory")
	add("kernel TLS", "TCP_ULP tls", TryTLS(), "the server encrypts large responses over https itself (modprobe tls)")
	detail, err = tryLandlock()
	add("Landlock", detail, err, "files outside the roots are kept from clients, but not from the process")
	return list
}

func tryAIO() error {
	c, err := libaio.Setup(1)
	if err != nil {
		return err
	}
	_, err = c.Close()
	return err
}

// tryOpenat2 opens a file as the loop does. With RESOLVE_CACHED, an error that the lookup would block also
// shows that the call is available.
func tryOpenat2(file string, resolve uint64) error {
	dir, err := unix.Open(filepath.Dir(file), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer func() { _ = unix.Close(dir) }()
	name, err := unix.BytePtrFromString(filepath.Base(file))
	if err != nil {
		return err
	}
	var how unix.OpenHow
	fd, errno := openBeneath(Root(dir), name, &how, openFlags, resolve)
	if errno == 0 {
		return unix.Close(int(fd))
	}
	if errno == unix.EAGAIN && resolve != 0 {
		return nil
	}
	return os.NewSyscallError("openat2", errno)
}

// tryDirect reads the first page of a file past the page cache, into memory with an alignment that is always sufficient.
func tryDirect(file string) error {
	fd, err := unix.Open(file, openFlags|unix.O_DIRECT, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer func() { _ = unix.Close(fd) }()
	page, err := unix.Mmap(-1, 0, directAlignDefault, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	defer func() { _ = unix.Munmap(page) }()
	_, err = unix.Pread(fd, page, 0)
	return os.NewSyscallError("pread", err)
}

func tryAlignment(file string) (detail string, err error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, file, 0, unix.STATX_BASIC_STATS|unix.STATX_DIOALIGN, &stat); err != nil {
		return "", os.NewSyscallError("statx", err)
	}
	if stat.Mask&unix.STATX_DIOALIGN == 0 {
		return "", errors.New("the kernel or the file system does not say")
	}
	if stat.Dio_offset_align == 0 {
		return "", errors.New("the file system has no direct reads")
	}
	return "memory " + strconv.Itoa(int(stat.Dio_mem_align)) + ", offset " + strconv.Itoa(int(stat.Dio_offset_align)), nil
}

func tryNoWait(file string) error {
	fd, err := unix.Open(file, openFlags, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer func() { _ = unix.Close(fd) }()
	var one [1]byte
	if _, err := unix.Preadv2(fd, [][]byte{one[:]}, 0, unix.RWF_NOWAIT); err != nil && !errors.Is(err, unix.EAGAIN) {
		return os.NewSyscallError("preadv2", err)
	}
	return nil
}

func tryCachestat(file string) error {
	fd, err := unix.Open(file, openFlags, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer func() { _ = unix.Close(fd) }()
	span := unix.CachestatRange{Len: 1}
	var stat unix.Cachestat_t
	_, _, errno := unix.Syscall6(unix.SYS_CACHESTAT, uintptr(fd),
		uintptr(unsafe.Pointer(&span)), uintptr(unsafe.Pointer(&stat)), 0, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("cachestat", errno)
	}
	return nil
}

func tryLandlock() (detail string, err error) {
	version, err := llsyscall.LandlockGetABIVersion()
	if err != nil {
		return "", os.NewSyscallError("landlock_create_ruleset", err)
	}
	return "ABI " + strconv.Itoa(version), nil
}

// Release returns the name and the release of the running kernel, such as "Linux 6.1.0".
func Release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}

// Libaio returns the file name of the libaio in this process, such as libaio.so.1.0.2, because the library
// has no call that returns its version.
func Libaio() string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(maps)) {
		if path := strings.TrimSpace(line); strings.Contains(path, "/libaio.so") {
			return filepath.Base(path)
		}
	}
	return "unknown"
}
