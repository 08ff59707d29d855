package tlsconfig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Store makes the configurations of handshakes from files, and reads the files again on demand. All of its methods may be
// called by any goroutine.
type Store struct {
	settings Settings
	keyLog   *os.File // nil: off
	tickets  ticketKeys
	current  atomic.Pointer[snapshot]
	reload   sync.Mutex  // held by one reload at a time
	loaded   []fileState // of the files, in the order of Settings.Files, from before they were read last; under reload
}

// snapshot is what handshakes use. It does not change, apart from the ticket keys of its groups.
type snapshot struct {
	sites        hostIndex[*site]
	fallback     *site // of other names; nil: there is none
	groups       map[string]*group
	certificates map[Pair]*certificate
	roots        map[string]*clientRoots // by file
}

// site is a Site that was loaded.
type site struct {
	name         string
	certificates *certificateIndex
	obtained     func(*tls.ClientHelloInfo) (*tls.Certificate, error) // in place of certificates; nil: these count
	group        *group
	unlogged     struct { // the configuration of clients whose secrets nobody logs, which their connections share
		once   sync.Once
		config *tls.Config
	}
}

// group is the configuration of the sites that have the same rules for versions and client certificates.
type group struct {
	name   string
	config *tls.Config
}

// New loads what the settings name. The error has all that can't be used, one problem per line. A warning is about what is
// served all the same.
func New(settings Settings) (s *Store, warnings []string, err error) {
	if settings.Log == nil {
		settings.Log = slog.New(slog.DiscardHandler)
	}
	if settings.Protocols == nil {
		settings.Protocols = []string{"h2", "http/1.1"}
	}
	s = &Store{settings: settings}
	s.tickets.share(settings.SharedKeys, settings.now())
	l := s.load(nil)
	if err := errors.Join(l.errs...); err != nil {
		return nil, l.warnings, err
	}
	s.tickets.setFiles(l.ticketKeys)
	if settings.KeyLogFile != "" {
		s.keyLog, err = os.OpenFile(settings.KeyLogFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return nil, l.warnings, KeyLogError(err)
		}
		l.warnings = append(l.warnings, KeyLogWarning(settings.KeyLogFile))
		if info, err := s.keyLog.Stat(); err == nil && info.Mode().Perm()&0o004 != 0 { // it was there before
			l.warnings = append(l.warnings, fmt.Sprintf("%s: every user of the machine can read it (%04o); chmod o= %s", settings.KeyLogFile, info.Mode().Perm(), settings.KeyLogFile))
		}
	}
	s.publish(l.next)
	return s, l.warnings, nil
}

// KeyLogWarning returns what an operator must know who has a key log written to a file.
func KeyLogWarning(file string) string {
	return file + " gets the secrets of all TLS connections: anyone who can read it can decrypt them"
}

// KeyLogError returns the error of a key log that can't be written.
func KeyLogError(err error) error { return fmt.Errorf("--tls-key-log: %w", err) }

// Close closes the key log. No handshake may use the store any more.
func (s *Store) Close() error {
	if s.keyLog == nil {
		return nil
	}
	return s.keyLog.Close()
}

// ConfigFor returns the configuration of one connection, for tls.Server. keyLog gets the secrets of the connection, in the
// format of SSLKEYLOGFILE; it may be nil. For a client without SNI, LocalAddr of the net.Conn counts. The result belongs to the
// connection, and what GetConfigForClient returns may be shared.
func (s *Store) ConfigFor(keyLog io.Writer) *tls.Config {
	now := s.current.Load()
	switch {
	case s.keyLog == nil:
	case keyLog == nil:
		keyLog = s.keyLog
	default:
		keyLog = io.MultiWriter(keyLog, s.keyLog)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return s.configFor(now, hello, keyLog), nil
		},
	}
}

// configFor returns the configuration of the site that a client asks for. Without a certificate crypto/tls sends the alert
// unrecognized_name.
func (s *Store) configFor(from *snapshot, hello *tls.ClientHelloInfo, keyLog io.Writer) *tls.Config {
	if s.settings.Challenge != nil {
		if cert := s.settings.Challenge(hello); cert != nil {
			return &tls.Config{
				MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true, KeyLogWriter: keyLog,
				NextProtos: []string{ChallengeProtocol}, Certificates: []tls.Certificate{*cert},
			}
		}
	}
	var local net.Addr
	if hello.Conn != nil {
		local = hello.Conn.LocalAddr()
	}
	at := from.siteOf(hello.ServerName, local)
	if at == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true, KeyLogWriter: keyLog}
	}
	if s.keyLog == nil && !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		at.unlogged.once.Do(func() { at.unlogged.config = s.configOf(at) })
		return at.unlogged.config
	}
	c := s.configOf(at)
	c.KeyLogWriter = keyLog
	return c
}

// configOf returns a configuration of a site.
func (s *Store) configOf(at *site) *tls.Config {
	c := at.group.config.Clone()
	if at.obtained != nil {
		c.GetCertificate = at.obtained
		return c
	}
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return at.certificates.choose(hello, s.settings.now()), nil
	}
	return c
}

// siteOf returns the site of a client, or nil. local is the address that the client has connected to, or nil.
func (n *snapshot) siteOf(serverName string, local net.Addr) *site {
	if serverName == "" {
		serverName = localHost(local)
	}
	if serverName != "" {
		if at, ok := n.sites.find(normalise(serverName), labelsOfSite); ok {
			return at
		}
	}
	return n.fallback
}

// SiteOf returns the name of the site that a handshake is for, by the server name of the client and the address that it has
// connected to, which may be nil. ok is false if there is none.
func (s *Store) SiteOf(serverName string, local net.Addr) (name string, ok bool) {
	at := s.current.Load().siteOf(serverName, local)
	if at == nil {
		return "", false
	}
	return at.name, true
}

// Files returns the files that Reload reads.
func (s *Store) Files() []string { return s.settings.Files() }

// Reload reads all files again. What can't be used keeps its state of before, and is logged. The error has the same
// problems.
func (s *Store) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	l := s.load(s.current.Load())
	for _, w := range l.warnings {
		s.settings.Log.Warn(w)
	}
	for _, err := range l.errs {
		s.settings.Log.Error(fmt.Sprintf("%v; what was loaded before stays in use", err))
	}
	if l.ticketKeys != nil {
		s.tickets.setFiles(l.ticketKeys)
	}
	s.publish(l.next)
	return errors.Join(l.errs...)
}

// publish gives a snapshot its ticket keys, and has handshakes use it.
func (s *Store) publish(next *snapshot) {
	for _, g := range next.groups {
		g.config.SetSessionTicketKeys(s.tickets.derive(g.name))
	}
	s.current.Store(next)
}

// RotateTicketKeys replaces the random key that encrypts session tickets if it is older than twelve hours. Three old keys
// decrypt. Keys that another process has written to the shared file are taken over. Watch calls it.
func (s *Store) RotateTicketKeys() {
	s.reload.Lock()
	defer s.reload.Unlock()
	if s.tickets.share(s.settings.SharedKeys, s.settings.now()) {
		s.publish(s.current.Load())
	}
}
