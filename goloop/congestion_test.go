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

// What is accepted at a loopback address is not paced, where that is asked for. All other connections have the system's congestion control, wherever their client is.
func TestCongestionByListeningAddress(t *testing.T) {
	usual, other := anotherCongestion(t)
	s := newSite(t)
	for _, test := range []struct {
		listen, local string
		away          bool // the client is not at 127.0.0.1
		want          string
	}{
		{"127.0.0.1:0", other, false, other},
		{"127.0.0.1:0", "", false, usual},
		{"0.0.0.0:0", other, false, usual},
		{"0.0.0.0:0", other, true, usual},
	} {
		t.Run(fmt.Sprintf("%s %q away=%v", test.listen, test.local, test.away), func(t *testing.T) {
			host := "127.0.0.1"
			if test.away {
				host = addressElsewhere(t)
			}
			server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
				cfg.Listen = []kernel.Address{{TCP: netip.MustParseAddrPort(test.listen)}}
				cfg.LocalCongestion = test.local
			})
			c, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(server.Addrs()[0].TCP.Port()))))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			port := c.LocalAddr().(*net.TCPAddr).Port
			r := bufio.NewReader(c)
			for _, path := range []string{"/page", "/m", "/dynamic/m"} {
				if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
					t.Fatal(err)
				}
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				want, ok := s.files[path]
				if !ok {
					want = s.files["/static"+path]
				}
				if err != nil || string(body) != string(want) {
					t.Fatalf("%s: %d bytes, %v", path, len(body), err)
				}
				got, err := unix.GetsockoptString(socketTowards(t, port), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
				if got = strings.TrimRight(got, "\x00"); err != nil || got != test.want {
					t.Errorf("after %s: %s, not %s, %v", path, got, test.want, err)
				}
			}
		})
	}
}
