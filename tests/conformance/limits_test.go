package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestLimitsAreTheServers has two loops share the limits of connections: whichever loop the kernel gives a connection to, the
// server has as many as it may, and no more.
func TestLimitsAreTheServers(t *testing.T) {
	const most, tries = 8, 40
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("a"))
	connect := func(address string) net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	served := func(conn net.Conn, wait time.Duration) (int, error) {
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, nil
	}
	t.Run("of an address", func(t *testing.T) {
		server := harness.StartServe(t, harness.Options{}, root, "--loops", "2", "--max-connections-per-ip", fmt.Sprint(most))
		status := map[int]int{}
		for range tries {
			s, err := served(connect(server.Address), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			status[s]++
		}
		if status[200] != most || status[503] != tries-most {
			t.Errorf("status codes %v", status)
		}
	})
	t.Run("in all", func(t *testing.T) {
		server := harness.StartServe(t, harness.Options{}, root, "--loops", "2", "--max-connections", fmt.Sprint(most), "--keepalive-timeout", "10m")
		var held []net.Conn
		for range most {
			conn := connect(server.Address)
			if s, err := served(conn, time.Minute); s != 200 {
				t.Fatalf("status %d, %v", s, err)
			}
			held = append(held, conn)
		}
		// Idle connections make room for those that wait, which is how each of these comes to be served.
		for i := range tries {
			conn := connect(server.Address)
			if s, err := served(conn, time.Minute); s != 200 {
				t.Fatalf("connection %d: status %d, %v", i, s, err)
			}
			held = append(held, conn)
		}
		open := 0
		for _, conn := range held {
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
				open++
			}
		}
		if open > most {
			t.Errorf("%d connections are open, %d may be", open, most)
		}
	})
}
