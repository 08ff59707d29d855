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

	"aws/internal/handler/fileserver"
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

// socketTowards returns this process's socket whose peer is at a port of this machine.
func socketTowards(t *testing.T, port int) int {
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
			return fd
		}
	}
	t.Fatalf("no socket has its peer at port %d", port)
	return -1
}

// addressElsewhere returns an address of this machine that is not on the loopback device.
func addressElsewhere(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if in, ok := a.(*net.IPNet); ok && !in.IP.IsLoopback() && in.IP.To4() != nil {
			return in.IP.String()
		}
	}
	t.Skip("this machine has no address but those on the loopback device")
	return ""
}

// inheritListener has the server get a listening socket that has the system's congestion control.
func inheritListener(t *testing.T, cfg *ServerConfig) {
	t.Helper()
	fd, addr, err := kernel.Listen(cfg.Listen[0], kernel.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Sockets, cfg.Listen = [][]int32{{fd}}, []kernel.Address{addr}
}

func TestConnectionsFromThisMachineAreNotPaced(t *testing.T) {
	usual, other := anotherCongestion(t)
	s := newSite(t)
	for _, test := range []struct {
		listen, congestion string
		inherited          bool   // the listening socket is somebody else's, and has the system's
		away               bool   // the client is not at 127.0.0.1
		small, large       string // after a response of 4 KiB and one above LocalBodyBytes
	}{
		{"0.0.0.0:0", other, false, false, other, other},
		{"0.0.0.0:0", "", false, false, usual, usual},
		{"127.0.0.1:0", other, false, false, other, other},
		{"127.0.0.1:0", "", false, false, usual, usual},
		{"0.0.0.0:0", other, true, false, usual, other},
		{"0.0.0.0:0", other, false, true, other, usual},
		{"0.0.0.0:0", "", false, true, usual, usual},
	} {
		t.Run(fmt.Sprintf("%s %q inherited=%v away=%v", test.listen, test.congestion, test.inherited, test.away), func(t *testing.T) {
			host := "127.0.0.1"
			if test.away {
				host = addressElsewhere(t)
			}
			server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
				cfg.Listen = []kernel.Address{{TCP: netip.MustParseAddrPort(test.listen)}}
				cfg.Loop.LocalCongestion = test.congestion
				if test.inherited {
					inheritListener(t, cfg)
				}
			})
			c, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(server.Addrs()[0].TCP.Port()))))
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
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				want, ok := s.files[step.path]
				if !ok {
					want = s.files["/static"+step.path]
				}
				if err != nil || string(body) != string(want) {
					t.Fatalf("%s: %d bytes, %v", step.path, len(body), err)
				}
				got, err := unix.GetsockoptString(socketTowards(t, port), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
				if got = strings.TrimRight(got, "\x00"); err != nil || got != step.want {
					t.Errorf("after %s: %s, not %s, %v", step.path, got, step.want, err)
				}
			}
		})
	}
}

// The response after which a connection ends waits in the socket as a whole: the server has done with it before the
// client has taken a byte.
func TestLastResponseWaitsInTheSocket(t *testing.T) {
	_, other := anotherCongestion(t)
	s := newSite(t)
	for _, test := range []struct {
		path, connection string
		inherited        bool // the listening socket is somebody else's, and what it accepts may be paced
		want             int
	}{
		{"/m", "close", false, LocalUnsentBytes},
		{"/dynamic/m", "close", false, LocalUnsentBytes},
		{"/m", "keep-alive", false, 0},
		{"/page", "close", false, 0},
		{"/m", "close", true, 0},
	} {
		t.Run(fmt.Sprintf("%s %s inherited=%v", test.path, test.connection, test.inherited), func(t *testing.T) {
			server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
				cfg.Loop.LocalCongestion = other
				if test.inherited {
					inheritListener(t, cfg)
				}
			})
			usual, err := unix.GetsockoptInt(int(server.loops[0].acceptor.listeners[0].fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == 0 {
				want = usual
			}
			c, err := net.Dial("tcp", server.Addrs()[0].TCP.String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			// What follows the request makes the server linger, so that its socket is still there to be asked.
			if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\nG", test.path, test.connection); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				t.Fatal(err)
			}
			got, err := unix.GetsockoptInt(socketTowards(t, c.LocalAddr().(*net.TCPAddr).Port), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
			if err != nil || got != want {
				t.Errorf("%d bytes may wait, not %d, %v", got, want, err)
			}
		})
	}
}
