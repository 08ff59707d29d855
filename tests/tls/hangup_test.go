package tls

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"
	"testing"

	"aws/tests/harness"
)

// TestHangup replaces certificates of servers without supervisor, by SIGHUP and by files that change. A kept connection goes on through all of it.
func TestHangup(t *testing.T) {
	t.Parallel()
	forms := map[string]func(t *testing.T, ca *authority, p pair) *server{
		"flags": func(t *testing.T, ca *authority, p pair) *server { return serveWith(t, ca, p, newRoot(t)) },
		"file": func(t *testing.T, ca *authority, p pair) *server {
			return configured(t, ca, fmt.Sprintf("[[site]]\ndefault = true\nroot = %q\ncertificate = %q\nkey = %q\n", newRoot(t), p.cert, p.key))
		},
	}
	for name, start := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits most of the time
			ca := newAuthority(t)
			dir := t.TempDir()
			used := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
			use := func(name string) {
				p := ca.issue(name, x509.ECDSA, "localhost")
				replace(t, p.key, used.key)
				replace(t, p.cert, used.cert)
			}
			use("first")
			s := start(t, ca, used)
			kept := s.handshake(t, s.client(tls.VersionTLS13))
			in := bufio.NewReader(kept)
			expect := func(want string) {
				t.Helper()
				if got := s.subject(t); got != want {
					t.Errorf("the certificate is %s, want %s", got, want)
				}
				if _, err := io.WriteString(kept, getSmall); err != nil {
					t.Fatal(err)
				}
				if err := take(in); err != nil {
					t.Errorf("a kept connection: %v", err)
				}
			}
			expect("first")
			use("second")
			s.Signal(t, syscall.SIGHUP)
			s.Says(t, `hangup: the files of certificates, keys and client CAs were read again`, 1)
			expect("second")
			harness.WriteFile(t, used.cert, []byte("broken"))
			s.Signal(t, syscall.SIGHUP)
			s.Says(t, `cert\.pem.*stays in use`, 1)
			expect("second")
			use("third")
			harness.Eventually(t, patience, "the files are loaded without a signal", func() error {
				if got := s.subject(t); got != "third" {
					return errors.New(got)
				}
				return nil
			})
			expect("third")
			if status := s.Stop(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}
