package kernel

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Address is a listening address: a TCP address, or the path of a Unix socket.
type Address struct {
	TCP  netip.AddrPort
	Path string       // path of a Unix socket; TCP is then not used
	File SocketAccess // permissions of its file
	Dual bool         // an IPv6 wildcard also accepts IPv4 connections
	TLS  bool         // the connections are for https
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
	scheme := "http"
	if a.TLS {
		scheme = "https"
	}
	if a.Dual {
		return fmt.Sprintf("%s://localhost:%d/", scheme, a.TCP.Port())
	}
	return scheme + "://" + a.TCP.String() + "/"
}

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
