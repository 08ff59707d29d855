package kernel

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKindOf(t *testing.T) {
	for magic, want := range map[int64]filesystemKind{
		unix.EXT4_SUPER_MAGIC: filesystemLocal, unix.TMPFS_MAGIC: filesystemLocal, unix.XFS_SUPER_MAGIC: filesystemLocal,
		unix.BTRFS_SUPER_MAGIC: filesystemLocal, unix.OVERLAYFS_SUPER_MAGIC: filesystemLocal, 0x12345678: filesystemLocal,
		unix.FUSE_SUPER_MAGIC: filesystemRemote, unix.NFS_SUPER_MAGIC: filesystemRemote, unix.V9FS_MAGIC: filesystemRemote,
		unix.CIFS_SUPER_MAGIC: filesystemRemote, unix.SMB2_SUPER_MAGIC: filesystemRemote,
		-1<<32 & ^int64(0xffffffff) | unix.SMB2_SUPER_MAGIC: filesystemRemote, // sign-extended where a word is 32 bits
		unix.PROC_SUPER_MAGIC:                               filesystemKernel, unix.SYSFS_MAGIC: filesystemKernel,
	} {
		if got := kindOf(magic); got != want {
			t.Errorf("%#x: %d, want %d", magic, got, want)
		}
	}
}

// TestMountBeneathTheRootIsTheWorkers mounts a filesystem beneath a root: the loop does not enter it, whatever it is.
func TestMountBeneathTheRootIsTheWorkers(t *testing.T) {
	dir := t.TempDir()
	mounted := filepath.Join(dir, "mounted")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", mounted, "tmpfs", 0, ""); err != nil {
		t.Skipf("mount: %v", err)
	}
	defer func() { _ = unix.Unmount(mounted, unix.MNT_DETACH) }()
	for _, name := range []string{"own", "mounted/other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := OpenRoot(dir, LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = CloseRoot(root) }()
	if got := root.NameMax(); got != 255 {
		t.Errorf("names of %d bytes", got)
	}
	if missing().openat2 != 0 || missing().cached != 0 {
		message, _ := MissingCalls()
		t.Skip(message)
	}
	k, _, err := NewLinux(Config{EventsMax: 4, WorkersMax: 1, JobsMax: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	var file Opened
	if c := k.Open(root, []byte("own"), &file); c != Done || file.Remote {
		t.Fatalf("the root's own file: %v, %+v", c, file)
	}
	_ = unix.Close(int(file.FD))
	if c := k.Open(root, []byte("mounted/other"), &file); c != Again {
		t.Fatalf("a file of another filesystem: %v on the loop", c)
	}
	if c := openWaiting(root, []byte("mounted/other"), &file); c != Done || file.Remote {
		t.Fatalf("a file of another filesystem: %v by a worker, %+v", c, file)
	}
	_ = unix.Close(int(file.FD))
}

// TestStatxAsFstat compares what is taken from fstatat(2), where statx is not to be had, with what statx says.
func TestStatxAsFstat(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, make([]byte, 12345), 0o640); err != nil {
		t.Fatal(err)
	}
	z, err := unix.BytePtrFromString(name)
	if err != nil {
		t.Fatal(err)
	}
	var want, got unix.Statx_t
	if errno := rawStatx(unix.AT_FDCWD, z, 0, unix.STATX_BASIC_STATS, &want); errno != 0 {
		t.Skip(errno)
	}
	if errno := statxByFstat(unix.AT_FDCWD, z, unix.AT_STATX_DONT_SYNC, &got); errno != 0 {
		t.Fatal(errno)
	}
	if infoOf(&want) != infoOf(&got) || want.Mode != got.Mode || want.Blocks != got.Blocks {
		t.Errorf("statx: %+v\nfstat: %+v", want, got)
	}
}

func TestUnavailable(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{
		unix.ENOSYS: true, unix.EPERM: true, 0: false, unix.EACCES: false, unix.ENOENT: false, unix.EAGAIN: false, unix.EINVAL: false,
	} {
		if Unavailable(errno) != want {
			t.Errorf("%v: %v", errno, !want)
		}
	}
	// A worker settles these, whatever the reason.
	for _, errno := range []syscall.Errno{unix.EPERM, unix.ENOSYS, unix.EINVAL, unix.EXDEV, unix.EAGAIN} {
		if got := classifyCached(errno); got != Again {
			t.Errorf("%v on the loop is %v", errno, got)
		}
	}
	if got := classifyCached(unix.ENOENT); got != Absent {
		t.Errorf("ENOENT on the loop is %v", got)
	}
}
