package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ListenOptions are options of a TCP listening socket.
type ListenOptions struct {
	Shared bool // several sockets share the address (SO_REUSEPORT), one per loop
	Defer  bool // connections are reported when they have sent data (TCP_DEFER_ACCEPT)
	// Alone checks first whether the address is free. Otherwise, with Shared, the kernel permits another
	// server of the same user to share it.
	Alone bool
	Joins bool   // the address overlaps with one of this process's, which shares it, too (ShareAddress)
	Flag  string // the flag that sets the address, for the remedy in the error
	// Congestion is the congestion control of the sockets that are accepted at a loopback address, unless their route has its own.
	// "" means the system's default. Other addresses always have that.
	Congestion string
	// Cork delays sent data until a packet is full, the connection ends, or 200 ms have passed (tcp(7),
	// TCP_CORK; accepted sockets inherit it). If each response is the last of its connection, the FIN is
	// then in the last packet.
	Cork bool
}

// Listen returns a non-blocking socket that listens on an address, and the address with the port that the
// kernel has chosen if it was 0. The error names the address, the cause and the remedy.
func Listen(addr Address, o ListenOptions) (int32, Address, error) {
	if addr.Path != "" {
		fd, err := listenUnix(addr.Path, addr.File)
		if err != nil {
			return -1, addr, fmt.Errorf("listen %s: %w%s", addr, err, socketRemedy(addr.Path, err))
		}
		return fd, addr, nil
	}
	if o.Alone && o.Shared && addr.TCP.Port() != 0 {
		fd, _, err := listen(addr, ListenOptions{})
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		if errors.Is(err, unix.EADDRINUSE) {
			return -1, addr, fmt.Errorf("listen %s: %w%s", addr, err, ListenRemedy(err, o.Flag))
		}
	}
	fd, actual, err := listen(addr, o)
	if addr.Dual && errors.Is(err, unix.EAFNOSUPPORT) { // a machine without IPv6
		addr = Address{TCP: netip.AddrPortFrom(netip.IPv4Unspecified(), addr.TCP.Port()), TLS: addr.TLS}
		fd, actual, err = listen(addr, o)
	}
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return -1, addr, fmt.Errorf("listen %s: %w%s", addr, err, ListenRemedy(err, o.Flag))
	}
	addr.TCP = actual
	return int32(fd), addr, nil
}

// ListenRemedy returns the remedy for an error of listening, in parentheses, or "". flag is the flag that
// sets the address.
func ListenRemedy(err error, flag string) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return " (another server listens there: end it, which ss -ltnp names, or choose another port with " + flag + ")"
	case errors.Is(err, unix.EACCES):
		return " (ports below 1024 are root's: choose a higher one with " + flag + ", or start as root with --user NAME)"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return " (this machine has no such address: choose one that ip addr lists with " + flag + ")"
	default:
		return ""
	}
}

func listen(address Address, o ListenOptions) (int, netip.AddrPort, error) {
	addr := address.TCP
	domain := unix.AF_INET
	if addr.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, addr, os.NewSyscallError("socket", err)
	}
	for _, option := range []struct {
		wanted             bool
		level, name, value int
		call               string
	}{
		{true, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, "SO_REUSEADDR"},
		// Accepted sockets inherit it. A header waits for its body by MSG_MORE, and never for an
		// acknowledgement (tcp(7)).
		{true, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, "TCP_NODELAY"},
		{o.Cork, unix.IPPROTO_TCP, unix.TCP_CORK, 1, "TCP_CORK"},
		{o.Shared, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT"},
		{o.Defer, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferSeconds, "TCP_DEFER_ACCEPT"},
		{domain == unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, number(!address.Dual), "IPV6_V6ONLY"},
	} {
		if !option.wanted {
			continue
		}
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return fd, addr, os.NewSyscallError(option.call, err)
		}
	}
	if o.Congestion != "" && addr.Addr().Unmap().IsLoopback() {
		if err := congestion(fd, o.Congestion); err != nil {
			return fd, addr, err
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

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// UnsentBytes is the largest amount of unsent data in the socket of a connection that has a limit (tcp(7), TCP_NOTSENT_LOWAT).
const UnsentBytes = 128 << 10

// LimitUnsent sets whether what a listening socket accepts has UnsentBytes as its limit, or the system's. Where
// responses share a connection, as those of HTTP/2 do, the next one waits behind all that waits in the socket.
func LimitUnsent(fd int32, limited bool) {
	n := 0 // net.ipv4.tcp_notsent_lowat
	if limited {
		n = UnsentBytes
	}
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n) // a Unix socket has none
}

// deferSeconds is how long the kernel holds back a connection without data. After that it reports the
// connection.
const deferSeconds = 1

// backlog requests the longest queue that the machine permits (net.core.somaxconn).
const backlog = 65535

// Monotonic returns the time of the machine's monotonic clock (clock_gettime(2), CLOCK_MONOTONIC).
func Monotonic() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
