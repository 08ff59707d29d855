package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
	"aws/internal/tlsconn"
	"aws/internal/tlsserver"
)

// TestFailures sees the labels of handshakes with bytes and clients that are wrong.
func TestFailures(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "a")
	s := open(t, Settings{Sites: []Site{{Hosts: []string{"a.test"}, Default: true, Pairs: []Pair{p}}}})
	for _, c := range []struct {
		bytes string
		end   bool
		want  tlsconn.Failure
	}{
		{"GET / HTTP/1.1\r\n\r\n", true, tlsconn.FailureNotTLS},
		{"", true, tlsconn.FailureClosed},
		{"\x16\x03\x01\x00", true, tlsconn.FailureClosed},
		{"\x16\x03\x01\x00\x05\x01\x00\x00\x01x", true, tlsconn.FailureMalformed},
		{"", false, tlsconn.FailureTimeout},
	} {
		there, here := connected(t)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if !c.end {
			ctx, cancel = context.WithTimeout(context.Background(), time.Millisecond)
		}
		if _, err := here.Write([]byte(c.bytes)); err != nil {
			t.Fatal(err)
		}
		if c.end {
			_ = here.Close()
		}
		err := tls.Server(there, s.ConfigFor(nil)).HandshakeContext(ctx)
		if got := tlsserver.Classify(err); got != c.want {
			t.Errorf("%q: %s: %v", c.bytes, got, err)
		}
		cancel()
	}
	for _, c := range []struct {
		client *tls.Config
		want   tlsconn.Failure
	}{
		{&tls.Config{RootCAs: x509.NewCertPool()}, tlsconn.FailureRemoteCertificate},
		{&tls.Config{RootCAs: ca.Pool(), CurvePreferences: []tls.CurveID{tls.CurveP256}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, tlsconn.FailureHandshakeFailure},
	} {
		c.client.ServerName = "a.test"
		_, _, err, _ := shake(t, s, c.client)
		if got := tlsserver.Classify(err); got != c.want {
			t.Errorf("%s, want %s: %v", got, c.want, err)
		}
	}
}
