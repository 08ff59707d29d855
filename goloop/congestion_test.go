package goloop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/internal/kernel"

	"golang.org/x/sys/unix"
)

// anotherCongestion returns the system's congestion control, and one that a process may choose instead.
func anotherCongestion(t *testing.T) (string, string) {
	t.Helper()
	usual, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		t.Skip(err)
	}
	allowed, err := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
	if err != nil {
		t.Skip(err)
	}
	for name := range strings.FieldsSeq(string(allowed)) {
		if name != strings.TrimSpace(string(usual)) && kernel.CheckCongestion(name) == nil {
			return strings.TrimSpace(string(usual)), name
		}
	}
	t.Skipf("this machine allows no congestion control but %s", usual)
	return "", ""
}

// congestionTowards returns that of this process's socket whose peer is at a port of this machine.
func congestionTowards(t *testing.T, port int) string {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, entry := range list {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		peer, err := unix.Getpeername(fd)
		if err != nil {
			continue
		}
		if in, ok := peer.(*unix.SockaddrInet4); ok && in.Port == port {
			name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimRight(name, "\x00")
		}
	}
	t.Fatalf("no socket has its peer at port %d", port)
	return ""
}

func TestConnectionsFromThisMachineAreNotPaced(t *testing.T) {
	usual, other := anotherCongestion(t)
	s := newSite(t)
	for _, test := range []struct {
		listen, congestion string
		small, large       string // after an answer below and one above LocalBodyBytes
	}{
		{"0.0.0.0:0", other, usual, other},
		{"0.0.0.0:0", "", usual, usual},
		{"127.0.0.1:0", other, other, other},
		{"127.0.0.1:0", "", usual, usual},
	} {
		t.Run(fmt.Sprintf("%s %q", test.listen, test.congestion), func(t *testing.T) {
			server := startServe(t, s, func(_ *ServeOptions, cfg *ServerConfig) {
				cfg.Listen = []kernel.Address{{TCP: netip.MustParseAddrPort(test.listen)}}
				cfg.Loop.LocalCongestion = test.congestion
			})
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", server.Addrs()[0].TCP.Port()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			port := c.LocalAddr().(*net.TCPAddr).Port
			r := bufio.NewReader(c)
			for _, step := range []struct{ path, want string }{
				{"/page", test.small},
				{"/m", test.large},
				{"/dynamic/m", test.large},
			} {
				if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", step.path); err != nil {
					t.Fatal(err)
				}
				answer, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				want, ok := s.files[step.path]
				if !ok {
					want = s.files["/static"+step.path]
				}
				if err != nil || string(body) != string(want) {
					t.Fatalf("%s: %d bytes, %v", step.path, len(body), err)
				}
				if got := congestionTowards(t, port); got != step.want {
					t.Errorf("after %s: %s, not %s", step.path, got, step.want)
				}
			}
		})
	}
}
