package kernel

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// FollowRoot makes root refer to the directory that path leads to now, and reports whether that is a
// different directory than before. The operator configured path; its symbolic links are resolved again.
// Later opens below root use the new directory; open files are not affected. After an error, root is
// unchanged. FollowRoot may block on a disk, and may be called from any goroutine.
func FollowRoot(root Root, path string) (bool, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	var was, is unix.Stat_t
	if err := errors.Join(unix.Fstat(int(root), &was), unix.Fstat(fd, &is)); err != nil {
		return false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if was.Dev == is.Dev && was.Ino == is.Ino {
		return false, nil
	}
	// With O_PATH a directory can be had that nothing may be read from (landlock(7)).
	probe, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, &os.PathError{Op: "open", Path: path, Err: err}
	}
	_ = unix.Close(probe)
	roots.Lock()
	defer roots.Unlock()
	if r := roots.byRoot[root]; r != nil && r.os != nil {
		other, err := os.OpenRoot(path)
		if err != nil {
			return false, err
		}
		_ = r.os.Close()
		r.os = other
	}
	// The descriptor keeps its number: a call that is under way has the old directory, every later one the new one.
	if err := unix.Dup3(fd, int(root), unix.O_CLOEXEC); err != nil {
		return false, os.NewSyscallError("dup3", err)
	}
	learnFilesystem(root)
	return true, nil
}
