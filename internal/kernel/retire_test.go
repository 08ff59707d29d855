package kernel

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestRefuseConnections has a connection that has begun before, which is accepted, also if it sends nothing for a second, and
// one that begins after.
func TestRefuseConnections(t *testing.T) {
	for _, deferred := range []bool{false, true} {
		fd, addr, err := Listen(Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, ListenOptions{Defer: deferred})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := CloseAll([]int32{fd}); err != nil {
				t.Error(err)
			}
		}()
		if HasConnections(fd) {
			t.Error("a connection that there is not")
		}
		before, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = before.Close() }()
		if err := RefuseConnections(fd); err != nil {
			t.Fatal(err)
		}
		if conn, err := net.DialTimeout("tcp", addr.String(), 100*time.Millisecond); err == nil {
			_ = conn.Close()
			t.Error("a new connection has begun")
		}
		for end := time.Now().Add(10 * time.Second); !HasConnections(fd); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("deferred %v: the connection that had begun has not come into the backlog", deferred)
			}
		}
	}
}

// TestOverlaps has wildcards of both families.
func TestOverlaps(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{":80", "127.0.0.1:80", true},
		{":80", "[::1]:80", true},
		{":80", "0.0.0.0:80", true},
		{":80", "[::]:80", true},
		{"0.0.0.0:80", "127.0.0.1:80", true},
		{"0.0.0.0:80", "[::1]:80", false},
		{"0.0.0.0:80", "[::]:80", false},
		{"[::]:80", "[::1]:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{":80", "127.0.0.1:81", false},
		{":80", ":80", false},
		{":0", "127.0.0.1:0", false},
		{":80", "unix:/s", false},
	} {
		a, errA := ParseAddress(c.a)
		b, errB := ParseAddress(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.Overlaps(b) != c.want || b.Overlaps(a) != c.want {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.want)
		}
	}
}
