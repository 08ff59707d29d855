package goloop

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestCheckQueue fills the queue from one address, from many, and from none, and empties it.
func TestCheckQueue(t *testing.T) {
	var q checkQueue
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	key := func(i int) []byte { return fmt.Appendf(nil, "key %d", i) }
	n := 0
	fill := func(a netip.Addr, want int) {
		t.Helper()
		got := 0
		for ; q.admits(a) && got < 2*checksMax; got++ {
			q.enter(a, key(n))
			n++
		}
		if got != want {
			t.Errorf("%v: %d checks are admitted, want %d", a, got, want)
		}
	}
	fill(address(1), checksPerAddressMax)
	fill(address(1), 0)
	fill(address(2), checksPerAddressMax) // a flood from one keeps nobody else out
	q.leave(address(1), key(0))
	fill(address(1), 1)
	fill(netip.Addr{}, checksMax-2*checksPerAddressMax) // a Unix socket, behind which there are many
	fill(address(3), 0)
	if len(q.byKey) != checksMax {
		t.Errorf("%d checks wait, want %d", len(q.byKey), checksMax)
	}
	for i := range n {
		a := netip.Addr{}
		switch {
		case i < checksPerAddressMax || i == 2*checksPerAddressMax:
			a = address(1)
		case i < 2*checksPerAddressMax:
			a = address(2)
		}
		if i > 0 { // that one has left
			q.leave(a, key(i))
		}
	}
	if len(q.byKey) != 0 || len(q.byAddress) != 0 {
		t.Errorf("%d checks of %d addresses are left over", len(q.byKey), len(q.byAddress))
	}
}
