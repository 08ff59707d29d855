package kernel

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openSockstat opens the files that SocketMemory reads, because a process that is confined to its
// directories can no longer open them.
func openSockstat() (*os.File, int64) {
	low := socketsLow("/proc/sys/net/ipv4/tcp_mem")
	if low == 0 {
		return nil, 0
	}
	file, err := os.Open("/proc/self/net/sockstat")
	if err != nil {
		return nil, 0
	}
	return file, low
}

// socketsLow returns how many bytes the sockets may hold without restraint: the first number of tcp_mem. A network namespace other than
// the first one, as containers have it, does not show it, but its sockets count there, too. Then it is the default of the kernel, three quarters of a sixteenth
// of the memory (tcp_init_mem in the kernel's net/ipv4/tcp.c).
func socketsLow(name string) int64 {
	limits, err := os.ReadFile(name)
	if err == nil {
		pages, _ := leadingInt(limits)
		return pages * int64(os.Getpagesize())
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit) / 16 / 4 * 3
}

// SocketMemory implements Kernel (proc_net(5), sockstat). It takes about ten microseconds and does not
// block.
func (k *Linux) SocketMemory() (held, low int64) {
	if k.sockstat == nil {
		return 0, 0
	}
	n, err := unix.Pread(int(k.sockstat.Fd()), k.sockets[:], 0)
	if err != nil {
		return 0, 0
	}
	pages, ok := tcpPages(k.sockets[:n])
	if !ok {
		return 0, 0
	}
	return pages * int64(os.Getpagesize()), k.socketsLow
}

// tcpPages returns the number after "mem" in the line that begins with "TCP:".
func tcpPages(stat []byte) (int64, bool) {
	for line := range bytes.Lines(stat) {
		rest, ok := bytes.CutPrefix(line, []byte("TCP:"))
		if !ok {
			continue
		}
		if _, rest, ok = bytes.Cut(rest, []byte(" mem ")); !ok {
			return 0, false
		}
		return leadingInt(rest)
	}
	return 0, false
}

// leadingInt returns the number at the beginning of b.
func leadingInt(b []byte) (int64, bool) {
	digits := 0
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(string(b[:digits]), 10, 64)
	return n, err == nil
}
