package goloop

import (
	"net/netip"

	"aws/internal/kernel"
)

// addressLimit counts the connections of each client address.
type addressLimit struct {
	most  int
	count map[netip.Addr]int
}

// enter counts a connection of an address, or returns false when there are as many as there may be.
// Addresses that are none, such as a Unix socket's, are not counted.
func (w *addressLimit) enter(a netip.Addr) bool {
	if w.most == 0 || !a.IsValid() {
		return true
	}
	a = a.WithZone("")
	n := w.count[a]
	if n >= w.most {
		return false
	}
	w.count[a] = n + 1
	return true
}

// leave takes a connection off that enter has counted.
func (w *addressLimit) leave(a netip.Addr) {
	if w.most == 0 || !a.IsValid() {
		return
	}
	if n := w.count[a]; n > 1 {
		w.count[a] = n - 1
	} else {
		delete(w.count, a)
	}
}

// neighbourhood is what counts as one client: an IPv4 address, or the /64 of an IPv6 address, which
// is what one customer of a network has at the least (RFC 6177).
func neighbourhood(peer netip.Addr) netip.Addr {
	peer = peer.Unmap()
	if !peer.Is6() {
		return peer
	}
	p, err := peer.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// peerOf reads the address that an accept has written.
func peerOf(op *kernel.Op) netip.AddrPort { return kernel.PeerAddress(op.Buf()) }
