package attack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestOneAddress lets one address make thousands of connections: it gets as many as it may have, and others
// are served.
func TestOneAddress(t *testing.T) {
	site := harness.NewSite(t)
	server := start(t, "serve", site.Root, "--max-connections-per-ip", "100")
	const count = 3000
	var open, reported, closed int
	during(t, server, site, t.Name(), func() {
		var clientGroup clientGroup
		defer func() { clientGroup.hangUp() }()
		for range count {
			conn, err := dial(server.Address, "127.0.0.7", 0)
			if err != nil {
				t.Fatal(err)
			}
			clientGroup = append(clientGroup, conn)
			_, _ = io.WriteString(conn, "GET /static/small HTTP/1.1\r\nHost: a\r\n\r\n")
		}
		for _, conn := range clientGroup {
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			switch {
			case err != nil:
				closed++
			case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
				reported++
			default:
				open++
			}
		}
	})
	t.Logf("%d of %d connections of one address were served, %d were asked to come back, %d were closed", open, count, reported, closed)
	const loops, perLoop = 2, 100
	if open > loops*perLoop || open < perLoop {
		t.Errorf("%d connections were served; two loops take 100 each", open)
	}
	if reported == 0 {
		t.Error("nobody was asked to come back")
	}
	t.Log(lines(stop(t, server), "over the limit"))
}

// TestManyIdleConnections lets several addresses hold thousands of connections that say nothing, or part of a head.
func TestManyIdleConnections(t *testing.T) {
	site := harness.NewSite(t)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			server := start(t, mode, site.Root)
			during(t, server, site, t.Name(), func() {
				clientGroup := attackers(t, server.Address, 3000, 0, func(i int) string {
					return []string{"", "GET /static/small HT", "GET / HTTP/1.1\r\nHost: a\r\nX: "}[i%3]
				})
				time.Sleep(500 * time.Millisecond)
				clientGroup.hangUp()
			})
			stop(t, server)
		})
	}
}

// TestPoolHeld lets clients ask for large dynamic files and read next to nothing, more of them than the pool
// has windows for. Buffers are taken back from them, and a new client is served.
func TestPoolHeld(t *testing.T) {
	site := harness.NewSite(t)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			args := []string{}
			if mode == "serve" {
				args = append(args, "--pool-bytes", "16777216")
			}
			server := start(t, mode, site.Root, args...)
			attack := func(count int) clientGroup {
				return attackers(t, server.Address, count, 4096, func(int) string {
					return "GET /dynamic/huge HTTP/1.1\r\nHost: a\r\n\r\n"
				})
			}
			clientGroup := attack(100)
			time.Sleep(500 * time.Millisecond)
			l := wellBehaved(server, site)
			l.Paths = []string{"dynamic/small", "dynamic/odd", "dynamic/large"}
			got := l.Run(30)
			got.Check(t, false)
			t.Logf("100 clients hold the pool; a new one: %v", got)
			clientGroup.hangUp()
			output := stop(t, server)
			t.Log(lines(output, "buffers:"))
			if strings.Contains(output, "reclaimed 0\n") {
				t.Errorf("no buffer was taken back, so the pool was not held:\n%s", output)
			}
		})
	}
}

// TestPipelineFlood sends requests without reading a response, for as long as they are taken.
func TestPipelineFlood(t *testing.T) {
	site := harness.NewSite(t)
	request := strings.Repeat("GET /static/odd HTTP/1.1\r\nHost: a\r\n\r\n", 1000)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			server := start(t, mode, site.Root)
			var sent int
			during(t, server, site, t.Name(), func() {
				var group sync.WaitGroup
				var mu sync.Mutex
				for range 20 {
					conn, err := dial(server.Address, "127.0.0.8", 4096)
					if err != nil {
						t.Fatal(err)
					}
					group.Go(func() {
						defer func() { _ = conn.Close() }()
						_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
						total := 0
						for {
							n, err := io.WriteString(conn, request)
							total += n
							if err != nil {
								break
							}
						}
						mu.Lock()
						sent += total
						mu.Unlock()
					})
				}
				group.Wait()
			})
			t.Logf("20 clients got rid of %d KiB of requests", sent>>10)
			stop(t, server)
		})
	}
}

// TestHeads sends heads that are large in one way or another. Each is answered, or its connection is
// closed, at once.
func TestHeads(t *testing.T) {
	site := harness.NewSite(t)
	long := strings.Repeat("a", 1<<20)
	var many, ranges strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&many, "X-%d: %d\r\n", i, i)
		fmt.Fprintf(&ranges, "%d-%d,", i*2, i*2)
	}
	overlapping := strings.Repeat("0-,", 60) + "0-"
	cases := []struct {
		name, text string
		statuses   map[string]string
	}{
		{"a long target", "GET /" + long + " HTTP/1.1\r\nHost: a\r\n\r\n", map[string]string{"dropin": "404", "serve": "414"}},
		{"a long method", long + " / HTTP/1.1\r\nHost: a\r\n\r\n", map[string]string{"dropin": "404", "serve": "400 431 501"}},
		{"a long field", "GET / HTTP/1.1\r\nHost: a\r\nX: " + long + "\r\n\r\n", map[string]string{"dropin": "404", "serve": "431"}},
		{"many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + many.String() + "\r\n", map[string]string{"dropin": "404", "serve": "431"}},
		{"no line's end", long, map[string]string{"dropin": "404", "serve": "400 414 431 501"}},
		{"many ranges", "GET /static/odd HTTP/1.1\r\nHost: a\r\nRange: bytes=" + ranges.String()[:30_000] + "\r\n\r\n", map[string]string{"dropin": "200", "serve": "200 416 431"}},
		{"61 whole ranges", "GET /static/huge HTTP/1.1\r\nHost: a\r\nRange: bytes=" + overlapping + "\r\n\r\n", map[string]string{"dropin": "200", "serve": "200 206 416"}},
		{"a long chunk", "GET /static/small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("f", 1<<20), map[string]string{"dropin": "200 404", "serve": "200 400 413"}},
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			server := start(t, mode, site.Root)
			during(t, server, site, t.Name(), func() {
				for _, c := range cases {
					var group sync.WaitGroup
					for range 8 {
						group.Go(func() {
							for range 10 {
								status, err := ask(server.Address, c.text)
								if err != nil {
									t.Errorf("%s: %v", c.name, err)
									return
								}
								if status != "" && !strings.Contains(c.statuses[mode], status) {
									t.Errorf("%s: status %s; one of %s is right", c.name, status, c.statuses[mode])
									return
								}
							}
						})
					}
					group.Wait()
				}
			})
			stop(t, server)
		})
	}
}

// ask sends a text and returns the status of the first response; empty: the connection was reset before it
// could be read, as a server may do with one that goes on sending.
func ask(address, text string) (string, error) {
	conn, err := dial(address, "127.0.0.9", 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "", errors.New("neither a response nor an end")
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return "", nil
	}
	return fields[1], nil
}
