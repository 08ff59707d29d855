package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
)

// TestClassify sees the label of errors that no handshake of the other tests has.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Failure
	}{
		{nil, FailureOther},
		{errors.New("x"), FailureOther},
		{io.EOF, FailureClosed},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, FailureClosed},
		{context.Canceled, FailureClosed},
		{context.DeadlineExceeded, FailureTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, FailureTimeout},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, FailureRemoteCertificate},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(47)}, FailureRemoteOther},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(48)}, FailureRemoteCertificate},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(70)}, FailureRemoteVersion},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(90)}, FailureClosed},
		{&net.OpError{Op: "remote error", Err: io.EOF}, FailureRemoteOther},
	} {
		if got := Classify(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
	seen := map[string]bool{}
	for f := range FailureCount {
		if f.String() == "" || seen[f.String()] {
			t.Errorf("the label of %d is %q", f, f)
		}
		seen[f.String()] = true
	}
}

// TestFailures sees the labels of handshakes with bytes and clients that are wrong.
func TestFailures(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "a")
	s := open(t, Settings{Sites: []Site{{Hosts: []string{"a.test"}, Default: true, Pairs: []Pair{p}}}})
	for _, c := range []struct {
		bytes string
		end   bool
		want  Failure
	}{
		{"GET / HTTP/1.1\r\n\r\n", true, FailureNotTLS},
		{"", true, FailureClosed},
		{"\x16\x03\x01\x00", true, FailureClosed},
		{"\x16\x03\x01\x00\x05\x01\x00\x00\x01x", true, FailureMalformed},
		{"", false, FailureTimeout},
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
		if got := Classify(err); got != c.want {
			t.Errorf("%q: %s: %v", c.bytes, got, err)
		}
		cancel()
	}
	for _, c := range []struct {
		client *tls.Config
		want   Failure
	}{
		{&tls.Config{RootCAs: x509.NewCertPool()}, FailureRemoteCertificate},
		{&tls.Config{RootCAs: ca.Pool(), CurvePreferences: []tls.CurveID{tls.CurveP256}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, FailureHandshakeFailure},
	} {
		c.client.ServerName = "a.test"
		_, _, err, _ := shake(t, s, c.client)
		if got := Classify(err); got != c.want {
			t.Errorf("%s, want %s: %v", got, c.want, err)
		}
	}
}
