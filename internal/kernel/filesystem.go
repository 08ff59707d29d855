package kernel

import (
	"sync"

	"golang.org/x/sys/unix"
)

// filesystemKind is the kind of a filesystem: local, or implemented by another process or machine.
type filesystemKind uint8

const (
	filesystemLocal  filesystemKind = iota // this kernel and its disks
	filesystemRemote                       // another process or machine: any call may wait for it, and for ever
	filesystemKernel                       // this kernel alone: the files are windows on it
)

// Magic numbers of filesystems that golang.org/x/sys/unix does not define (statfs(2)).
const (
	gfs2Magic      = 0x01161970
	gpfsMagic      = 0x47504653
	lustreMagic    = 0x0bd00bd0
	orangefsMagic  = 0x20030528
	panfsMagic     = 0xaad7aaea
	vboxsfMagic    = 0x786f4256
	ncpMagic       = 0x564c
	smbLegacyMagic = 0x517b
)

// kindOf returns the kind of a filesystem by its magic number. An unknown filesystem counts as local.
func kindOf(magic int64) filesystemKind {
	switch uint64(magic) & 0xffffffff {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.NSFS_MAGIC,
		unix.PSTOREFS_MAGIC, unix.BINFMTFS_MAGIC, unix.SELINUX_MAGIC, unix.SMACK_MAGIC, unix.EFIVARFS_MAGIC:
		return filesystemKernel
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, smbLegacyMagic,
		unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC,
		unix.OCFS2_SUPER_MAGIC, unix.AUTOFS_SUPER_MAGIC, gfs2Magic, gpfsMagic, lustreMagic, orangefsMagic, panfsMagic,
		vboxsfMagic, ncpMagic:
		return filesystemRemote
	default:
		return filesystemLocal
	}
}

// filesystemOf returns the kind of the filesystem of a file. It calls the filesystem, so it may block. If
// the call fails, the filesystem counts as remote.
func filesystemOf(fd int32) (filesystemKind, int) {
	var fs unix.Statfs_t
	err := unix.Fstatfs(int(fd), &fs)
	for err == unix.EINTR {
		err = unix.Fstatfs(int(fd), &fs)
	}
	if err != nil {
		return filesystemRemote, 0
	}
	return kindOf(int64(fs.Type)), int(fs.Namelen)
}

// rootFilesystem contains the known attributes of a root's filesystem.
type rootFilesystem struct {
	kind    filesystemKind
	dev     uint64
	nameMax int // bytes of a name's element
}

// rootFilesystems contains the filesystems of the open roots.
var rootFilesystems = struct {
	sync.RWMutex
	of map[Root]rootFilesystem
}{of: map[Root]rootFilesystem{}}

// learnFilesystem determines the filesystem of a root. It is called whenever the descriptor refers to
// another directory.
func learnFilesystem(root Root) {
	var r rootFilesystem
	r.kind, r.nameMax = filesystemOf(int32(root))
	var stat unix.Statx_t
	var empty [1]byte
	if statx(int32(root), &empty[0], unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &stat) == 0 {
		r.dev = unix.Mkdev(stat.Dev_major, stat.Dev_minor)
	}
	rootFilesystems.Lock()
	defer rootFilesystems.Unlock()
	rootFilesystems.of[root] = r
}

func forgetFilesystem(root Root) {
	rootFilesystems.Lock()
	defer rootFilesystems.Unlock()
	delete(rootFilesystems.of, root)
}

func (r Root) filesystem() (rootFilesystem, bool) {
	rootFilesystems.RLock()
	defer rootFilesystems.RUnlock()
	fs, ok := rootFilesystems.of[r]
	return fs, ok
}

// NameMax returns the largest length in bytes of a path element on the root's filesystem, or 0 if it is not
// known.
func (r Root) NameMax() int {
	fs, _ := r.filesystem()
	return fs.nameMax
}

// remote reports whether lookups below the root may wait for another process or machine.
func (r Root) remote() bool {
	fs, _ := r.filesystem()
	return fs.kind == filesystemRemote
}

// kindBeneath returns the kind of the filesystem of a file that was opened below a root. Another filesystem
// may be mounted there, which is then called.
func kindBeneath(root Root, fd int32, stat *unix.Statx_t) filesystemKind {
	if fs, ok := root.filesystem(); ok && fs.kind == filesystemLocal && fs.dev == unix.Mkdev(stat.Dev_major, stat.Dev_minor) {
		return filesystemLocal
	}
	kind, _ := filesystemOf(fd)
	return kind
}
