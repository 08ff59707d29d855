package conformance

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestUnixSocket sees the file of a Unix socket be for everybody, or for whom the options say, and anyone who connects there
// speak for others by the PROXY protocol if it is trusted.
func TestUnixSocket(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("a"))
	for _, c := range []struct {
		name  string
		args  []string
		mode  os.FileMode
		proxy bool
	}{
		{"for everybody", nil, 0o666, false},
		{"for the group", []string{"--socket-mode", "0660", "--socket-group", fmt.Sprint(os.Getegid())}, 0o660, false},
		{"for a proxy", []string{"--proxy-from", "unix"}, 0o666, true},
		{"supervised", []string{"--supervise", "--socket-mode", "600"}, 0o600, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "aws") // short enough for a socket's path
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			path, log := filepath.Join(dir, "s"), filepath.Join(dir, "log")
			args := append([]string{"serve", root, "--listen", "unix:" + path, "--access-log", log, "--access-log-format", "json"}, c.args...)
			server := harness.Launch(t, harness.Options{Path: harness.AWS(t), Args: args})
			var conn net.Conn
			harness.Eventually(t, time.Minute, "the server listens", func() (err error) {
				conn, err = net.Dial("unix", path)
				return err
			})
			defer func() { _ = conn.Close() }()
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != c.mode {
				t.Errorf("the file is %v, want %v, %v", info.Mode(), c.mode, err)
			}
			if c.proxy {
				fmt.Fprint(conn, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n")
			}
			fmt.Fprint(conn, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || response.StatusCode != 200 {
				t.Fatalf("%v, %v", response, err)
			}
			harness.Eventually(t, time.Minute, "the client is in the log", func() error {
				text, _ := os.ReadFile(log)
				if !strings.Contains(string(text), `"/a"`) || strings.Contains(string(text), "192.0.2.7:4711") != c.proxy {
					return harness.Errorf("%s", text)
				}
				return nil
			})
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d\n%s", status, server.Output())
			}
		})
	}
}
