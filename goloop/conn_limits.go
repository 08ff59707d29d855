package goloop

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"aws/internal/kernel"
)

// connLimits counts the connections of a server, whatever their loops, and those of each client address. Its methods may be
// called by all of the loops.
type connLimits struct {
	most  int64
	conns atomic.Int64

	addressMost int // of one address; 0 means no limit
	mu          sync.Mutex
	byAddress   map[netip.Addr]int
}

func newConnLimits(cfg *Config) *connLimits {
	return &connLimits{most: int64(cfg.ConnsMax), addressMost: cfg.ConnsPerAddressMax, byAddress: map[netip.Addr]int{}}
}

// take counts a connection, or returns false when there are as many as there may be.
func (c *connLimits) take() bool {
	if c.conns.Add(1) <= c.most {
		return true
	}
	c.conns.Add(-1)
	return false
}

// give takes a connection off that take has counted.
func (c *connLimits) give() { c.conns.Add(-1) }

// hasRoom reports whether there may be another connection.
func (c *connLimits) hasRoom() bool { return c.conns.Load() < c.most }

// enter counts a connection of an address, or returns false when there are as many as there may be.
// Addresses that are none, such as a Unix socket's, are not counted.
func (c *connLimits) enter(a netip.Addr) bool {
	if c.addressMost == 0 || !a.IsValid() {
		return true
	}
	a = a.WithZone("")
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.byAddress[a]
	if n >= c.addressMost {
		return false
	}
	c.byAddress[a] = n + 1
	return true
}

// leave takes a connection off that enter has counted.
func (c *connLimits) leave(a netip.Addr) {
	if c.addressMost == 0 || !a.IsValid() {
		return
	}
	a = a.WithZone("")
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.byAddress[a]; n > 1 {
		c.byAddress[a] = n - 1
	} else {
		delete(c.byAddress, a)
	}
}

// addressGroup is what counts as one client: an IPv4 address, or the /64 of an IPv6 address, which
// is what one customer of a network has at the least (RFC 6177).
func addressGroup(peer netip.Addr) netip.Addr {
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
