package kernel

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// PeerBytes is the size of the buffer for the address that an OpAccept writes.
const PeerBytes = 28 // sizeof(struct sockaddr_in6)

// PutPeerAddress writes an IPv4 address in the format of OpAccept.
func PutPeerAddress(b []byte, peer netip.AddrPort) {
	clear(b[:PeerBytes])
	binary.NativeEndian.PutUint16(b, unix.AF_INET)
	binary.BigEndian.PutUint16(b[2:], peer.Port())
	at := peer.Addr().As4()
	copy(b[4:], at[:])
}

// PeerAddress parses a struct sockaddr (ip(7), ipv6(7)). For other families it returns the zero value.
func PeerAddress(b []byte) netip.AddrPort {
	if len(b) < PeerBytes {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch binary.NativeEndian.Uint16(b) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port)
	default:
		return netip.AddrPort{}
	}
}
