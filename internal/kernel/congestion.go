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

func congestion(fd int, name string) error {
	err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	if err == nil {
		return nil
	}
	allowed, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
	return fmt.Errorf("congestion control %q: %w (this machine allows: %s)", name, err, strings.TrimSpace(string(allowed)))
}
