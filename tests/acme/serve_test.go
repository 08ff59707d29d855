package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aws/internal/acme"
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

// serveForm is the configuration of a server with one challenge.
const serveForm = `listen = ["127.0.0.1:%d"]
listen-tls = ["127.0.0.1:%d"]
supervise = %v
acme-storage = "%s/acme"
acme-agree-terms = true
acme-directory = "%s"
acme-ca = "%s"
acme-challenge = "%s"
log-level = "debug"
[[site]]
hosts = ["a.example.test", "b.example.test"]
root = "%s"
certificate = "acme"
redirect-to-https = true
`

// TestServe has `aws serve`, in its sandbox, obtain certificates by each challenge, alone and as the worker of a supervisor that
// reloads, and serve files with them.
func TestServe(t *testing.T) {
	t.Parallel() // orders wait most of the time
	binary := os.Getenv("AWS_BIN")
	if binary == "" {
		t.Skip("AWS_BIN does not name a binary")
	}
	for _, challenge := range []string{"http-01", "tls-alpn-01"} {
		for _, supervised := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, supervised %v", challenge, supervised), func(t *testing.T) {
				t.Parallel()
				serve(t, binary, challenge, supervised)
			})
		}
	}
}

func serve(t *testing.T, binary, challenge string, supervised bool) {
	s := newServer(t)
	if err := errors.Join(s.plain.Close(), s.secure.Close()); err != nil { // the ports are for aws
		t.Fatal(err)
	}
	p := newPebble(t, s, pebbleOptions{})
	dir, root := t.TempDir(), t.TempDir()
	config := filepath.Join(dir, "aws.toml")
	text := fmt.Sprintf(serveForm, s.httpPort(), s.tlsPort(), supervised, dir, p.directory, p.caFile, challenge, root)
	err := errors.Join(os.WriteFile(config, []byte(text), 0o600), os.WriteFile(filepath.Join(root, "file"), []byte("content"), 0o600))
	if err != nil {
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
	names := []string{"a.example.test", "b.example.test"}
	for _, name := range names {
		await(t, "a certificate for "+name, func() bool {
			found, err := filepath.Glob(filepath.Join(dir, "acme", "127*", "certs", name+".pem"))
			return err == nil && len(found) == 1
		})
		await(t, "the process that serves has it", func() bool {
			_, err := s.get(name, "/file", p.roots)
			return err == nil
		})
		if body, err := s.get(name, "/file", p.roots); body != "content" || err != nil {
			t.Errorf("%s: %q, %v", name, body, err)
		}
	}
	if n := p.orders(); !supervised && n != len(names) {
		t.Errorf("%d orders for %d names", n, len(names))
	}
	await(t, "a message", func() bool { return strings.Contains(out.String(), "is obtained by "+challenge) })
	for _, text := range []string{"no certificate for", "failed: closed"} {
		if strings.Contains(out.String(), text) {
			t.Errorf("%q in the log", text)
		}
	}
	// Only the CA that an order is under way with gets the certificate of a challenge.
	d := &tls.Dialer{Config: &tls.Config{ServerName: names[0], NextProtos: []string{acme.Protocol}, InsecureSkipVerify: true}}
	if conn, err := d.DialContext(context.Background(), "tcp", s.secure.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("a client that is not the CA has a handshake with the protocol of the challenge")
	}
}

// get fetches a file by https from the server that has the port of s.
func (s *server) get(name, path string, roots *x509.CertPool) (body string, err error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.secure.Addr().String())
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: patience}
	response, err := client.Get("https://" + name + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return string(content), err
}
