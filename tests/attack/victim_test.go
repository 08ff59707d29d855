package attack

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// modes are the two servers, by name.
var modes = []string{"dropin", "serve"}

// start starts one of the two for a directory. It prints its counters when it ends.
func start(t *testing.T, mode, root string, args ...string) *harness.Server {
	t.Helper()
	return harness.StartMode(t, mode, root, args...)
}

func stop(t *testing.T, s *harness.Server) string {
	t.Helper()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	return s.Output()
}

// wellBehaved is a client of another address than the attackers', which asks for small and large files,
// static and dynamic, one connection each.
func wellBehaved(s *harness.Server, site *harness.Site) harness.Load {
	return harness.Load{
		Address: s.Address, Site: site, Clients: 2, Seed: 1, From: "127.0.0.99", Pause: 2 * time.Millisecond,
		Paths: []string{"static/small", "dynamic/small", "static/odd", "dynamic/odd", "static/large", "dynamic/large"},
	}
}

// during measures the well-behaved client before and during an attack. It must lose nothing.
func during(t *testing.T, s *harness.Server, site *harness.Site, name string, attack func()) {
	t.Helper()
	victim := wellBehaved(s, site)
	before := victim.RunFor(time.Second)
	before.Check(t, false)
	running := victim.Start()
	attack()
	served := running.Served()
	harness.Eventually(t, 30*time.Second, "the client is still served", func() error {
		if n := running.Served() - served; n < 10 {
			return harness.Errorf("%d responses", n)
		}
		return nil
	})
	got := running.Stop()
	got.Check(t, false)
	t.Logf("| %s | before: p50 %v, p99 %v, longest %v | during: %d of %d whole, p50 %v, p99 %v, longest %v |", name,
		before.Quantile(0.5), before.Quantile(0.99), before.Quantile(1),
		got.Whole, got.Requests, got.Quantile(0.5), got.Quantile(0.99), got.Quantile(1))
}

// tries is how often an attack is repeated whose effect on others looks too large: the machine may have been busy with something else.
const tries = 3

// beside measures the well-behaved client of a server while another server of the machine is attacked, which takes as much of the processors, and while its own is. It
// must lose nothing, and its 99th percentile must not double, where that is more than a busy machine does to it. The attack returns how it is ended. beside returns how much
// the client has requested.
func beside(t *testing.T, s *harness.Server, site *harness.Site, name string, attack func(s *harness.Server) (end func())) (requests int) {
	t.Helper()
	const noisy = 200 * time.Millisecond
	other := start(t, "serve", site.Root, "--h2c")
	measure := func(attacked *harness.Server) *harness.Loaded {
		running := wellBehaved(s, site).Start()
		end := attack(attacked)
		harness.Eventually(t, 30*time.Second, "the client is served", func() error {
			if n := running.Served(); n < 100 {
				return harness.Errorf("%d responses", n)
			}
			return nil
		})
		got := running.Stop()
		end()
		got.Check(t, false)
		requests += got.Requests
		return got
	}
	var busiest time.Duration // that the machine has been
	for try := 1; ; try++ {
		before, got := measure(other), measure(s)
		busiest = max(busiest, before.Quantile(0.99))
		t.Logf("| %s | another server is attacked: p50 %v, p99 %v | this one is: %d of %d whole, p50 %v, p99 %v, longest %v |", name,
			before.Quantile(0.5), before.Quantile(0.99), got.Whole, got.Requests, got.Quantile(0.5), got.Quantile(0.99), got.Quantile(1))
		if got.Quantile(0.99) <= max(2*busiest, noisy) || t.Failed() {
			break
		}
		if try == tries {
			t.Errorf("p99 of others is %v while their server is attacked, and %v at the most while another one is", got.Quantile(0.99), busiest)
			break
		}
	}
	stop(t, other)
	return requests
}

// dial connects from an address, with a receive buffer of its own size; 0: the system's.
func dial(address, from string, receiveBytes int) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	if receiveBytes > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBytes)
			})
		}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// clientGroup is the connections of an attack.
type clientGroup []*net.TCPConn

// hangUp resets all of them.
func (c clientGroup) hangUp() {
	for _, conn := range c {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

// attackers makes connections and says something on each. They are closed with the test at the latest.
func attackers(t *testing.T, address string, count, receiveBytes int, text func(i int) string) clientGroup {
	t.Helper()
	conns := make(clientGroup, 0, count)
	t.Cleanup(func() { conns.hangUp() })
	for i := range count {
		conn, err := dial(address, fmt.Sprintf("127.0.0.%d", 2+i%4), receiveBytes)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := conn.Write([]byte(text(i))); err != nil {
			t.Logf("attacker %d: %v", i, err) // the server may well refuse
		}
	}
	return conns
}

// lines returns the lines of a text that hold a word.
func lines(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return strings.Join(found, "; ")
}
