package tls

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

// request completes a handshake and a request that ends the connection.
func (s *server) request(t testing.TB, cfg *tls.Config, host, path string) (*http.Response, string, error) {
	t.Helper()
	conn := tls.Client(s.connect(t), cfg)
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host); err != nil {
		return nil, "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(response.Body)
	state := conn.ConnectionState()
	response.TLS = &state
	return response, string(body), err
}

// TestSites has two sites with certificates of their own, one of them both of ECDSA and of RSA, and one with client certificates.
func TestSites(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		harness.WriteFile(t, filepath.Join(dir, name, "page"), []byte("page of "+name))
	}
	ecdsa, rsa := ca.issue("a-ecdsa", x509.ECDSA, "a.test"), ca.issue("a-rsa", x509.RSA, "a.test")
	b, c := ca.issue("b", x509.ECDSA, "*.b.test", "b.test"), ca.issue("c", x509.ECDSA, "c.test")
	user, wrong := ca.issue("user", x509.ECDSA), stranger.issue("wrong", x509.ECDSA)
	s := configured(t, ca, fmt.Sprintf(`
[[site]]
hosts = ["a.test"]
root = %[1]q
certificate = [%[2]q, %[3]q]
key = [%[4]q, %[5]q]
redirect-to-https = true
hsts = "max-age=31536000"

[[site]]
hosts = ["b.test", "*.b.test"]
root = %[6]q
certificate = %[7]q
key = %[8]q
client-certificates = "optional"
client-ca = %[9]q

[[site]]
hosts = ["c.test"]
root = %[10]q
certificate = %[11]q
key = %[12]q
client-certificates = "required"
client-ca = %[9]q
`, filepath.Join(dir, "a"), rsa.cert, ecdsa.cert, rsa.key, ecdsa.key, filepath.Join(dir, "b"), b.cert, b.key, ca.file,
		filepath.Join(dir, "c"), c.cert, c.key))
	versions(t, func(t *testing.T, version uint16) {
		for _, test := range []struct {
			name, sni, host string
			client          *pair
			rsaOnly         bool
			subject         string // of the server's certificate
			status          int    // 0: the handshake fails
			body            string
		}{
			{name: "a", sni: "a.test", host: "a.test", subject: "a-ecdsa", status: 200, body: "page of a"},
			{name: "a by RSA", sni: "a.test", host: "a.test", rsaOnly: true, subject: "a-rsa", status: 200, body: "page of a"},
			{name: "b", sni: "b.test", host: "b.test", subject: "b", status: 200, body: "page of b"},
			{name: "a wildcard", sni: "x.b.test", host: "x.b.test", subject: "b", status: 200, body: "page of b"},
			{name: "b with a client certificate", sni: "b.test", host: "b.test", client: &user, subject: "b", status: 200, body: "page of b"},
			{name: "b with one of another CA", sni: "b.test", host: "b.test", client: &wrong},
			{name: "c", sni: "c.test", host: "c.test", client: &user, subject: "c", status: 200, body: "page of c"},
			{name: "c without a client certificate", sni: "c.test", host: "c.test"},
			{name: "c with one of another CA", sni: "c.test", host: "c.test", client: &wrong},
			{name: "c by a", sni: "a.test", host: "c.test", subject: "a-ecdsa", status: 421},
			{name: "c by b with a client certificate", sni: "b.test", host: "c.test", client: &user, subject: "b", status: 421},
			{name: "nowhere", sni: "d.test", host: "d.test"},
		} {
			t.Run(test.name, func(t *testing.T) {
				cfg := s.client(version)
				cfg.ServerName = test.sni
				if test.client != nil {
					certs := test.client.load(t)
					// Also if the server names other CAs.
					cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
				}
				if test.rsaOnly && version == tls.VersionTLS12 {
					cfg.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
				} else if test.rsaOnly {
					t.Skip("crypto/tls does not choose signature algorithms")
				}
				response, body, err := s.request(t, cfg, test.host, "/page")
				if test.status == 0 {
					if err == nil {
						t.Fatalf("%s: it should be refused", response.Status)
					}
					if alertOf(err) == "" {
						t.Errorf("no alert: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if subject := response.TLS.PeerCertificates[0].Subject.CommonName; response.StatusCode != test.status || subject != test.subject {
					t.Errorf("%s, certificate %s", response.Status, subject)
				}
				if test.status == 200 && body != test.body {
					t.Errorf("body %q", body)
				}
				if hsts := response.Header.Get("Strict-Transport-Security"); (test.host == "a.test") != (hsts == "max-age=31536000") {
					t.Errorf("Strict-Transport-Security %q", hsts)
				}
			})
		}
	})
	t.Run("http", func(t *testing.T) {
		for host, want := range map[string]string{"a.test": "308 https://a.test/page?q=1", "b.test": "200 ", "c.test": "403 "} {
			conn := dial(t, s.Address)
			fmt.Fprintf(conn, "GET /page?q=1 HTTP/1.1\r\nHost: %s\r\n\r\n", host)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(response.StatusCode, " ", response.Header.Get("Location")); got != want {
				t.Errorf("%s: %q, want %q", host, got, want)
			}
			if hsts := response.Header.Get("Strict-Transport-Security"); hsts != "" { // RFC 6797, section 7.2
				t.Errorf("%s: Strict-Transport-Security by http: %q", host, hsts)
			}
		}
	})
}

// TestProxyProtocol has a PROXY protocol header before the handshake, in one piece with it and in several.
func TestProxyProtocol(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := serve(t, newRoot(t), "--proxy-from", "127.0.0.0/8", "--access-log", log)
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50"
	for client, header := range map[string]string{"192.0.2.7": "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", "192.0.2.8": v2} {
		versions(t, func(t *testing.T, version uint16) {
			for _, at := range []int{0, 3, len(header) - 1, len(header), len(header) + 4} {
				w := &wire{TCPConn: s.connect(t)}
				w.change = func(b []byte) [][]byte {
					if w.sent > 0 {
						return [][]byte{b}
					}
					b = join([]byte(header), b)
					return [][]byte{b[:at], b[at:]}
				}
				if err := exchange(w, s.client(version)); err != nil {
					t.Errorf("%q cut at %d: %v", header, at, err)
				}
				_ = w.Close()
			}
		})
		harness.Eventually(t, patience, client+" is in the log", func() error {
			b := &bench{T: t, work: filepath.Dir(log)}
			if got := string(b.read("log")); strings.Count(got, client+" ") != 10 {
				return fmt.Errorf("%s", got)
			}
			return nil
		})
	}
	if err := exchange(&wire{TCPConn: s.connect(t)}, s.client(tls.VersionTLS13)); err == nil {
		t.Error("it was served without a header")
	}
}
