package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Address is a listening address: a TCP address, or the path of a Unix socket.
type Address struct {
	TCP  netip.AddrPort
	Path string       // path of a Unix socket; TCP is then not used
	File SocketAccess // permissions of its file
	Dual bool         // an IPv6 wildcard also accepts IPv4 connections
}

// ParseAddress parses 127.0.0.1:8080, [::1]:8080, :8080 for all addresses of both families, localhost:8080,
// or unix:/path. The error contains the expected form.
func ParseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path == "" || len(path) > unixPathBytesMax {
			return Address{}, fmt.Errorf("address %q: the path of a Unix socket has 1 to %d bytes", s, unixPathBytesMax)
		}
		return Address{Path: path}, nil
	}
	host, port, ok := cutLast(s, ":")
	if !ok {
		if _, err := strconv.ParseUint(s, 10, 16); err == nil {
			return Address{}, fmt.Errorf("address %q: a port alone is not an address; write %q for all addresses, or %q for this machine", s, ":"+s, "127.0.0.1:"+s)
		}
		return Address{}, fmt.Errorf("address %q: expected IP:PORT, :PORT for all addresses, or unix:/path", s)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %q is not a port; write a number from 0 to 65535", s, port)
	}
	switch host {
	case "", "*":
		return Address{TCP: netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(number)), Dual: true}, nil
	case "localhost":
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %q is not an IP address; write one, such as 127.0.0.1:%s, or :%s for all addresses", s, host, port, port)
	}
	return Address{TCP: netip.AddrPortFrom(ip.Unmap(), uint16(number))}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// unixPathBytesMax is the longest path in sockaddr_un (unix(7)).
const unixPathBytesMax = 107

// String returns the address in the form that ParseAddress accepts.
func (a Address) String() string {
	if a.Path != "" {
		return "unix:" + a.Path
	}
	return a.TCP.String()
}

// URL returns the URL of the address for a browser on this machine.
func (a Address) URL() string {
	if a.Path != "" {
		return "unix:" + a.Path
	}
	if a.Dual {
		return fmt.Sprintf("http://localhost:%d/", a.TCP.Port())
	}
	return "http://" + a.TCP.String() + "/"
}

// ListenOptions are options of a TCP listening socket.
type ListenOptions struct {
	Shared bool // several sockets share the address (SO_REUSEPORT), one per loop
	Defer  bool // connections are reported when they have sent data (TCP_DEFER_ACCEPT)
	// Alone checks first whether the address is free. Otherwise, with Shared, the kernel permits another
	// server of the same user to share it.
	Alone bool
	Flag  string // the flag that sets the address, for the remedy in the error
	// Congestion is the initial congestion control of accepted sockets, unless their route has its own. ""
	// means the system's default.
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
		addr = Address{TCP: netip.AddrPortFrom(netip.IPv4Unspecified(), addr.TCP.Port())}
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

// SocketAccess determines who may connect to a Unix socket: every process that may write to its file
// (unix(7)). With the zero value the file has the permissions that the umask leaves.
type SocketAccess struct {
	Mode  uint32 // permissions; 0: unchanged
	Group int    // -1, or 0 without Mode: unchanged
}

// apply sets the permissions and the group of a socket's file, before a client can connect.
func (a SocketAccess) apply(path string) error {
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
		if err = access.apply(path); err != nil {
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

// Duplicate returns another descriptor of the same socket.
func Duplicate(fd int32) (int32, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return int32(d), nil
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
		{true, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentBytes, "TCP_NOTSENT_LOWAT"},
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
	if o.Congestion != "" {
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

// notSentBytes is the largest amount of unsent data in a connection's socket (tcp(7), TCP_NOTSENT_LOWAT;
// accepted sockets inherit it). Without a limit, a slow client's socket takes about 2.5 MB of the memory
// that all TCP sockets of the machine share (tcp_mem). When about a thousand such sockets have used it up,
// the kernel aborts connections of other clients. Data in flight is limited by what the client acknowledges,
// so a fast client is not slowed down.
const notSentBytes = 128 << 10

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

// deferSeconds is how long the kernel holds back a connection without data. After that it reports the
// connection.
const deferSeconds = 1

// backlog requests the longest queue that the machine permits (net.core.somaxconn).
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
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentBytes) // a Unix socket has none
	return nil
}

// LocalAddress returns the address that a socket is bound to.
func LocalAddress(fd int32) Address {
	name, err := unix.Getsockname(int(fd))
	if err != nil {
		return Address{}
	}
	if s, ok := name.(*unix.SockaddrUnix); ok {
		return Address{Path: s.Name}
	}
	return Address{TCP: addrOf(name, netip.AddrPort{})}
}

// Monotonic returns the time of the machine's monotonic clock (clock_gettime(2), CLOCK_MONOTONIC).
func Monotonic() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
