package acme

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Why there is no certificate for a handshake.
var (
	ErrUnknownName = errors.New("acme: the name is not among those that certificates are obtained for")
	ErrNotYet      = errors.New("acme: the certificate of the name is not obtained yet")
)

// Manager has the certificates of a list of names, which does not change.
type Manager struct {
	options    Options
	storage    *storage
	challenges *challenges
	authority  *authority
	certs      map[string]*managed // by name, in lower case
	log        *slog.Logger
}

// managed is a name with its certificate.
type managed struct {
	name    string
	current atomic.Pointer[tls.Certificate] // with its leaf; nil: none yet

	// The following are Run's alone.
	due       time.Time // of the next attempt, or of the next request of renewal information
	renewAt   time.Time
	notBefore time.Time // the earliest time of renewal, whatever the CA says
	replaces  bool      // the CA has renewal information, so an order says what it replaces
	attempts  attempts
	askedAt   time.Time // when the CA was last asked about the time of renewal
}

// attempts are the failed ones since the last success. They are stored, so that a process that is started again and again
// does not exceed the rate limits of the CA.
type attempts struct {
	Failed  int
	RetryAt time.Time
}

// Open makes a Manager with the certificates that are in the storage. It reads and makes files that can't be reached in a
// sandbox. It does not speak with the CA.
func Open(o Options) (*Manager, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	s, err := storageAt(o.Storage, o.directory())
	if err == nil {
		err = s.open(o.Owner, o.Log)
	}
	if err != nil {
		return nil, fmt.Errorf("--acme-storage: %w", err)
	}
	m := &Manager{options: o, storage: s, challenges: newChallenges(s), certs: map[string]*managed{}, log: o.Log}
	if m.authority, err = newAuthority(&m.options, m.challenges); err != nil {
		return nil, err
	}
	for _, name := range o.Names {
		name = normalName(name)
		c := &managed{name: name}
		if err := m.load(c); err != nil {
			m.log.Warn(fmt.Sprintf("the stored certificate for %s can't be used, another one will be obtained: %v", name, err), "name", name)
		}
		m.certs[name] = c
	}
	return m, nil
}

// Inspect returns the errors that Open would have because of files and directories, and logs its warnings about them. It changes nothing.
func Inspect(o Options) error {
	_, err := o.roots()
	if o.Storage == "" {
		return err
	}
	s, storageErr := storageAt(o.Storage, o.directory())
	if storageErr == nil {
		storageErr = s.inspect(o.Log)
	}
	if storageErr != nil {
		storageErr = fmt.Errorf("--acme-storage: %w", storageErr)
	}
	return errors.Join(storageErr, err)
}

// load takes over the certificate and the failed attempts in the storage. That there are none is not an error.
func (m *Manager) load(c *managed) error {
	c.attempts = attempts{}
	err := m.storage.readJSON(m.storage.attemptPath(c.name), &c.attempts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.attempts = attempts{}
	}
	content, err := os.ReadFile(m.storage.certPath(c.name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	cert, err := parseCertificate(content, c.name)
	if err != nil {
		return err
	}
	if old := c.current.Load(); old == nil || cert.Leaf.NotAfter.After(old.Leaf.NotAfter) { // another one could not be stored
		c.current.Store(cert)
		c.renewAt = renewalTime(cert.Leaf)
		c.askedAt = time.Time{}
	}
	return nil
}

// parseCertificate reads a private key with its certificates and checks that they are of a name.
func parseCertificate(pem []byte, name string) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return nil, err
	}
	return &cert, cert.Leaf.VerifyHostname(name)
}

// GetCertificate returns the certificate for a handshake, as tls.Config.GetCertificate does: that of the name, or that of a
// challenge if the client is a CA. It never waits.
func (m *Manager) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if cert := m.Challenge(hello); cert != nil {
		return cert, nil
	}
	if IsChallenge(hello) {
		return nil, ErrUnknownName
	}
	c := m.certs[normalName(hello.ServerName)]
	if c == nil {
		return nil, ErrUnknownName
	}
	cert := c.current.Load()
	if cert == nil {
		return nil, ErrNotYet
	}
	return cert, nil
}

// Challenge returns the certificate of a challenge that is under way, if the client is a CA, and nil otherwise. It never waits.
func (m *Manager) Challenge(hello *tls.ClientHelloInfo) *tls.Certificate {
	if !IsChallenge(hello) {
		return nil
	}
	return m.challenges.certificate(normalName(hello.ServerName))
}

// IsChallenge reports whether a client is a CA that validates by TLS-ALPN-01: it offers that protocol and no other (RFC 8737
// section 3).
func IsChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == Protocol
}

// HTTP01 returns the body of the response, which has the status 200, to a request of the challenge HTTP-01 for a host, with or
// without a port. It never waits.
func (m *Manager) HTTP01(host, path string) (body string, ok bool) {
	return m.challenges.http01(host, path)
}

// Expiry says until when the certificate of a name is valid.
type Expiry struct {
	Name     string
	NotAfter time.Time // zero: there is none yet
}

// Expiries returns those of all names, in the order of the names. Any goroutine may call it.
func (m *Manager) Expiries() []Expiry {
	list := make([]Expiry, 0, len(m.certs))
	for name, c := range m.certs {
		e := Expiry{Name: name}
		if cert := c.current.Load(); cert != nil {
			e.NotAfter = cert.Leaf.NotAfter
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Expiry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Writable returns the directories in which a sandbox has to let files be made, written, read and removed.
func (m *Manager) Writable() []string { return []string{m.storage.dir} }

// Readable returns the files and directories that a sandbox has to let be read, so that host names can be resolved. The target of a
// link is what counts, and a service that replaces it does so in a directory of its own.
func (m *Manager) Readable() (files, directories []string) {
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/run/systemd/resolve"} {
		found, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			directories = append(directories, found)
		} else if err == nil {
			files = append(files, found)
		}
	}
	return files, directories
}

// normalName returns a host name in the form in which names are compared.
func normalName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
