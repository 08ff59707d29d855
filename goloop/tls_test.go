package goloop

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aws/internal/handler/fileserver"
	"aws/internal/tlsconfig/certtest"
	"aws/internal/tlsconn"
	"aws/internal/tlsserver"
)

// testTLS is a configuration with a certificate of its own.
type testTLS struct{ cfg *tls.Config }

func (t *testTLS) Handshakes() tlsconn.Handshakes {
	return new(tlsserver.Coroutines).Handshakes(t.configFor)
}

func (t *testTLS) configFor(keyLog io.Writer) *tls.Config {
	cfg := t.cfg.Clone()
	cfg.KeyLogWriter = keyLog
	return cfg
}

func (*testTLS) SiteOf(string, netip.AddrPort) (string, bool) { return "", true }

// newTestTLS returns a configuration, and the pool with its certificate.
func newTestTLS(t testing.TB) (*testTLS, *x509.CertPool) {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	leaf := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}})
	cfg := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.X509.Raw}, PrivateKey: leaf.Key, Leaf: leaf.X509}},
		MinVersion:   tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}
	return &testTLS{cfg: cfg}, ca.Pool()
}

// startTLS runs a server of the file server's kind that speaks TLS, and returns the configuration of its clients.
func startTLS(t testing.TB, s *site, change func(*fileserver.Options, *ServerConfig)) (*Server, *tls.Config) {
	t.Helper()
	secure, pool := newTestTLS(t)
	server := startServe(t, s, func(o *fileserver.Options, cfg *ServerConfig) {
		cfg.Loop.TLS, cfg.Listen[0].TLS = secure, true
		if change != nil {
			change(o, cfg)
		}
	})
	return server, &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

func dialTLS(t testing.TB, server *Server, cfg *tls.Config) *tls.Conn {
	t.Helper()
	c := tls.Client(dial(t, server), cfg)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTLSServesEveryFile has both versions of TLS, every suite of 1.2 that Go offers, kept connections and closed ones.
func TestTLSServesEveryFile(t *testing.T) {
	s := newSite(t)
	server, client := startTLS(t, s, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, closes := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/close=%v", tls.VersionName(version), closes), func(t *testing.T) {
				cfg := client.Clone()
				cfg.MinVersion, cfg.MaxVersion = version, version
				transport := &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: closes, DisableCompression: true}
				defer transport.CloseIdleConnections()
				for path, want := range s.files {
					url := "https://" + server.Addrs()[0].String() + strings.TrimPrefix(path, "/static")
					res, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Get(url)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if err != nil || res.StatusCode != 200 || !bytes.Equal(body, want) {
						t.Errorf("%s: %d, %d bytes, %v", path, res.StatusCode, len(body), err)
					}
				}
			})
		}
	}
}

// TestTLSEndsWithCloseNotify reads to the end of a connection, which must not look truncated.
func TestTLSEndsWithCloseNotify(t *testing.T) {
	s := newSite(t)
	server, client := startTLS(t, s, nil)
	for _, path := range []string{"/k", "/m", "/dynamic/m", "/absent"} {
		c := dialTLS(t, server, client)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTLSOfChallenge has a client whose handshake is all that it wants, as that of a CA is (RFC 8737). It is not a failed one.
func TestTLSOfChallenge(t *testing.T) {
	const protocol = "acme-tls/1"
	secure, pool := newTestTLS(t)
	secure.cfg.NextProtos = []string{protocol}
	var server *Server
	t.Run("handshakes", func(t *testing.T) {
		var client *tls.Config
		server, client = startTLS(t, newSite(t), func(_ *fileserver.Options, cfg *ServerConfig) { cfg.Loop.TLS = secure })
		client.RootCAs, client.NextProtos = pool, []string{protocol}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			client.MinVersion, client.MaxVersion = version, version
			if all, err := io.ReadAll(dialTLS(t, server, client)); len(all) != 0 || err != nil {
				t.Errorf("%s: %q, %v", tls.VersionName(version), all, err)
			}
		}
	})
	counts := server.Counts()
	made := 0
	for _, n := range counts.Handshakes {
		made += int(n[0] + n[1])
	}
	if made != 2 {
		t.Errorf("%d handshakes", made)
	}
	for why, n := range counts.HandshakesFailed {
		if n != 0 {
			t.Errorf("%d failed: %v", n, tlsconn.Failure(why))
		}
	}
}

// TestTLSInPieces sends every byte of a handshake and a request by itself.
func TestTLSInPieces(t *testing.T) {
	s := newSite(t)
	server, client := startTLS(t, s, nil)
	c := tls.Client(&slowWriter{dial(t, server)}, client)
	fmt.Fprint(c, "GET /k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(c)
	if err != nil || !bytes.HasSuffix(all, s.files["/static/k"]) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
}

// slowWriter writes byte by byte.
type slowWriter struct{ net.Conn }

func (w *slowWriter) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := w.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// TestTLSPipelined sends many requests in one record, and many records at once.
func TestTLSPipelined(t *testing.T) {
	s := newSite(t)
	server, client := startTLS(t, s, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := client.Clone()
		cfg.MaxVersion = version
		c := dialTLS(t, server, cfg)
		const requests = 200
		paths := []string{"/k", "/one", "/page", "/dynamic/k", "/odd", "/buffer"}
		go func() {
			all := ""
			for i := range requests {
				request := "GET " + paths[i%len(paths)] + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
				if i%20 < 10 {
					all += request
					continue
				}
				_, _ = io.WriteString(c, all+request)
				all = ""
			}
		}()
		in := newResponseReader(c)
		for i := range requests {
			path := paths[i%len(paths)]
			if !strings.HasPrefix(path, "/dynamic") {
				path = "/static" + path
			}
			if body, err := in.next(); err != nil || !bytes.Equal(body, s.files[path]) {
				t.Fatalf("response %d of %s: %d bytes, %v", i, path, len(body), err)
			}
		}
	}
}

// TestTLSPlainHTTP has a client that speaks HTTP where TLS is expected.
func TestTLSPlainHTTP(t *testing.T) {
	s := newSite(t)
	server, _ := startTLS(t, s, nil)
	all := roundTrip(t, server, "GET /k HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if !bytes.HasPrefix(all, []byte("HTTP/1.1 400 Bad Request\r\n")) || len(plainHTTP) != len(all) {
		t.Errorf("%q", all)
	}
	if head, body, _ := strings.Cut(plainHTTP, "\r\n\r\n"); !strings.Contains(head, fmt.Sprintf("Content-Length: %d\r\n", len(body))) {
		t.Errorf("the length of %q is %d", body, len(body))
	}
}

// responseReader reads responses from a connection.
type responseReader struct{ in *bufio.Reader }

func newResponseReader(c io.Reader) *responseReader { return &responseReader{in: bufio.NewReader(c)} }

func (r *responseReader) next() ([]byte, error) {
	res, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(res.Body)
}
