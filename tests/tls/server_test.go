package tls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// patience is how long one exchange, or one run of a program, may take on a slow and busy machine.
const patience = 2 * time.Minute

// authority is a CA with its certificate in a file.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	file string
	pool *x509.CertPool
}

// pair names the files of a certificate and its key.
type pair struct{ cert, key string }

var serial int64

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool(), key: newKey(t, x509.ECDSA)}
	template := newTemplate("the CA of a test")
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	a.file = filepath.Join(a.dir, "ca.pem")
	a.cert = a.sign(template, template, a.key, a.file)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t testing.TB, kind x509.PublicKeyAlgorithm) (key crypto.Signer) {
	t.Helper()
	var err error
	if kind == x509.RSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTemplate(subject string) *x509.Certificate {
	serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: subject}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
}

// sign writes a certificate to a file.
func (a *authority) sign(template, parent *x509.Certificate, key crypto.Signer, file string) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	harness.WriteFile(a.t, file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert
}

// issue makes a certificate for host names and for 127.0.0.1. Its subject is the name of its files.
func (a *authority) issue(name string, kind x509.PublicKeyAlgorithm, hosts ...string) pair {
	a.t.Helper()
	key := newKey(a.t, kind)
	template := newTemplate(name)
	template.DNSNames, template.IPAddresses = hosts, []net.IP{net.IPv4(127, 0, 0, 1)}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	p := pair{filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")}
	a.sign(template, a.cert, key, p.cert)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	harness.WriteFile(a.t, p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err := os.Chmod(p.key, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return p
}

// load returns a client's certificate.
func (p pair) load(t testing.TB) []tls.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{c}
}

// server is a file server with https.
type server struct {
	*harness.Server
	ca  *authority
	tls string // the address of https
}

// The files of the site, below / and below /dynamic/. The large one is many times what one batch seals.
const (
	smallBytes = 1000
	largeBytes = 20<<20 + 7
)

var contents = map[string][]byte{
	"small": harness.Content(smallBytes, 1), "large": harness.Content(largeBytes, 2), "empty": {},
}

// modified is when every file of the site was changed.
var modified = time.Date(2022, 3, 4, 5, 6, 7, 800_000_000, time.UTC)

// newRoot makes the directory of the site.
func newRoot(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range contents {
		for _, path := range []string{filepath.Join(root, name), filepath.Join(root, "dynamic", name)} {
			harness.WriteFile(t, path, content)
			if err := os.Chtimes(path, modified, modified); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// serve starts a server for a site with a certificate for localhost.
func serve(t testing.TB, root string, flags ...string) *server {
	t.Helper()
	ca := newAuthority(t)
	return serveWith(t, ca, ca.issue("server", x509.ECDSA, "localhost"), root, flags...)
}

func serveWith(t testing.TB, ca *authority, p pair, root string, flags ...string) *server {
	t.Helper()
	flags = append([]string{"--listen-tls", "127.0.0.1:0", "--certificate", p.cert, "--key", p.key}, flags...)
	return started(t, ca, harness.StartServe(t, harness.Options{}, root, flags...))
}

// configured starts a server with the text of a configuration file.
func configured(t testing.TB, ca *authority, toml string, flags ...string) *server {
	t.Helper()
	return started(t, ca, harness.StartConfig(t, harness.Options{}, toml, append([]string{"--listen-tls", "127.0.0.1:0"}, flags...)...))
}

func started(t testing.TB, ca *authority, s *harness.Server) *server {
	t.Helper()
	return &server{Server: s, ca: ca, tls: s.Says(t, `https://(127\S+?)/`, 1)[1]}
}

// client returns the configuration of a client that trusts the server.
func (s *server) client(version uint16) *tls.Config {
	return &tls.Config{RootCAs: s.ca.pool, ServerName: "localhost", MinVersion: version, MaxVersion: version, NextProtos: []string{"http/1.1"}}
}

// connect returns a connection to the https port, without a handshake.
func (s *server) connect(t testing.TB) *net.TCPConn {
	t.Helper()
	return dial(t, s.tls)
}

func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// handshake connects and completes a handshake.
func (s *server) handshake(t testing.TB, cfg *tls.Config) *tls.Conn {
	t.Helper()
	conn := tls.Client(s.connect(t), cfg)
	if err := conn.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return conn
}

// versions runs a test for each version of TLS.
func versions(t *testing.T, test func(t *testing.T, version uint16)) {
	t.Helper()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { test(t, version) })
	}
}

// same fails the test unless two contents are the same.
func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	t.Errorf("%s: %d bytes, want %d; they differ from byte %d on", what, len(got), len(want), at)
}
