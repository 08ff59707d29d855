package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Listen returns a TCP socket that listens at an address and does not block, and the address with
// the port that was chosen if it was 0. Several loops may share an address (SO_REUSEPORT). The
// error names the address, the cause and the remedy.
func Listen(addr netip.AddrPort, shared bool) (int32, netip.AddrPort, error) {
	fd, actual, err := listen(addr, shared)
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return -1, addr, fmt.Errorf("listen %s: %w%s", addr, err, listenRemedy(err))
	}
	return int32(fd), actual, nil
}

func listenRemedy(err error) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return " (another aws? try --port)"
	case errors.Is(err, unix.EACCES):
		return " (ports below 1024 are the superuser's: try --port)"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return " (this machine has no such address)"
	default:
		return ""
	}
}

func listen(addr netip.AddrPort, shared bool) (int, netip.AddrPort, error) {
	domain := unix.AF_INET
	if addr.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, addr, os.NewSyscallError("socket", err)
	}
	options := []struct {
		level, name int
		call        string
	}{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, "SO_REUSEADDR"},
		// Accepted sockets inherit it. A header waits for its body by MSG_MORE, and never for an
		// acknowledgement (tcp(7)).
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, "TCP_NODELAY"},
	}
	if shared {
		options = append(options, options[0])
		options[2].name, options[2].call = unix.SO_REUSEPORT, "SO_REUSEPORT"
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, 1); err != nil {
			return fd, addr, os.NewSyscallError(o.call, err)
		}
	}
	if err := unix.Bind(fd, sockaddrOf(addr)); err != nil {
		return fd, addr, err
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return fd, addr, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return fd, addr, os.NewSyscallError("getsockname", err)
	}
	return fd, addrOf(name, addr), nil
}

// backlog asks for as many waiting connections as the machine allows (net.core.somaxconn).
const backlog = 65535

func sockaddrOf(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
}

func addrOf(name unix.Sockaddr, asked netip.AddrPort) netip.AddrPort {
	switch s := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port))
	default:
		return asked
	}
}

// CloseAll closes descriptors that nobody uses.
func CloseAll(fds []int32) error {
	var errs []error
	for _, fd := range fds {
		if err := unix.Close(int(fd)); err != nil {
			errs = append(errs, os.NewSyscallError("close", err))
		}
	}
	return errors.Join(errs...)
}

// RaiseDescriptors raises the limit of open descriptors as far as the process may, and returns it.
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
