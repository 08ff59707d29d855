package listeners

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/internal/kernel"
	"aws/internal/logging"

	"golang.org/x/sys/unix"
)

// parse returns addresses; those of Unix sockets have permissions.
func parse(t *testing.T, texts ...string) (addrs []kernel.Address) {
	t.Helper()
	for _, text := range texts {
		a, err := kernel.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if a.Path != "" {
			a.File = accessible
		}
		addrs = append(addrs, a)
	}
	return addrs
}

// TestPlaces finds the addresses that a set has among those that are wanted.
func TestPlaces(t *testing.T) {
	s := &Set{wanted: parse(t, "127.0.0.1:0", ":80", "unix:/a", "[::1]:81"), addrs: parse(t, "127.0.0.1:4000", ":80", "unix:/a", "[::1]:81")}
	for _, c := range []struct {
		wanted []string
		want   []int
	}{
		{[]string{"127.0.0.1:0", ":80", "unix:/a", "[::1]:81"}, []int{0, 1, 2, 3}},
		{[]string{"unix:/a", "127.0.0.1:0"}, []int{2, 0}},
		{[]string{"127.0.0.1:4000"}, []int{0}},
		{[]string{"127.0.0.1:4000", "127.0.0.1:0"}, []int{-1, 0}},
		{[]string{"127.0.0.1:0", "127.0.0.1:0"}, []int{0, -1}},
		{[]string{":80", ":80"}, []int{1, -1}},
		{[]string{"0.0.0.0:80", "[::]:80", "127.0.0.1:80", "127.0.0.1:81", "unix:/b"}, []int{-1, -1, -1, -1, -1}},
		{nil, []int{}},
	} {
		if got := s.places(parse(t, c.wanted...)); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.wanted, got, c.want)
		}
	}
}

// TestChange keeps, adds and removes addresses of each kind.
func TestChange(t *testing.T) {
	dir := t.TempDir()
	kept, gone, fresh := "unix:"+filepath.Join(dir, "kept"), "unix:"+filepath.Join(dir, "gone"), "unix:"+filepath.Join(dir, "fresh")
	s, report := bound(t, 2, parse(t, "127.0.0.1:0", gone, kept, "127.0.0.2:0")...)
	was, had := slices.Clone(s.Addresses()), slices.Clone(s.Descriptors())
	o := &Options{Loops: 7, Setting: "listen = other"}
	for _, same := range [][]string{{"127.0.0.1:0", gone, kept, "127.0.0.2:0"}, {"127.0.0.2:0", was[0].String(), kept, gone}} {
		if c, err := s.Change(parse(t, same...), o, report); c != nil || err != nil {
			t.Errorf("%v: %v, %v", same, c, err)
		}
	}
	wanted := parse(t, fresh, kept, "127.0.0.3:0", "127.0.0.1:0")
	wanted[1].File.Mode = 0o640

	c, err := s.Change(wanted, o, report)
	if err != nil {
		t.Fatal(err)
	}
	added := c.Added()
	if len(added) != 2 || !connects(added[0]) || !connects(added[1]) {
		t.Errorf("added: %v", added)
	}
	if err := c.Abort(report); err != nil {
		t.Error(err)
	}
	if connects(added[1]) || exists(added[0].Path) {
		t.Error("what was bound is there after Abort")
	}
	for _, a := range was {
		if !connects(a) {
			t.Errorf("after Abort nobody listens at %s", a)
		}
	}

	if c, err = s.Change(wanted, o, report); err != nil {
		t.Fatal(err)
	}
	removed := c.Commit(report)
	next := c.Next
	defer func() {
		if err := errors.Join(next.Close(report), removed.Close(report)); err != nil {
			t.Error(err)
		}
		if exists(wanted[0].Path) || exists(wanted[1].Path) || connects(was[0]) {
			t.Error("after Close there is something left")
		}
	}()
	if s.Descriptors() != nil || next.Setting() != "listen = other" || len(next.Descriptors()) != 2 {
		t.Errorf("the sets after Commit: %v, %v", s.Descriptors(), next)
	}
	for loop, fds := range next.Descriptors() {
		if fds[1] != had[loop][2] || fds[3] != had[loop][0] {
			t.Errorf("loop %d: %v, of %v: a socket that stays is another one", loop, fds, had[loop])
		}
	}
	for i, a := range next.Addresses() {
		if !connects(a) || kernel.LocalAddress(next.Descriptors()[1][i]).String() != a.String() {
			t.Errorf("nobody listens at %s", a)
		}
	}
	if info, err := os.Stat(wanted[1].Path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the permissions of the file that stays: %v, %v", info.Mode(), err)
	}
	if !exists(was[1].Path) {
		t.Error("the file of a removed address goes before it is retired")
	}

	accept(t, removed) // what connects has left
	conn, err := net.Dial("tcp", was[3].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	removed.Retire(report)
	if exists(was[1].Path) || removed.Idle() {
		t.Error("a removed file is there, or a connection is lost")
	}
	if late, err := net.DialTimeout("tcp", was[3].String(), 100*time.Millisecond); err == nil {
		_ = late.Close()
		t.Error("a connection begins at a removed address")
	}
	if accept(t, removed) != 1 || !removed.Idle() {
		t.Error("the connection that had begun is not accepted")
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestChangeFails sees an address that can't be bound, and nothing changed.
func TestChangeFails(t *testing.T) {
	other, _ := bound(t, 1, loopback)
	path := filepath.Join(t.TempDir(), "sock")
	s, report := bound(t, 2, loopback)
	before := slices.Clone(s.Descriptors()[1])
	c, err := s.Change(parse(t, "unix:"+path, other.Addresses()[0].String()), &Options{Flag: "--listen"}, report)
	if c != nil || err == nil || !strings.Contains(err.Error(), "listen "+other.Addresses()[0].String()+": ") {
		t.Errorf("%v, %v", c, err)
	}
	if exists(path) || !connects(s.Addresses()[0]) || !slices.Equal(s.Descriptors()[1], before) {
		t.Error("something has changed")
	}
}

// TestChangeOverlaps replaces an address by a wildcard that includes it, and back; beside each other they are refused, as at
// a start.
func TestChangeOverlaps(t *testing.T) {
	for _, loops := range []int{1, 2} {
		s, report := bound(t, loops, loopback)
		one := s.Addresses()[0]
		all := kernel.Address{TCP: netip.AddrPortFrom(netip.IPv4Unspecified(), one.TCP.Port())}
		if _, err := s.Change([]kernel.Address{one, all}, &Options{Flag: "--listen"}, report); err == nil {
			t.Error("both are bound")
		}
		for _, a := range []kernel.Address{all, one} {
			c, err := s.Change([]kernel.Address{a}, &Options{Flag: "--listen"}, report)
			if err != nil {
				t.Fatal(err)
			}
			removed := c.Commit(report)
			removed.Retire(report)
			if err := removed.Close(report); err != nil {
				t.Error(err)
			}
			if s = c.Next; !connects(one) {
				t.Errorf("nobody listens at %s", a)
			}
		}
		if err := s.Close(report); err != nil {
			t.Error(err)
		}
	}
}

// TestChangeActivated leaves the sockets alone that systemd has passed.
func TestChangeActivated(t *testing.T) {
	other, report := bound(t, 1, loopback)
	files, err := other.Duplicate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Activated(files, 2)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Change(parse(t, "127.0.0.2:0"), &Options{}, logging.New(&bytes.Buffer{})); c != nil || err != nil || !s.Activated() {
		t.Errorf("%v, %v", c, err)
	}
	if err := s.Close(report); err != nil {
		t.Error(err)
	}
}

// accept accepts all connections that wait, and returns how many there were.
func accept(t *testing.T, s *Set) (n int) {
	t.Helper()
	for _, fds := range s.Descriptors() {
		for _, fd := range fds {
			for kernel.HasConnections(fd) {
				own, _, err := unix.Accept(int(fd))
				if err != nil {
					t.Fatal(err)
				}
				_ = unix.Close(own)
				n++
			}
		}
	}
	return n
}
