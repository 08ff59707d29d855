package harness

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
	"aws/internal/tlsrecord"
)

// HTTPS is a file server that speaks https beside http. Its Address is the one of https.
type HTTPS struct {
	*Server
	Plain  string      // the address of http
	Client *tls.Config // trusts the server, and resumes sessions
	ca     *certtest.Certificate
	pair   string // the directory of the certificate and its key
}

// StartHTTPS starts `aws serve` for a directory, with a certificate of its own.
func StartHTTPS(tb testing.TB, o Options, directory string, args ...string) *HTTPS {
	tb.Helper()
	h := &HTTPS{ca: certtest.NewCA(tb, "root"), pair: tb.TempDir()}
	h.Client = &tls.Config{RootCAs: h.ca.Pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(64)}
	certificate, key := h.Reissue(tb)
	args = append([]string{"--listen-tls", "127.0.0.1:0", "--certificate", certificate, "--key", key}, args...)
	h.Server = StartServe(tb, o, directory, args...)
	h.Plain = h.Address
	h.Address = "127.0.0.1:" + h.Says(tb, `https://\S*?:(\d+)`, 1)[1]
	return h
}

// Reissue replaces the certificate and its key, which the server reads at its next reload.
func (h *HTTPS) Reissue(tb testing.TB) (certificate, key string) {
	tb.Helper()
	return h.reissue(tb, time.Time{})
}

// ReissueExpired replaces the certificate by one that has expired an hour ago, but not by the clock of BeforeExpiry.
func (h *HTTPS) ReissueExpired(tb testing.TB) {
	tb.Helper()
	h.reissue(tb, time.Now().Add(-time.Hour))
}

// BeforeExpiry is the clock of clients that accept certificates of ReissueExpired.
func BeforeExpiry() time.Time { return time.Now().Add(-2 * time.Hour) }

func (h *HTTPS) reissue(tb testing.TB, end time.Time) (certificate, key string) {
	tb.Helper()
	return h.ca.Issue(tb, certtest.Template{Name: "localhost", Hosts: []string{"localhost"}, NotAfter: end}).WritePair(tb, h.pair, "localhost")
}

// SecureConn is a client's TLS connection. crypto/tls receives. What is sent in TLS 1.3 are records of package tlsrecord, so
// that a test can send those that crypto/tls does not.
type SecureConn struct {
	*tls.Conn
	raw    net.Conn
	sender *tlsrecord.Sender // nil in TLS 1.2
}

// ErrNoCloseNotify is the error of a read of a SecureConn whose server has closed the connection without a close_notify. For
// crypto/tls that is an end in order.
var ErrNoCloseNotify = errors.New("the connection has ended without a close_notify")

// watchedConn is a connection that reports its end as ErrNoCloseNotify.
type watchedConn struct{ net.Conn }

func (c watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		err = ErrNoCloseNotify
	}
	return n, err
}

// WatchEnd returns a connection for crypto/tls that reports its end as ErrNoCloseNotify, so that only a close_notify is an end in order.
func WatchEnd(raw net.Conn) net.Conn { return watchedConn{raw} }

// Secure makes a handshake.
func Secure(raw net.Conn, cfg *tls.Config) (*SecureConn, error) {
	var secrets tlsrecord.Secrets
	cfg = cfg.Clone()
	cfg.KeyLogWriter = &secrets
	c := &SecureConn{Conn: tls.Client(watchedConn{raw}, cfg), raw: raw}
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	if state := c.ConnectionState(); state.Version == tls.VersionTLS13 {
		c.sender = &tlsrecord.Sender{}
		if err := c.sender.Init(state.CipherSuite, secrets.Client, 0); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Write implements net.Conn.
func (c *SecureConn) Write(b []byte) (int, error) {
	if c.sender == nil {
		return c.Conn.Write(b)
	}
	var records []byte
	for rest := b; len(rest) > 0; {
		n := min(len(rest), tlsrecord.ContentMax)
		records = c.sender.Seal(records, tlsrecord.TypeData, rest[:n])
		rest = rest[n:]
	}
	if _, err := c.raw.Write(records); err != nil {
		return 0, err
	}
	return len(b), nil
}

// AppendRecord appends a record of any type to dst, which is to be sent by WriteRecords.
func (c *SecureConn) AppendRecord(dst []byte, is tlsrecord.ContentType, content []byte) []byte {
	return c.sender.Seal(dst, is, content)
}

// AppendKeyUpdate appends a KeyUpdate, which may request one of the server, in one record or in several. It changes the key.
func (c *SecureConn) AppendKeyUpdate(dst []byte, requested bool) ([]byte, error) {
	// SealUpdate requests none: the message is made here, and its record's copy by SealUpdate is thrown away.
	message := []byte{24, 0, 0, 1, 0}
	if requested {
		message[4] = 1
	}
	dst = c.sender.Seal(dst, tlsrecord.TypeHandshake, message)
	_, err := c.sender.SealUpdate(nil)
	return dst, err
}

// WriteRecords sends records.
func (c *SecureConn) WriteRecords(records []byte) error {
	_, err := c.raw.Write(records)
	return err
}

// UpdateKey sends a KeyUpdate. In TLS 1.2 there is none.
func (c *SecureConn) UpdateKey(requested bool) error {
	if c.sender == nil {
		return nil
	}
	records, err := c.AppendKeyUpdate(nil, requested)
	return errors.Join(err, c.WriteRecords(records))
}

// Close implements net.Conn. It sends no close_notify.
func (c *SecureConn) Close() error { return c.raw.Close() }
