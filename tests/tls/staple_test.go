package tls

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"

	"golang.org/x/crypto/ocsp"
)

// TestStaple has clients ask for the OCSP response: they get that of the file, in both versions, one that replaces it after a SIGHUP, and none
// that says that the certificate is revoked.
func TestStaple(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	leaf := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}})
	certificate := certtest.Write(t, dir, "chain.pem", leaf.PEM(), ca.PEM())
	key := certtest.Write(t, dir, "key.pem", leaf.KeyPEM(t))
	response := certtest.Write(t, dir, "ocsp.der", leaf.OCSP(t, ocsp.Good, time.Now().Add(time.Hour)))
	s := harness.StartServe(t, harness.Options{}, newRoot(t), "--listen-tls", "127.0.0.1:0", "--certificate", certificate, "--key", key, "--ocsp", response)
	address := s.Says(t, `https://(127\S+?)/`, 1)[1]
	check := func(want []byte) {
		t.Helper()
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conn := tls.Client(dial(t, address), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MaxVersion: version})
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			if got := conn.OCSPResponse(); !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, want %d", tls.VersionName(version), len(got), len(want))
			}
		}
	}
	content := func() []byte {
		t.Helper()
		b, err := os.ReadFile(response)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	check(content())
	reload := func(status int, end time.Time, says string) {
		t.Helper()
		replace(t, certtest.Write(t, dir, "next.der", leaf.OCSP(t, status, end)), filepath.Join(dir, "ocsp.der"))
		s.Signal(t, syscall.SIGHUP)
		s.Says(t, says, 1)
	}
	reload(ocsp.Good, time.Now().Add(2*time.Hour), `were read again`)
	check(content())
	reload(ocsp.Revoked, time.Now().Add(time.Hour), `is revoked; it is not stapled`)
	harness.Eventually(t, patience, "the response is not stapled", func() error {
		conn := tls.Client(dial(t, address), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
		if err := conn.Handshake(); err != nil {
			return err
		}
		if n := len(conn.OCSPResponse()); n > 0 {
			return harness.Errorf("%d bytes", n)
		}
		return nil
	})
}
