package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// resolution is that of the client's histogram: 128 buckets for each power of two.
const resolution = 1.0 / 128

// buildClient builds the client in C.
func buildClient(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip(err)
	}
	bin := t.TempDir()
	if err := buildOwn(filepath.Join("..", ".."), bin, ownPrograms[:1], t.Logf); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, "load")
}

// turnsServer counts the requests of each connection, and how many are under way once all connections have had one.
type turnsServer struct {
	mu       sync.Mutex
	requests map[string]int
	all      int
	underWay int
	most     int
}

// serve responds to the requests of a connection. It delays none, but those that have arrived are under way until they are responded to.
func (s *turnsServer) serve(conn net.Conn, conns int) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if lines.Text() != "" { // a line of the head
			continue
		}
		s.mu.Lock()
		s.requests[conn.RemoteAddr().String()]++
		s.all++
		s.underWay++
		if s.all > conns {
			s.most = max(s.most, s.underWay)
		}
		s.mu.Unlock()
		s.mu.Lock()
		s.underWay--
		s.mu.Unlock()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"); err != nil {
			return
		}
	}
}

// TestClientTakesTurns lets connections take turns: each round of requests goes over all of them.
func TestClientTakesTurns(t *testing.T) {
	const conns, turns, rounds = 40, 4, 10
	client := buildClient(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	s := &turnsServer{requests: map[string]int{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, conns)
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(client, "-c", strconv.Itoa(conns), "-k", strconv.Itoa(turns), "-b", loopbackSources,
		"-n", strconv.Itoa(conns*rounds), "-d", "60000", port, "/")
	cmd.Stdin = strings.NewReader("\n")
	output, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(output), "ready\n") || !strings.HasSuffix(string(output), "\nend\n") {
		t.Fatalf("%v, %q", err, output)
	}
	for _, want := range []string{"\nconnects 0\n", "\nerrors 0\n", fmt.Sprintf("\nall_requests %d\n", conns*rounds)} {
		if !strings.Contains(string(output), want) {
			t.Errorf("there is no %q in %q", want, output)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) != conns || s.most > turns {
		t.Errorf("%d connections have asked, with up to %d requests under way", len(s.requests), s.most)
	}
	for from, n := range s.requests {
		if n != 1+rounds || !strings.HasPrefix(from, loopbackSources+":") {
			t.Errorf("%s has sent %d requests", from, n)
		}
	}
}

// TestClientQuantiles compares the client's quantiles with those of sorted values, by the nearest rank.
func TestClientQuantiles(t *testing.T) {
	client := buildClient(t)
	series := map[string][]int64{"one": {5000}, "two": {1000000, 3000000}, "none": nil}
	for i := range int64(1000) {
		series["1 to 1000 µs"] = append(series["1 to 1000 µs"], (1000-i)*1000)
		series["a long tail"] = append(series["a long tail"], 50000+i*i*i*7)
		series["alike"] = append(series["alike"], 123456)
	}
	for name, values := range series {
		t.Run(name, func(t *testing.T) {
			var input strings.Builder
			for _, v := range values {
				fmt.Fprintln(&input, v)
			}
			cmd := exec.Command(client, "-q")
			cmd.Stdin = strings.NewReader(input.String())
			output, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			sorted := slices.Sorted(slices.Values(values))
			for line := range strings.Lines(string(output)) {
				var figure string
				var got float64
				if _, err := fmt.Sscan(line, &figure, &got); err != nil {
					t.Fatal(err)
				}
				permille := map[string]int{"p50": 500, "p90": 900, "p99": 990, "p999": 999, "max": 1000}[figure]
				want := 0.0
				if n := len(sorted); n > 0 {
					want = float64(sorted[max((n*permille+999)/1000, 1)-1]) / 1000
				}
				// The client rounds up to the end of a bucket, and prints tenths.
				if got < want-0.06 || got > want*(1+resolution)+0.12 {
					t.Errorf("%s is %v, not %v", figure, got, want)
				}
			}
		})
	}
}
