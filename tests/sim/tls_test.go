package sim

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"iter"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"aws/internal/simkernel"
	"aws/internal/tlsconn"
	"aws/internal/tlsserver"
)

// tlsWorld is what the server and the clients of a world have for TLS.
type tlsWorld struct {
	server, client *tls.Config
}

// Handshakes implements goloop.TLS.
func (w *tlsWorld) Handshakes() tlsconn.Handshakes {
	return new(tlsserver.Coroutines).Handshakes(w.configFor)
}

func (w *tlsWorld) configFor(keyLog io.Writer) *tls.Config {
	cfg := w.server.Clone()
	cfg.KeyLogWriter = keyLog
	return cfg
}

// SiteOf implements goloop.TLS.
func (*tlsWorld) SiteOf(string, netip.AddrPort) (string, bool) { return "", true }

// testCertificate is one whose signatures are all of the same length, so that a seed's messages are, too.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"example.org"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// drawTLS draws the configurations.
func (w *world) drawTLS(rnd *mathrand.Rand, kcfg *simkernel.Config) {
	cert := testCertificate()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	w.tls = &tlsWorld{
		server: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		client: &tls.Config{RootCAs: roots, ServerName: "example.org", ClientSessionCache: tls.NewLRUClientSessionCache(8)},
	}
	w.tls.server.SetSessionTicketKeys([][32]byte{{1}}) // which clones share
	w.tls.server.SessionTicketsDisabled = rnd.IntN(3) == 0
	w.cfg.TLS, w.cfg.Secure = w.tls, []bool{true}
	w.cfg.KernelTLSBytes = pick(rnd, int64(0), 1, 1, 4096, 64<<10)
	kcfg.KernelTLS = rnd.IntN(8) > 0
}

// handshakeBytesMax is more than a server sends for a handshake.
const handshakeBytesMax = 2500

// tlsClient is the TLS of a session. Its coroutine goes on whenever bytes have come.
type tlsClient struct {
	session *session
	conn    *tls.Conn
	in, out []byte
	ended   bool
	taken   int // bytes of Peer.Received that are, or were, in in
	await   func() bool
	next    func() (struct{}, bool)
	stop    func()
	plain   []byte
	err     error // that of the handshake, or of the latest read
}

// newClient begins a client's handshake. When it is complete, the request is sent, in one record or several.
func (w *tlsWorld) newClient(rnd *mathrand.Rand, s *session, request string) *tlsClient {
	c := &tlsClient{session: s}
	cfg := w.client.Clone()
	if s.http2 != nil {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	cfg.MaxVersion = pick(rnd, uint16(tls.VersionTLS12), tls.VersionTLS13, tls.VersionTLS13)
	c.conn = tls.Client(c, cfg)
	pieces := pick(rnd, 1, 1, 3, 20)
	c.next, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.await = func() bool { return yield(struct{}{}) }
		c.err = c.run(rnd, request, pieces)
	})
	c.next()
	return c
}

// stopClients ends the coroutines of clients whose connections have not ended in order.
func (w *world) stopClients() {
	for _, s := range w.sessions {
		if s.tls != nil {
			s.tls.stop()
		}
	}
}

// run sends the request and receives until the end.
func (c *tlsClient) run(rnd *mathrand.Rand, request string, pieces int) error {
	if err := c.conn.Handshake(); err != nil {
		return err
	}
	for ; request != ""; pieces-- {
		n := len(request)
		if pieces > 1 {
			n = 1 + rnd.IntN(n)
		}
		if _, err := c.conn.Write([]byte(request[:n])); err != nil {
			return err
		}
		request = request[n:]
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := c.conn.Read(buf)
		c.plain = append(c.plain, buf[:n]...)
		if err != nil {
			return err
		}
		if c.session.inTurn {
			c.session.goOn(func(b []byte) { _, _ = c.conn.Write(b) })
		}
	}
}

// takeOutput returns what is to be sent, once.
func (c *tlsClient) takeOutput() []byte {
	out := c.out
	c.out = nil
	return out
}

// onData lets the client go on with what has come.
func (c *tlsClient) onData(p *simkernel.Peer) {
	c.in = append(c.in, p.Received[c.taken:]...)
	c.taken = len(p.Received)
	c.next()
	if out := c.takeOutput(); len(out) > 0 {
		p.Send(out)
	}
}

// end lets the client learn that the connection has ended.
func (c *tlsClient) end() {
	c.ended = true
	c.next()
}

func (c *tlsClient) Read(b []byte) (int, error) {
	for len(c.in) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		if !c.await() {
			return 0, net.ErrClosed
		}
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *tlsClient) Write(b []byte) (int, error) {
	c.out = append(c.out, b...)
	return len(b), nil
}

func (c *tlsClient) Close() error                     { return nil }
func (c *tlsClient) LocalAddr() net.Addr              { return nil }
func (c *tlsClient) RemoteAddr() net.Addr             { return nil }
func (c *tlsClient) SetDeadline(time.Time) error      { return nil }
func (c *tlsClient) SetReadDeadline(time.Time) error  { return nil }
func (c *tlsClient) SetWriteDeadline(time.Time) error { return nil }
