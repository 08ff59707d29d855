package kernel

import (
	"os"

	"golang.org/x/sys/unix"
)

// A classic BPF program for a TCP listening socket. Its data begins with the TCP header, whose byte 13 holds the flags.
const (
	tcpFlagsOffset = 13
	tcpFlagSYN     = 0x02
	tcpFlagACK     = 0x10
	keepPacket     = 0xffffffff
)

// dropSYN drops segments with SYN and without ACK, which begin a connection, and keeps all others.
var dropSYN = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: tcpFlagsOffset},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: tcpFlagSYN | tcpFlagACK},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: tcpFlagSYN, Jt: 0, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: keepPacket},
}

// RefuseConnections lets no new connection begin at a TCP listening socket, for all processes that have it open. Those that
// have begun come into its backlog as before. Clients repeat their SYN after a second (RFC 6298), and are refused when the
// socket is closed by then. Accepted sockets inherit the filter, which does nothing to them.
func RefuseConnections(fd int32) error {
	program := unix.SockFprog{Len: uint16(len(dropSYN)), Filter: &dropSYN[0]}
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
}

// HasConnections reports whether a listening socket has a connection in its backlog.
func HasConnections(fd int32) bool {
	fds := []unix.PollFd{{Fd: fd, Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && n > 0 && fds[0].Revents&unix.POLLIN != 0
		}
	}
}

// ShareAddress permits other sockets of this user to listen at addresses that overlap with a TCP socket's (SO_REUSEPORT).
func ShareAddress(fd int32) error {
	return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// Overlaps reports whether one of two different TCP addresses is a wildcard that includes the other, or one of two equal ones
// is for https.
func (a Address) Overlaps(b Address) bool {
	if a.Path != "" || b.Path != "" || a.TCP.Port() != b.TCP.Port() || a.TCP.Port() == 0 {
		return false
	}
	if a.TCP == b.TCP && a.Dual == b.Dual {
		return a.TLS != b.TLS
	}
	return a.includes(b) || b.includes(a)
}

// includes reports whether a wildcard address accepts the connections of another one of the same port.
func (a Address) includes(b Address) bool {
	return a.TCP.Addr().IsUnspecified() && (a.Dual || a.TCP.Addr().Is6() == b.TCP.Addr().Is6())
}
