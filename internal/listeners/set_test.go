package listeners

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/kernel"
	"aws/internal/logging"

	"golang.org/x/sys/unix"
)

// accessible is what a Unix socket is made with that nobody has an opinion of.
var accessible = kernel.SocketAccess{Mode: 0o600, Group: -1}

// loopback is an address whose port the kernel chooses.
var loopback = kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}

func bound(t *testing.T, loops int, addrs ...kernel.Address) (*Set, *logging.Reporter) {
	t.Helper()
	report := logging.New(&bytes.Buffer{})
	s, err := Bind(addrs, &Options{Loops: loops, Flag: "--listen"}, report)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(report); err != nil {
			t.Error(err)
		}
	})
	return s, report
}

// connects reports whether somebody listens at an address.
func connects(a kernel.Address) bool {
	network, address := "tcp", a.String()
	if a.Path != "" {
		network, address = "unix", a.Path
	}
	conn, err := net.Dial(network, address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// TestBind sees a socket per loop and address, one port for all loops, and nothing left after Close.
func TestBind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a,b;c%d.sock")
	s, report := bound(t, 3, loopback, kernel.Address{Path: path, File: accessible})
	addrs := s.Addresses()
	if len(addrs) != 2 || addrs[0].TCP.Port() == 0 || addrs[1].Path != path {
		t.Fatalf("addresses %v", addrs)
	}
	if fds := s.Descriptors(); len(fds) != 3 || len(fds[0]) != 2 || len(fds[2]) != 2 {
		t.Fatalf("descriptors %v", fds)
	}
	for _, fds := range s.Descriptors() {
		for i, fd := range fds {
			if got := kernel.LocalAddress(fd); got.String() != addrs[i].String() {
				t.Errorf("%s is bound, and not %s", got, addrs[i])
			}
		}
	}
	for _, a := range addrs {
		if !connects(a) {
			t.Errorf("nobody listens at %s", a)
		}
	}
	for range 2 {
		if err := s.Close(report); err != nil {
			t.Error(err)
		}
	}
	if connects(addrs[0]) {
		t.Error("somebody still listens")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file: %v", err)
	}
}

// TestBindFails sees the sockets that were bound before the one that can't be closed again, and their files removed.
func TestBindFails(t *testing.T) {
	other, report := bound(t, 1, loopback)
	path := filepath.Join(t.TempDir(), "sock")
	s, err := Bind([]kernel.Address{{Path: path, File: accessible}, other.Addresses()[0]}, &Options{Loops: 2, Flag: "--listen"}, report)
	if s != nil || err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Fatalf("%v, %v", s, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file: %v", err)
	}
}

// TestHandover passes a set on as another process would get it.
func TestHandover(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a,b;c%d.sock")
	secure := loopback
	secure.TLS = true
	s, _ := bound(t, 2, secure, kernel.Address{Path: path, File: accessible})
	files, err := s.Duplicate()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Fatalf("%d descriptors", len(files))
	}
	// The process gets them one after the other.
	const first = 200
	for i, f := range files {
		if err := unix.Dup3(int(f.Fd()), first+i, 0); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	got, err := Inherit(s.Encode(), first)
	if err != nil {
		t.Fatal(err)
	}
	if got.Encode() != s.Encode() || len(got.Addresses()) != 2 || got.Addresses()[1].Path != path || !got.Addresses()[0].TLS || got.Addresses()[1].TLS {
		t.Errorf("%q and %q", got.Encode(), s.Encode())
	}
	for i, want := range [][]int32{{200, 201}, {202, 203}} {
		if fds := got.Descriptors()[i]; fds[0] != want[0] || fds[1] != want[1] {
			t.Errorf("loop %d: %v", i, fds)
		}
	}
	if err := got.Close(logging.New(&bytes.Buffer{})); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil || !connects(s.Addresses()[1]) {
		t.Errorf("closing the set that was passed took the socket away: %v", err)
	}
}

// TestInheritMistakes sees a text that nothing has encoded refused.
func TestInheritMistakes(t *testing.T) {
	for _, text := range []string{"", "127.0.0.1", "%zz", "127.0.0.1:1,"} {
		if _, err := Inherit(text, 1<<20); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
	if _, err := Inherit("127.0.0.1:1", 1<<20); err == nil || !strings.HasPrefix(err.Error(), "127.0.0.1:1: ") {
		t.Errorf("a descriptor that is not there: %v", err)
	}
}

// TestActivated takes over a socket as systemd passes it, and closes what it came as.
func TestActivated(t *testing.T) {
	if s, err := Activated(nil, 2); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	other, report := bound(t, 1, loopback)
	files, err := other.Duplicate()
	if err != nil {
		t.Fatal(err)
	}
	named, err := kernel.Duplicate(int32(files[0].Fd()))
	if err != nil {
		t.Fatal(err)
	}
	secure, err := Activated([]*os.File{os.NewFile(uintptr(named), tlsName)}, 1)
	if err != nil || !secure.Addresses()[0].TLS {
		t.Fatalf("a socket with the name %s is not for https: %v", tlsName, err)
	}
	if err := secure.Close(report); err != nil {
		t.Error(err)
	}
	s, err := Activated(files, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Descriptors()) != 2 || s.Addresses()[0].String() != other.Addresses()[0].String() || s.Addresses()[0].TLS {
		t.Errorf("%v at %v", s.Descriptors(), s.Addresses())
	}
	if err := files[0].Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file that it came as is open: %v", err)
	}
	if err := s.Close(report); err != nil {
		t.Error(err)
	}
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if _, err := Activated([]*os.File{plain}, 1); err == nil || !strings.HasPrefix(err.Error(), "LISTEN_FDS: ") {
		t.Errorf("what is not a socket: %v", err)
	}
}
