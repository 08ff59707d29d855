package kernel

import "testing"

func TestTCPPages(t *testing.T) {
	for _, tc := range []struct {
		stat string
		want int64
		ok   bool
	}{
		{"sockets: used 119\nTCP: inuse 12 orphan 0 tw 3 alloc 14 mem 257\nUDP: inuse 1 mem 9\n", 257, true},
		{"TCP: inuse 12 orphan 0 tw 3 alloc 14 mem 0", 0, true},
		{"UDP: inuse 1 mem 9\nTCP: inuse 12\n", 0, false},
		{"TCP: inuse 12 mem many\n", 0, false},
		{"UDP: inuse 1 mem 9\n", 0, false},
		{"", 0, false},
	} {
		if got, ok := tcpPages([]byte(tc.stat)); got != tc.want || ok != tc.ok {
			t.Errorf("%q: %d, %v", tc.stat, got, ok)
		}
	}
}
