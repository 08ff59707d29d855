package contract

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// transfer is a response whose header has arrived and whose body has not.
type transfer struct {
	conn   *net.TCPConn
	reader *bufio.Reader
}

// dial connects; the connection is closed with the test at the latest.
func dial(t *testing.T, server *harness.Server) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", server.Address, harness.StartDeadline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("dialed a %T", conn)
	}
	return tcp
}

// begin asks for a target and reads the header, so that the body is under way.
func begin(t *testing.T, server *harness.Server, target string) transfer {
	t.Helper()
	conn := dial(t, server)
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	// A small buffer on this side, so that the sender soon has to wait for the reader.
	if err := conn.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tr := transfer{conn, bufio.NewReader(conn)}
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = tr.reader.ReadString('\n'); err != nil {
			t.Fatalf("%s: %v after %q", target, err, line)
		}
	}
	return tr
}

// finish reads the body and returns its hash, or what went wrong.
func (tr transfer) finish() string {
	sum := sha256.New()
	if _, err := io.Copy(sum, tr.reader); err != nil {
		return err.Error()
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// abort resets the connection, as the system does for a client that is killed with data unread.
func (tr transfer) abort(t *testing.T) {
	t.Helper()
	if err := tr.conn.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := tr.conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// established returns what lsof says of the server's accepted connections, one line each.
func established(t *testing.T, server *harness.Server) []string {
	t.Helper()
	output, err := exec.Command(harness.Tool(t, "lsof"),
		"-nP", "-a", "-p", strconv.Itoa(server.PID()), "-iTCP", "-sTCP:ESTABLISHED").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // its status is 1 when there is nothing to list
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(output)) {
		if strings.Contains(line, "(ESTABLISHED)") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// wantEstablished polls until lsof shows so many connections.
func wantEstablished(t *testing.T, server *harness.Server, count int) {
	t.Helper()
	started := time.Now()
	harness.Eventually(t, 30*time.Second, fmt.Sprintf("lsof shows %d connections", count), func() error {
		if lines := established(t, server); len(lines) != count {
			return fmt.Errorf("%d: %s", len(lines), strings.Join(lines, "; "))
		}
		return nil
	})
	t.Logf("lsof shows %d connections after %v", count, time.Since(started).Round(time.Millisecond))
}

// socketCount counts the sockets that the server has open.
func socketCount(t *testing.T, server *harness.Server) int {
	t.Helper()
	directory := fmt.Sprintf("/proc/%d/fd", server.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, entry := range entries {
		if target, err := os.Readlink(directory + "/" + entry.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			count++
		}
	}
	return count
}

// wantSockets polls until the server has no more sockets open than it had.
func wantSockets(t *testing.T, server *harness.Server, count int) {
	t.Helper()
	harness.Eventually(t, harness.StopDeadline, "all connections are closed", func() error {
		if now := socketCount(t, server); now > count {
			return fmt.Errorf("%d sockets, %d before", now, count)
		}
		return nil
	})
}

// processorTime returns what the server has used of the processor, in the clock's ticks of 10 ms.
func processorTime(t *testing.T, server *harness.Server) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", server.PID()))
	if err != nil {
		t.Fatal(err)
	}
	// The second field is the name in parentheses; utime and stime are the 14th and 15th (proc(5)).
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
