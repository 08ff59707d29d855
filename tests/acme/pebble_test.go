package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/acme"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// TestMain has Pebble not sleep before it validates, refuse a nonce in twenty, and validate each time. Pebble reads that from
// variables of the process.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "5", "PEBBLE_AUTHZREUSE": "0"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// patience bounds each wait for something that happens on other goroutines.
const patience = 30 * time.Second

// pebble is a CA that validates by connecting to the ports of a server on loopback, whatever the name.
type pebble struct {
	directory string
	caFile    string // who has signed the certificate of the directory
	db        *db.MemoryStore
	roots     *x509.CertPool // that its certificates lead to
	orders    func() int
}

// pebbleOptions say what is special about a CA.
type pebbleOptions struct {
	lifetime    time.Duration // of certificates; 0: 90 days
	bindingKeys map[string]string
}

func newPebble(t *testing.T, s *server, o pebbleOptions) *pebble {
	t.Helper()
	logger := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	for id, key := range o.bindingKeys {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	profiles := map[string]ca.Profile{"default": {Description: "the only one", ValidityPeriod: uint64(o.lifetime / time.Second)}}
	authority := ca.New(logger, store, "", "ecdsa", 0, 1, profiles)
	validation := va.New(logger, s.httpPort(), s.tlsPort(), false, resolver(t), store)
	front := wfe.New(logger, store, validation, authority, []string{"ca.test"}, false, o.bindingKeys != nil, 1, 1)
	var mutex sync.Mutex
	var orders int
	handler := front.Handler()
	h := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := &statusWriter{ResponseWriter: w}
		handler.ServeHTTP(response, r)
		if strings.HasPrefix(r.URL.Path, "/order-plz") && response.status == http.StatusCreated { // not one whose nonce is refused
			mutex.Lock()
			orders++
			mutex.Unlock()
		}
	}))
	t.Cleanup(h.Close)
	caFile := filepath.Join(t.TempDir(), "directory.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.GetRootCert(0).Cert)
	return &pebble{directory: h.URL + wfe.DirectoryPath, caFile: caFile, db: store, roots: roots, orders: func() int {
		mutex.Lock()
		defer mutex.Unlock()
		return orders
	}}
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// resolver starts a DNS server that says that every name is on loopback.
func resolver(t *testing.T) string {
	t.Helper()
	l := listen(t) // Pebble asks by TCP
	started := make(chan struct{})
	s := &dns.Server{Listener: l, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		reply, err := new(dns.Msg).SetReply(r).Pack()
		if err == nil && r.Question[0].Qtype == dns.TypeA {
			reply[7] = 1 // record, with the name at byte 12 (RFC 1035 section 4.1)
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1)
		}
		_, _ = w.Write(reply) // the client asks again
	})}
	go func() { _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown() })
	return l.Addr().String()
}

// server is a small server with the two ports that a CA connects to. Which Manager it serves for can be changed.
type server struct {
	plain, secure net.Listener
	mutex         sync.Mutex
	manager       *acme.Manager
	body          func(string) string // changes the response to HTTP-01
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{plain: listen(t), secure: listen(t)}
	plain := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(s.serveChallenge)}
	secure := &http.Server{
		ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secure") }),
		// The default closes a connection that has chosen an unknown protocol after the handshake.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){acme.Protocol: func(*http.Server, *tls.Conn, http.Handler) {}},
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1", acme.Protocol},
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				m := s.current()
				if m == nil {
					return nil, acme.ErrUnknownName
				}
				return m.GetCertificate(hello)
			},
		},
	}
	go func() { _ = plain.Serve(s.plain) }()
	go func() { _ = secure.ServeTLS(s.secure, "", "") }()
	t.Cleanup(func() { _, _ = plain.Close(), secure.Close() })
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *server) httpPort() int { return s.plain.Addr().(*net.TCPAddr).Port }
func (s *server) tlsPort() int  { return s.secure.Addr().(*net.TCPAddr).Port }

func (s *server) current() *acme.Manager {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.manager
}

func (s *server) use(m *acme.Manager) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.manager = m
}

func (s *server) serveChallenge(w http.ResponseWriter, r *http.Request) {
	if m := s.current(); m != nil {
		if body, ok := m.HTTP01(r.Host, r.URL.Path); ok {
			if s.body != nil {
				body = s.body(body)
			}
			_, _ = io.WriteString(w, body)
			return
		}
	}
	http.NotFound(w, r)
}

// handshake connects as a client of a name and returns the serial number of the certificate.
func (s *server) handshake(name string) (serial string, err error) {
	d := &tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := d.DialContext(context.Background(), "tcp", s.secure.Addr().String())
	if err != nil {
		return "", err
	}
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	return leaf.SerialNumber.String(), errors.Join(leaf.VerifyHostname(name), conn.Close())
}

// messages is what a Manager has logged.
type messages struct {
	mutex sync.Mutex
	lines []string
}

// Write implements io.Writer.
func (m *messages) Write(p []byte) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.lines = append(m.lines, string(p))
	return len(p), nil
}

// with returns the messages that have a text.
func (m *messages) with(text string) (found []string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, l := range m.lines {
		if strings.Contains(l, text) {
			found = append(found, l)
		}
	}
	return found
}

// client is a Manager that runs.
type client struct {
	*acme.Manager
	log  *messages
	stop func()
}

// options returns those of a Manager for the CA with a new storage.
func (p *pebble) options(t *testing.T, names ...string) acme.Options {
	return acme.Options{
		Names: names, Directory: p.directory, Email: "admin@example.org", AgreeTerms: true, HTTP01: true, TLSALPN01: true,
		CAFile: p.caFile, Storage: filepath.Join(t.TempDir(), "acme"), UserAgent: "aws-test",
	}
}

// start opens a Manager and runs it until the test ends or stop is called.
func start(t *testing.T, o acme.Options) *client {
	t.Helper()
	c := &client{log: &messages{}}
	o.Log = slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	m, err := acme.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	c.Manager = m
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	c.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(c.stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.log.with(""))
		}
	})
	return c
}

// await waits until something is true.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// obtained reports whether all names have a certificate.
func (c *client) obtained() bool {
	for _, e := range c.Expiries() {
		if e.NotAfter.IsZero() {
			return false
		}
	}
	return true
}
