package kernel

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// LocalCongestion is a congestion control that every Linux has, that every process may choose, and that does
// not pace. On the loopback device, one that paces sends smaller pieces, each triggered by a timer: with
// bbr, 2 MiB cost up to 2.4 times the processor time.
const LocalCongestion = "reno"

// CheckCongestion returns an error with the possible choices if the process may not use a congestion
// control.
func CheckCongestion(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	return congestion(fd, name)
}

// CongestionBytes is the size of the buffer for PutCongestions.
const CongestionBytes = 2 * congestionNameBytes

const congestionNameBytes = 16 // TCP_CA_NAME_MAX of linux/tcp.h

// PutCongestions fills the buffer of an OpCongestion, which changes the congestion control of a socket from
// from to to. The buffer has room for the longest possible names.
func PutCongestions(b []byte, from, to string) {
	clear(b[:CongestionBytes])
	copy(b[:congestionNameBytes], from)
	copy(b[congestionNameBytes:CongestionBytes], to)
}

// SystemCongestion returns the default congestion control of a socket (net.ipv4.tcp_congestion_control), or
// "" if it cannot be determined.
func SystemCongestion() string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = unix.Close(fd) }()
	name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return ""
	}
	return strings.TrimRight(name, "\x00")
}

func congestion(fd int, name string) error {
	err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	if err == nil {
		return nil
	}
	allowed, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
	return fmt.Errorf("congestion control %q: %w (this machine allows: %s)", name, err, strings.TrimSpace(string(allowed)))
}
