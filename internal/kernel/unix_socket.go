package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// SocketAccess determines who may connect to a Unix socket: every process that may write to its file
// (unix(7)). With the zero value the file has the permissions that the umask leaves.
type SocketAccess struct {
	Mode  uint32 // permissions; 0: unchanged
	Group int    // -1, or 0 without Mode: unchanged
}

// Apply sets the permissions and the group of a socket's file. Who has connected before stays connected.
func (a SocketAccess) Apply(path string) error {
	if a.Mode == 0 {
		return nil
	}
	if a.Group >= 0 {
		if err := unix.Chown(path, -1, a.Group); err != nil {
			return fmt.Errorf("chown to group %d: %w (--socket-group has to be a group of this user's)", a.Group, err)
		}
	}
	if err := unix.Chmod(path, a.Mode); err != nil {
		return fmt.Errorf("chmod to %#o: %w", a.Mode, err)
	}
	return nil
}

// listenUnix listens on a path. It replaces an existing socket that refuses connections. A socket that
// accepts connections belongs to another process.
func listenUnix(path string, access SocketAccess) (int32, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	name := &unix.SockaddrUnix{Name: path}
	err = unix.Bind(fd, name)
	if errors.Is(err, unix.EADDRINUSE) && abandoned(path) {
		if err = unix.Unlink(path); err == nil {
			err = unix.Bind(fd, name)
		}
	}
	if errors.Is(err, unix.EADDRINUSE) {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("%w (%s)", err, inTheWay(path))
	}
	if err == nil {
		if err = access.Apply(path); err != nil {
			_ = unix.Unlink(path)
		}
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return int32(fd), nil
}

// inTheWay returns a message about an existing file at the path of a Unix socket, with the remedy.
func inTheWay(path string) string {
	var stat unix.Stat_t
	if unix.Lstat(path, &stat) == nil && stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return "what is there is not a socket: remove it, or choose another path"
	}
	return "somebody listens there: end that server, or choose another path"
}

// SocketFile is the file of a Unix socket that this process has bound.
type SocketFile struct {
	path   string
	device uint64
	inode  uint64
}

// SocketFileOf returns the file of a socket that this process has just bound to a path.
func SocketFileOf(path string) (SocketFile, error) {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return SocketFile{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return SocketFile{path: path, device: stat.Dev, inode: stat.Ino}, nil
}

// Path returns the path of the file.
func (f SocketFile) Path() string { return f.path }

// Remove removes the file, unless it does not exist any more, or another file with the same path belongs to
// another process.
func (f SocketFile) Remove() error {
	var stat unix.Stat_t
	if unix.Lstat(f.path, &stat) != nil || stat.Dev != f.device || stat.Ino != f.inode {
		return nil
	}
	if err := unix.Unlink(f.path); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "unlink", Path: f.path, Err: err}
	}
	return nil
}

// abandoned reports whether a path is a socket that refuses connections.
func abandoned(path string) bool {
	var stat unix.Stat_t
	if unix.Lstat(path, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	return errors.Is(unix.Connect(fd, &unix.SockaddrUnix{Name: path}), unix.ECONNREFUSED)
}

// socketRemedy returns the remedy if the file of a Unix socket could not be created, in parentheses, or "".
func socketRemedy(path string, err error) string {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Sprintf(" (make the directory %s, or choose another path)", dir)
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Sprintf(" (%s is not a directory: choose another path)", dir)
	case errors.Is(err, unix.EACCES):
		return fmt.Sprintf(" (this user may not make files in %s: choose another path, or change its permissions)", dir)
	case errors.Is(err, unix.EROFS):
		return fmt.Sprintf(" (%s can't be written to: choose another path)", dir)
	default:
		return ""
	}
}
