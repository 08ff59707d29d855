package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace without a name. Nothing in the file system refers to it: the
// kernel removes it, with its devices, once file is closed and its processes have ended, also if
// this process is killed. The nil namespace is the machine's own.
type namespace struct{ file *os.File }

// ownNamespace is the network namespace of the calling thread.
const ownNamespace = "/proc/thread-self/ns/net"

// newNamespace makes a namespace, which needs CAP_SYS_ADMIN.
func newNamespace() (*namespace, error) {
	n := &namespace{}
	err := apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		var err error
		n.file, err = os.Open(ownNamespace)
		return err
	})
	return n, err
}

// do calls f on a thread in the namespace. The processes and the sockets that f makes itself belong
// to the namespace; those that it makes in other goroutines do not.
func (n *namespace) do(f func() error) error {
	if n == nil {
		return f()
	}
	return apart(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return f()
	})
}

// close gives the namespace up.
func (n *namespace) close() {
	if n != nil && n.file != nil {
		_ = n.file.Close()
	}
}

// apart calls f, which may change the network namespace of its thread, and changes it back.
func apart(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := os.Open(ownNamespace)
	if err != nil {
		return err
	}
	defer func() { _ = before.Close() }()
	err = f()
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(fmt.Sprintf("the thread can't return to its network namespace: %v", back))
	}
	return err
}
