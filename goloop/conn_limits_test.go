package goloop

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// TestConnLimits has many loops take connections at once: no more are given than there may be, in all and for an address.
func TestConnLimits(t *testing.T) {
	const loops, tries, most, ofAddress = 8, 2000, 50, 20
	limits := newConnLimits(&Config{ConnsMax: most, ConnsPerAddressMax: ofAddress})
	addresses := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::%x"), {}}
	var taken atomic.Int64
	entered := make([]atomic.Int64, len(addresses))
	var group sync.WaitGroup
	for range loops {
		group.Go(func() {
			for i := range tries {
				if !limits.take() {
					continue
				}
				if n := taken.Add(1); n > most {
					t.Errorf("%d connections", n)
				}
				which := i % len(addresses)
				if limits.enter(addresses[which]) {
					if n := entered[which].Add(1); n > ofAddress && addresses[which].IsValid() {
						t.Errorf("%d connections of %v", n, addresses[which])
					}
					entered[which].Add(-1)
					limits.leave(addresses[which])
				}
				taken.Add(-1)
				limits.give()
			}
		})
	}
	group.Wait()
	if n := limits.conns.Load(); n != 0 || len(limits.byAddress) != 0 || !limits.hasRoom() {
		t.Errorf("%d connections are left, and %v", n, limits.byAddress)
	}
	for i := range most {
		if !limits.take() {
			t.Errorf("connection %d is refused", i)
		}
	}
	if limits.hasRoom() || limits.take() {
		t.Error("there is one too many")
	}
	for i := range ofAddress + 1 {
		if got := limits.enter(addresses[0]); got != (i < ofAddress) {
			t.Errorf("connection %d of an address: %v", i, got)
		}
	}
}
