package kernel

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// TestListenLoops listens for three loops at a TCP address and at a Unix address.
func TestListenLoops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	addrs := []Address{{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, {Path: path}}
	var asked int
	fds, bound, err := ListenLoops(addrs, 3, ListenOptions{}, func(Address) { asked++ })
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int32]bool{}
	for loop, own := range fds {
		if len(own) != 2 || seen[own[0]] || seen[own[1]] {
			t.Errorf("loop %d has the descriptors %v", loop, own)
		}
		seen[own[0]], seen[own[1]] = true, true
		if got := LocalAddress(own[0]); got.TCP != bound[0].TCP {
			t.Errorf("loop %d listens at %v, want %v", loop, got, bound[0])
		}
	}
	if len(fds) != 3 || asked != 6 || bound[0].TCP.Port() == 0 || addrs[0].TCP.Port() != 0 {
		t.Errorf("%d loops, asked %d times, bound %v, given %v", len(fds), asked, bound, addrs)
	}
	for _, own := range fds {
		if err := CloseAll(own); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(path+".file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fds, _, err = ListenLoops([]Address{{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, {Path: path + ".file"}}, 2, ListenOptions{}, nil)
	if err == nil || len(fds) != 2 || len(fds[0]) != 1 || len(fds[1]) != 0 {
		t.Errorf("a file in the way: %v, descriptors %v", err, fds)
	}
	for _, own := range fds {
		if err := CloseAll(own); err != nil {
			t.Error(err)
		}
	}
}
