package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
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
			var mu sync.Mutex
			var sum int64
			over := ""
			began := time.Now()
			got := func(n int64) {
				mu.Lock()
				defer mu.Unlock()
				sum += n
				after := time.Since(began)
				if most := c.rate/4 + int64(float64(c.rate)*after.Seconds()); sum > most && over == "" {
					over = fmt.Sprintf("%d body bytes after %v, where %d are allowed", sum, after, most)
				}
			}
			var group sync.WaitGroup
			for range c.clients {
				group.Go(func() { spend(t, s.Address, c.requests, c.ahead, got) })
			}
			group.Wait()
			if over != "" {
				t.Error(over)
			}
			if sum < c.rate {
				t.Errorf("only %d body bytes came: the rate is not put to the test", sum)
			}
			if status := s.Stop(t); status != 0 {
				t.Errorf("the server ended with status %d", status)
			}
		})
	}
}
