package acme

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// output is what a process writes.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// TestServe has `aws serve`, in its sandbox, obtain certificates by HTTP-01, alone and as the worker of a supervisor that reloads.
func TestServe(t *testing.T) {
	binary := os.Getenv("AWS_BIN")
	if binary == "" {
		t.Skip("AWS_BIN does not name a binary")
	}
	for _, supervised := range []bool{false, true} {
		t.Run(fmt.Sprintf("supervised %v", supervised), func(t *testing.T) {
			s := newServer(t)
			if err := s.plain.Close(); err != nil { // the port is for aws
				t.Fatal(err)
			}
			p := newPebble(t, s, pebbleOptions{})
			dir := t.TempDir()
			config := filepath.Join(dir, "aws.toml")
			const form = `listen = ["127.0.0.1:%d"]
supervise = %v
acme-storage = "%s/acme"
acme-agree-terms = true
acme-directory = "%s"
acme-ca = "%s"
acme-challenge = "http-01"
log-level = "debug"
[[site]]
hosts = ["a.example.test", "b.example.test"]
root = "%s"
certificate = "acme"
redirect-to-https = true
`
			root := t.TempDir()
			text := fmt.Sprintf(form, s.httpPort(), supervised, dir, p.directory, p.caFile, root)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out output
			cmd := exec.CommandContext(context.Background(), binary, "serve", "--config", config)
			cmd.Stderr = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			t.Cleanup(func() {
				_ = cmd.Process.Signal(syscall.SIGTERM)
				<-ended
				if t.Failed() {
					t.Log(out.String())
				}
			})
			if supervised {
				await(t, "a worker", func() bool { return strings.Contains(out.String(), "listening at") })
				if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"a.example.test", "b.example.test"} {
				await(t, "a certificate for "+name, func() bool {
					found, err := filepath.Glob(filepath.Join(dir, "acme", "127*", "certs", name+".pem"))
					return err == nil && len(found) == 1
				})
			}
			if n := p.orders(); !supervised && n != 2 {
				t.Errorf("%d orders for two names", n)
			}
			conn, err := net.Dial("tcp", s.plain.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), "no certificate for") {
				t.Error("an attempt has failed")
			}
		})
	}
}
