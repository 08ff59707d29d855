package goloop

import (
	"net/netip"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"

	"golang.org/x/sys/unix"
)

// client is a client that allocates nothing.
type client struct {
	t    testing.TB
	addr unix.SockaddrInet4
	buf  []byte
}

// get sends a request, iterates until it has answered, and returns the response's length.
func (c *client) get(l *Loop, request []byte) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Connect(fd, &c.addr); err != nil {
		c.t.Fatal(err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		c.t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		c.t.Fatal(err)
	}
	sum := 0
	for {
		if _, err := l.Iterate(); err != nil {
			c.t.Fatal(err)
		}
		for {
			n, err := unix.Read(fd, c.buf)
			if err == unix.EAGAIN {
				break
			}
			if err != nil {
				c.t.Fatal(err)
			}
			if n == 0 {
				return sum
			}
			sum += n
		}
	}
}

// newAllocLoopOf returns a loop of a handler, and a client of it.
func newAllocLoopOf(t testing.TB, handler handler.Handler, loop Config, cache docroot.Limits) (*Loop, *client) {
	t.Helper()
	fd, addr, err := kernel.Listen(kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, kernel.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := kernel.DefaultConfig()
	cfg.ReadsMax = 32
	k, _, err := kernel.NewLinux(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoop(k, loop, handler, docroot.NewCache(cache), fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Shutdown()
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	})
	return l, &client{
		t: t, addr: unix.SockaddrInet4{Port: int(addr.TCP.Port()), Addr: [4]byte{127, 0, 0, 1}},
		buf: make([]byte, 1<<20),
	}
}
