package kernel

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Duplicate returns another descriptor of the same socket.
func Duplicate(fd int32) (int32, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return int32(d), nil
}

// CloseAll closes descriptors that are not in use.
func CloseAll(fds []int32) error {
	var errs []error
	for _, fd := range fds {
		if err := unix.Close(int(fd)); err != nil {
			errs = append(errs, os.NewSyscallError("close", err))
		}
	}
	return errors.Join(errs...)
}

// RaiseDescriptors raises the soft limit of open descriptors to the hard limit, and returns it.
func RaiseDescriptors() (int, error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if lim.Cur < lim.Max {
		raised := unix.Rlimit{Cur: lim.Max, Max: lim.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			lim = raised
		}
	}
	return int(min(lim.Cur, 1<<30)), nil
}

// Inherit prepares a listening socket that another process has passed: it sets it non-blocking and
// close-on-exec.
func Inherit(fd int32) error {
	if listening, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return errors.New("there is no listening socket")
	}
	unix.CloseOnExec(int(fd))
	if err := unix.SetNonblock(int(fd), true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return nil
}
