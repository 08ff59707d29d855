package kernel

import (
	"os"
	"path/filepath"
	"testing"
)

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

// A network namespace that does not show tcp_mem has the kernel's default.
func TestSocketsLow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tcp_mem")
	low := socketsLow(name)
	if low < 1<<20 || low > 1<<40 {
		t.Errorf("without the file: %d bytes", low)
	}
	for _, c := range []struct {
		text  string
		pages int64
	}{{"287901\t383869\t575802\n", 287901}, {"many", 0}} {
		if err := os.WriteFile(name, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := socketsLow(name); got != c.pages*int64(os.Getpagesize()) {
			t.Errorf("%q: %d", c.text, got)
		}
	}
}
