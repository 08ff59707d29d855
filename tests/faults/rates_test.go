package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// limited are requests whose bodies travel in different ways.
var limited = []string{
	"GET /small HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /dynamic/small HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-19999\r\n\r\n",
	"GET /dynamic/large HTTP/1.1\r\nHost: x\r\nRange: bytes=1-20000\r\n\r\n",
	"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,100-100,200-200,300-300,400-400,500-500,600-600\r\n\r\n",
	"GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /list/ HTTP/1.1\r\nHost: x\r\n\r\n",
}

// spend sends the requests, all at once or one by one, and calls got for each body that has come. HEADs come
// first, which cost nothing.
func spend(t *testing.T, address string, requests []string, ahead bool, got func(n int64)) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	in := bufio.NewReader(c)
	send := func(list []string) {
		for _, r := range list {
			if _, err := io.WriteString(c, r); err != nil {
				t.Error(err)
			}
		}
	}
	send([]string{"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n"})
	if ahead {
		send(requests)
	}
	if _, err := http.ReadResponse(in, &http.Request{Method: http.MethodHead}); err != nil {
		t.Error(err)
		return
	}
	for i, r := range requests {
		if !ahead {
			send(requests[i : i+1])
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("%q: %v", r, err)
			return
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil {
			t.Errorf("%q: %v after %d bytes", r, err, n)
			return
		}
		got(n)
	}
}

// TestRatesHoldUnderLoad asks for bodies of every kind, by many connections of several loops. At no time may more
// have come since the beginning than the rate gives until then, and a quarter of a second's worth that may go at
// once. The first is the case that was found: fifty small files on one connection.
func TestRatesHoldUnderLoad(t *testing.T) {
	root := t.TempDir()
	for _, directory := range []string{"", "dynamic"} {
		harness.WriteFile(t, filepath.Join(root, directory, "small"), harness.Content(8000, 1))
		harness.WriteFile(t, filepath.Join(root, directory, "large"), harness.Content(1<<20, 2))
	}
	for i := range 100 {
		harness.WriteFile(t, filepath.Join(root, "list", fmt.Sprintf("a-file-with-a-long-name-%d", i)), nil)
	}
	var fifty []string
	for range 50 {
		fifty = append(fifty, limited[0])
	}
	for _, c := range []struct {
		name     string
		flag     string
		rate     int64
		clients  int
		requests []string
		ahead    bool
	}{
		{"fifty small files", "--limit-rate", 200_000, 1, fifty, false},
		{"fifty small files, pipelined", "--limit-rate", 200_000, 1, fifty, true},
		{"every kind", "--limit-rate", 30_000, 1, limited, false},
		{"every kind, pipelined", "--limit-rate", 30_000, 1, limited, true},
		{"every kind, all loops", "--limit-rate-total", 700_000, 16, limited, false},
		{"every kind, all loops, pipelined", "--limit-rate-total", 700_000, 16, limited, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := harness.StartServe(t, harness.Options{}, root, c.flag, fmt.Sprint(c.rate), "--loops", "4", "--list")
			m := meter{rate: c.rate, began: time.Now()}
			var group sync.WaitGroup
			for range c.clients {
				group.Go(func() { spend(t, s.Address, c.requests, c.ahead, m.got) })
			}
			group.Wait()
			m.check(t, "all bodies", c.rate)
			if status := s.Stop(t); status != 0 {
				t.Errorf("the server ended with status %d", status)
			}
		})
	}
}

// TestRatesOfRoutes asks for bodies of three routes on one connection each way: no route may have sent more than its own rate gives,
// for a connection or for all, and a route without a limit is not held back by the others.
func TestRatesOfRoutes(t *testing.T) {
	root := t.TempDir()
	for _, directory := range []string{"slow", "shared", "free"} {
		for i := range 40 {
			harness.WriteFile(t, filepath.Join(root, directory, fmt.Sprintf("a-file-with-a-long-name-%d", i)), nil)
		}
		harness.WriteFile(t, filepath.Join(root, directory, "small"), harness.Content(8000, 1))
		harness.WriteFile(t, filepath.Join(root, directory, "large"), harness.Content(4<<20, 2))
		harness.WriteFile(t, filepath.Join(root, directory, "large.iso"), harness.Content(1<<20, 2))
	}
	const slow, shared, clients = 60_000, 500_000, 6
	toml := fmt.Sprintf(`
send-timeout = "2s"
min-send-rate = "20KiB"
max-connections-per-ip = 0
[[site]]
default = true
root = %q
list = true
[[site.route]]
path = "/slow/"
limit-rate = %d
[[site.route]]
path = "/shared/"
limit-rate-total = %d
[[site.route]]
match = "*.iso"
dynamic = true
`, root, slow, shared)
	of := func(route string) []string {
		var list []string
		for _, r := range []string{
			"GET /R/small HTTP/1.1\r\nHost: x\r\n\r\n", "GET /R/large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-19999\r\n\r\n",
			"GET /R/large.iso HTTP/1.1\r\nHost: x\r\nRange: bytes=1-20000\r\n\r\n", "GET /R/none HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /R/large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,100-100,200-200,300-300,400-400,500-500,600-600\r\n\r\n",
			"GET /R/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /R/small HTTP/1.1\r\nHost: x\r\n\r\n",
		} {
			list = append(list, strings.Replace(r, "/R/", "/"+route+"/", 1))
		}
		return list
	}
	for _, ahead := range []bool{false, true} {
		t.Run(map[bool]string{false: "one by one", true: "pipelined"}[ahead], func(t *testing.T) {
			t.Parallel()
			s := harness.StartConfig(t, harness.Options{}, toml, "--loops", "3")
			var requests []string
			for i, r := range of("slow") {
				requests = append(requests, r, of("shared")[i], of("free")[i])
			}
			requests = append(requests, of("slow")...)
			requests = append(requests, of("shared")...)
			total := meter{rate: shared, began: time.Now()}
			var group sync.WaitGroup
			for range clients {
				own := meter{rate: slow, began: time.Now()}
				group.Go(func() {
					i := 0
					spend(t, s.Address, requests, ahead, func(n int64) {
						switch r := requests[i]; {
						case strings.HasPrefix(r, "GET /slow/"):
							own.got(n)
						case strings.HasPrefix(r, "GET /shared/"):
							total.got(n)
						}
						i++
					})
					own.check(t, "a connection", slow)
				})
			}
			began := time.Now()
			spend(t, s.Address, []string{"GET /free/large HTTP/1.1\r\nHost: x\r\n\r\n"}, false, func(n int64) {
				if after := time.Since(began); n != 4<<20 || after > 5*time.Second {
					t.Errorf("a route without a limit has sent %d bytes after %v", n, after)
				}
			})
			group.Wait()
			total.check(t, "all connections", shared)
			if status := s.Stop(t); status != 0 {
				t.Errorf("the server ended with status %d", status)
			}
		})
	}
}

// meter adds up body bytes, and compares them with what a rate gives.
type meter struct {
	mu    sync.Mutex
	rate  int64
	began time.Time
	sum   int64
	over  string
}

func (m *meter) got(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum += n
	after := time.Since(m.began)
	if most := m.rate/4 + int64(float64(m.rate)*after.Seconds()); m.sum > most && m.over == "" {
		m.over = fmt.Sprintf("%d body bytes after %v, where %d are allowed", m.sum, after, most)
	}
}

// check also checks that at least so many bytes have come.
func (m *meter) check(t *testing.T, what string, least int64) {
	t.Helper()
	if m.over != "" {
		t.Errorf("%s: %s", what, m.over)
	}
	if m.sum < least {
		t.Errorf("%s: only %d body bytes came: the rate is not put to the test", what, m.sum)
	}
}
