package tls

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"aws/tests/harness"
)

// clients load a server by https until they are stopped.
type clients struct {
	s     *server
	stop  atomic.Bool
	group sync.WaitGroup
	whole atomic.Int64 // responses that have come in full
	mu    sync.Mutex
	fails []error
}

// run asks for files, each over a connection of its own unless kept. A request on a kept connection that the server has closed before a byte of
// the response is made again, by net/http (RFC 9110, section 9.2.2).
func (c *clients) run(kept bool, paths ...string) {
	cfg := c.s.client(0)
	cfg.MinVersion, cfg.ClientSessionCache = tls.VersionTLS12, tls.NewLRUClientSessionCache(1)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: !kept, DisableCompression: true}, Timeout: patience}
	defer client.CloseIdleConnections()
	for i := 0; !c.stop.Load(); i++ {
		path := paths[i%len(paths)]
		if err := c.get(&client, path); err != nil {
			c.mu.Lock()
			c.fails = append(c.fails, fmt.Errorf("%s, kept %v: %w", path, kept, err))
			c.mu.Unlock()
			continue
		}
		c.whole.Add(1)
	}
}

func (c *clients) get(client *http.Client, path string) error {
	response, err := client.Get("https://" + c.s.tls + path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Equal(body, contents[filepath.Base(path)]) {
		err = fmt.Errorf("%s, %d bytes", response.Status, len(body))
	}
	return err
}

// failed returns how many requests have failed so far.
func (c *clients) failed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.fails)
}

// reach waits until so many more responses have come.
func (c *clients) reach(t *testing.T, more int64) {
	t.Helper()
	want := c.whole.Load() + more
	harness.Eventually(t, 5*patience, fmt.Sprintf("there are %d responses", want), func() error {
		if n := c.whole.Load(); n < want {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
}

// replace puts a file in the place of another.
func replace(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// subject returns the subject of the server's certificate.
func (s *server) subject(t *testing.T) string {
	t.Helper()
	conn := s.handshake(t, s.client(tls.VersionTLS13))
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestReload replaces the certificate and the worker under load: by SIGHUP, by files that change, by one that is broken, and by an upgrade.
// No request is lost, and sessions are resumed across all of it.
func TestReload(t *testing.T) {
	t.Parallel() // it waits most of the time
	ca := newAuthority(t)
	first, second, third := ca.issue("first", x509.ECDSA, "localhost"), ca.issue("second", x509.RSA, "localhost"), ca.issue("third", x509.ECDSA, "localhost")
	dir := t.TempDir()
	used := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	use := func(p pair) {
		replace(t, p.key, used.key)
		replace(t, p.cert, used.cert)
	}
	link := func(p pair) {
		t.Helper()
		for to, from := range map[string]string{p.cert: used.cert, p.key: used.key} {
			harness.Symlink(t, to, from+".new")
			if err := os.Rename(from+".new", from); err != nil {
				t.Fatal(err)
			}
		}
	}
	link(first)
	s := serveWith(t, ca, used, newRoot(t), "--supervise")
	session := s.client(tls.VersionTLS13)
	session.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	if s.resumes(t, session) {
		t.Error("the first handshake resumes a session")
	}

	load := &clients{s: s}
	for i := range 8 {
		load.group.Go(func() { load.run(i%4 != 0, "/small", "/dynamic/small", "/empty") })
	}
	load.group.Go(func() { load.run(true, "/large", "/dynamic/large") })
	defer func() {
		load.stop.Store(true)
		load.group.Wait()
	}()

	serves := 0
	signal := func(sig syscall.Signal) {
		t.Helper()
		load.reach(t, 3000)
		s.Signal(t, sig)
		serves++
		s.Says(t, `worker (\d+) serves, worker \d+ drains`, serves)
	}
	expect := func(want string) {
		t.Helper()
		defer func() { t.Logf("certificate %s after %d responses, %d failed", want, load.whole.Load(), load.failed()) }()
		harness.Eventually(t, patience, "the certificate is "+want, func() error {
			if got := s.subject(t); got != want {
				return errors.New(got)
			}
			return nil
		})
		if !s.resumes(t, session) {
			t.Errorf("no session is resumed with the certificate %s", want)
		}
	}
	expect("first")
	link(second)
	signal(syscall.SIGHUP)
	expect("second")
	signal(syscall.SIGUSR2)
	expect("second")

	// Files that change are loaded without a signal, when they have been the same for two looks, which are 10 s apart: links that lead to
	// others, as certbot makes them, and other files.
	link(third)
	expect("third")
	use(first)
	expect("first")
	harness.WriteFile(t, used.cert, []byte("-----BEGIN CERTIFICATE-----\nbroken\n"))
	s.Says(t, `cert\.pem.*stays in use`, 1)
	expect("first")
	link(second)
	signal(syscall.SIGHUP)
	expect("second")
	load.reach(t, max(3000, 20_000-load.whole.Load()))
	load.stop.Store(true)
	load.group.Wait()
	for i, err := range load.fails {
		if i < 10 {
			t.Error(err)
		}
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	t.Logf("%d requests, %d failed, %d workers replaced", load.whole.Load(), len(load.fails), serves)
}

// resumes makes a request, and reports whether the handshake has resumed a session.
func (s *server) resumes(t *testing.T, cfg *tls.Config) bool {
	t.Helper()
	conn := s.handshake(t, cfg)
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, getSmall); err != nil {
		t.Fatal(err)
	}
	if err := take(bufio.NewReader(conn)); err != nil { // and with it the ticket
		t.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}

// TestTicketKeys resumes a session at another server, if that has the key of the ticket.
func TestTicketKeys(t *testing.T) {
	ca := newAuthority(t)
	p := ca.issue("server", x509.ECDSA, "localhost")
	dir := t.TempDir()
	var keys []string
	for i, n := range []int{48, 80} {
		key := make([]byte, n)
		if _, err := rand.Read(key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, filepath.Join(dir, fmt.Sprint("key", i)))
		if err := os.WriteFile(keys[i], key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := newRoot(t)
	one := serveWith(t, ca, p, root, "--tls-ticket-keys", keys[0])
	both := serveWith(t, ca, p, root, "--tls-ticket-keys", keys[1], "--tls-ticket-keys", keys[0])
	other := serveWith(t, ca, p, root)
	versions(t, func(t *testing.T, version uint16) {
		cfg := one.client(version)
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for i, step := range []struct {
			s    *server
			want bool
		}{{one, false}, {one, true}, {both, true}, {both, true}, {other, false}, {other, true}, {both, false}, {one, false}} {
			if got := step.s.resumes(t, cfg); got != step.want {
				t.Errorf("step %d: resumed %v", i, got)
			}
		}
	})
}
