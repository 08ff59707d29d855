package kernel

import (
	"net/netip"
	"testing"
)

func TestPeerAddress(t *testing.T) {
	v4 := make([]byte, PeerBytes)
	copy(v4, []byte{2, 0, 0x1f, 0x90, 192, 0, 2, 7})
	v6 := make([]byte, PeerBytes)
	copy(v6, []byte{10, 0, 0, 80, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8})
	v6[23] = 1
	for _, tc := range []struct {
		b    []byte
		want string
	}{
		{v4, "192.0.2.7:8080"},
		{v6, "[2001:db8::1]:80"},
		{append([]byte{1, 0}, make([]byte, PeerBytes)...), "invalid AddrPort"}, // AF_UNIX
		{nil, "invalid AddrPort"},
	} {
		if got := PeerAddress(tc.b); got.String() != tc.want {
			t.Errorf("%v: %v, want %s", tc.b, got, tc.want)
		}
	}
	if PeerAddress(nil) != (netip.AddrPort{}) {
		t.Error("nothing is somebody")
	}
}
