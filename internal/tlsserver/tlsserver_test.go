package tlsserver

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"aws/internal/tlsconfig/certtest"
	"aws/internal/tlsconn"
)

// peers is a server's configuration and that of its clients.
type peers struct{ server, client *tls.Config }

func newPeers(t testing.TB) *peers {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	pool := ca.Pool()
	pair := func(from certtest.Template) []tls.Certificate {
		c := ca.Issue(t, from)
		return []tls.Certificate{{Certificate: [][]byte{c.X509.Raw}, PrivateKey: c.Key, Leaf: c.X509}}
	}
	p := &peers{
		server: &tls.Config{Certificates: pair(certtest.Template{Hosts: []string{"example.org"}}), ClientCAs: pool, NextProtos: []string{"http/1.1"}},
		client: &tls.Config{
			RootCAs: pool, ServerName: "example.org", ClientSessionCache: tls.NewLRUClientSessionCache(4), NextProtos: []string{"http/1.1"},
			Certificates: pair(certtest.Template{Name: "a client", Client: true}),
		},
	}
	p.server.SetSessionTicketKeys([][32]byte{{1}}) // which clones share
	return p
}

func (p *peers) configFor(keyLog io.Writer) *tls.Config {
	cfg := p.server.Clone()
	cfg.KeyLogWriter = keyLog
	return cfg
}

// serve does the handshake of a server on a connection, with n bytes of what arrives at a time, and then gives every application data
// back, until the client closes its side.
func (p *peers) serve(conn net.Conn, n int) (tlsconn.Records, error) {
	defer func() { _ = conn.Close() }()
	h := new(Coroutines).New(netip.AddrPort{}, p.configFor)
	buf := make([]byte, n)
	for status := tlsconn.WantRead; status != tlsconn.Done; {
		m, err := conn.Read(buf)
		if err != nil {
			h.Stop()
			return nil, err
		}
		h.Feed(buf[:m])
		status = h.Step()
		if _, err := conn.Write(h.TakeOutput()); err != nil {
			return nil, err
		}
		if status == tlsconn.Failed {
			return nil, h.Err()
		}
	}
	r, rest, err := h.Records()
	if err != nil {
		return nil, err
	}
	return r, echo(conn, r, rest, buf)
}

func echo(conn net.Conn, r tlsconn.Records, in, buf []byte) error {
	for {
		for o := r.Open(in); o.Result != tlsconn.Incomplete; o = r.Open(in) {
			var out []byte
			if r.KeyUpdateDue() {
				var err error
				if out, err = r.SealKeyUpdate(nil); err != nil {
					return err
				}
			}
			switch o.Result {
			case tlsconn.Data:
				out = r.Seal(out, in[o.From:o.To])
			case tlsconn.Closed, tlsconn.Broken:
				_, err := conn.Write(r.AppendAlert(nil))
				if o.Result == tlsconn.Broken {
					err = errors.New("a broken record")
				}
				return err
			case tlsconn.Incomplete, tlsconn.Control:
			}
			if _, err := conn.Write(out); err != nil {
				return err
			}
			in = in[o.Bytes:]
		}
		m, err := conn.Read(buf)
		if err != nil {
			return err
		}
		in = append(in, buf[:m]...)
	}
}

// talk is a client that has its data echoed, and closes.
func talk(conn net.Conn, cfg *tls.Config, data []byte) error {
	c := tls.Client(conn, cfg)
	go func() {
		_, _ = c.Write(data)
		_ = c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err == nil && !bytes.Equal(got, data) {
		err = fmt.Errorf("%d bytes came back of %d", len(got), len(data))
	}
	return err
}

// newPipe returns the two ends of a connection.
func newPipe(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// TestVersions has both versions, handshakes in full and resumed, with client certificates and without, in pieces of several sizes.
func TestVersions(t *testing.T) {
	data := make([]byte, 100_000)
	_, _ = rand.Read(data)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, auth := range []tls.ClientAuthType{tls.NoClientCert, tls.RequireAndVerifyClientCert} {
			p := newPeers(t)
			p.client.MinVersion, p.client.MaxVersion = version, version
			p.server.ClientAuth = auth
			for i, n := range []int{1, 7, 600, 40000} {
				t.Run(fmt.Sprintf("%s/%v/%d", tls.VersionName(version), auth, n), func(t *testing.T) {
					client, server := newPipe(t)
					ended := make(chan error, 1)
					go func() { ended <- talk(client, p.client, data) }()
					r, err := p.serve(server, n)
					if err != nil {
						t.Fatal(err)
					}
					if err := <-ended; err != nil {
						t.Error(err)
					}
					f := r.Facts()
					if f.Version != version || f.ServerName != "example.org" || f.Protocol != "http/1.1" || f.Resumed != (i > 0) ||
						(f.Client == "CN=a client") != (auth == tls.RequireAndVerifyClientCert) {
						t.Errorf("%+v", f)
					}
					if r.CanRewind() != (version == tls.VersionTLS13) {
						t.Error("the records are of the wrong kind")
					}
				})
			}
		}
	}
}

// TestRefusedClients has clients that no handshake succeeds with.
func TestRefusedClients(t *testing.T) {
	p := newPeers(t)
	p.server.MinVersion = tls.VersionTLS13
	for _, test := range []struct {
		name  string
		sends string // or a client of TLS 1.2
		http  bool
	}{
		{"http", "GET / HTTP/1.1\r\n\r\n", true},
		{"options", "OPTIONS * HTTP/1.1\r\n\r\n", true},
		{"nonsense", "nonsense and nonsense", false},
		{"zeros", string(make([]byte, 100)), false},
		{"alert", "\x15\x03\x01\x00\x02\x02\x28", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := new(Coroutines).New(netip.AddrPort{}, p.configFor)
			h.Feed([]byte(test.sends))
			if status := h.Step(); status != tlsconn.Failed || h.Err() == nil || h.PlainHTTP() != test.http {
				t.Errorf("%v, %v, %v", status, h.Err(), h.PlainHTTP())
			}
		})
	}
	client, server := newPipe(t)
	go func() {
		cfg := p.client.Clone()
		cfg.MaxVersion = tls.VersionTLS12
		_ = talk(client, cfg, nil)
	}()
	if _, err := p.serve(server, 1000); err == nil {
		t.Error("a client of TLS 1.2 is let in")
	}
	h := new(Coroutines).New(netip.AddrPort{}, p.configFor)
	h.Feed([]byte("\x16\x03\x01\x02\x00"))
	if status := h.Step(); status != tlsconn.WantRead {
		t.Fatalf("%v", status)
	}
	h.Stop()
	if h.Err() == nil {
		t.Error("a handshake that was stopped has no error")
	}
}

// TestCoroutines lets handshakes begin and end in a random order on one goroutine, as a worker thread does, and has each complete that
// is not stopped.
func TestCoroutines(t *testing.T) {
	p := newPeers(t)
	var on Coroutines
	hello := clientHello(t, p.client)
	rnd := mathrand.New(mathrand.NewPCG(1, 2))
	var open []*Handshake
	begun, most := 0, 0
	for range 500 {
		if rnd.IntN(3) < 2 && len(open) < 2*idleMax {
			h := on.New(netip.AddrPort{}, p.configFor)
			h.Feed(hello)
			if status := h.Step(); status != tlsconn.WantRead || len(h.TakeOutput()) == 0 {
				t.Fatalf("handshake %d: %v, %v", begun, status, h.Err())
			}
			open = append(open, h)
			begun++
		} else if n := len(open); n > 0 {
			i := rnd.IntN(n)
			h := open[i]
			open[i], open = open[n-1], open[:n-1]
			if rnd.IntN(2) == 0 {
				h.Stop()
			} else if h.Feed([]byte("no record")); h.Step() != tlsconn.Failed {
				t.Fatal("a broken record is let in")
			}
			if h.Err() == nil {
				t.Fatal("a handshake that has not been completed has no error")
			}
			h.Stop() // once more changes nothing
		}
		if on.busy != len(open) || len(on.idle) > idleMax || len(open) == 0 && len(on.idle) > 0 {
			t.Fatalf("%d handshakes are in progress: %d coroutines are busy, %d idle", len(open), on.busy, len(on.idle))
		}
		most = max(most, len(on.idle))
	}
	for _, h := range open {
		h.Stop()
	}
	if on.busy != 0 || len(on.idle) != 0 {
		t.Errorf("at the end %d coroutines are busy, %d idle", on.busy, len(on.idle))
	}
	if most == 0 {
		t.Error("no coroutine was kept")
	}
	t.Logf("%d handshakes, up to %d idle coroutines", begun, most)
}

// clientHello returns the first message of a client.
func clientHello(t *testing.T, cfg *tls.Config) []byte {
	t.Helper()
	client, server := newPipe(t)
	go func() { _ = tls.Client(client, cfg).Handshake() }()
	buf := make([]byte, 5000)
	n, err := server.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	return buf[:n]
}

// TestCut cuts sends of several lengths at every byte, and sends what is left as the loop does: the client must get it all.
func TestCut(t *testing.T) {
	p := newPeers(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		p.client.MinVersion, p.client.MaxVersion = version, version
		client, server := newPipe(t)
		c := tls.Client(client, p.client)
		records := make(chan tlsconn.Records)
		go func() { records <- p.handshake(t, server) }()
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		r := <-records
		content := make([]byte, 2*tlsconn.ContentMax+100)
		_, _ = rand.Read(content)
		got := make([]byte, len(content))
		for _, n := range []int{1, 300, tlsconn.ContentMax, tlsconn.ContentMax + 1, 2*tlsconn.ContentMax + 100} {
			for sent := 0; sent <= n; sent += max(n/97, 1) {
				go sendCut(r, server, content[:n], sent)
				if _, err := io.ReadFull(c, got[:n]); err != nil || !bytes.Equal(got[:n], content[:n]) {
					t.Fatalf("%d bytes, cut at %d: %v", n, sent, err)
				}
			}
		}
	}
}

func (p *peers) handshake(t *testing.T, conn net.Conn) tlsconn.Records {
	h := new(Coroutines).New(netip.AddrPort{}, p.configFor)
	buf := make([]byte, 5000)
	for status := tlsconn.WantRead; status != tlsconn.Done; {
		n, err := conn.Read(buf)
		if err != nil {
			t.Error(err)
			return nil
		}
		h.Feed(buf[:n])
		status = h.Step()
		go func(out []byte) { _, _ = conn.Write(out) }(bytes.Clone(h.TakeOutput()))
	}
	r, _, err := h.Records()
	if err != nil {
		t.Error(err)
	}
	return r
}

// sendCut sends content through a socket that takes a number of bytes, and then all.
func sendCut(r tlsconn.Records, conn net.Conn, content []byte, takes int) {
	for len(content) > 0 {
		first := r.Sequence()
		wire := r.Seal(nil, content)
		takes = min(takes, len(wire))
		_, _ = conn.Write(wire[:takes])
		if takes == len(wire) {
			return
		}
		cut := r.Cut(first, len(content), len(wire), takes, false)
		_, _ = conn.Write(wire[cut.From:cut.To])
		content = content[cut.Sent+cut.Kept:]
		takes = 1 << 30
	}
}

// TestCutContent has the table of which bytes of a message are content.
func TestCutContent(t *testing.T) {
	for _, test := range []struct {
		sent, kept, plain, content, want int64
	}{
		{0, 100, 300, 300, 100},
		{0, 100, 300, 200, 0},
		{0, 150, 300, 200, 50},
		{100, 100, 300, 200, 100},
		{200, 100, 300, 50, 50},
		{0, 300, 300, 0, 0},
		{0, 0, 300, 300, 0},
	} {
		c := tlsconn.Cut{Sent: test.sent, Kept: test.kept}
		if got := c.Content(test.plain, test.content); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// TestCutKeepsEnd has a close_notify behind the last record: it stays with it.
func TestCutKeepsEnd(t *testing.T) {
	p := newPeers(t)
	client, server := newPipe(t)
	c := tls.Client(client, p.client)
	records := make(chan tlsconn.Records)
	go func() { records <- p.handshake(t, server) }()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	r := <-records
	content := make([]byte, tlsconn.ContentMax+100)
	first := r.Sequence()
	wire := r.Seal(nil, content)
	data := len(wire)
	wire = r.AppendAlert(wire)
	for sent := range len(wire) {
		r.(*Records).sender.SetSequence(first)
		_ = r.AppendAlert(r.Seal(nil, content))
		cut := r.Cut(first, len(content), len(wire), sent, true)
		want := tlsconn.Cut{From: sent, To: tlsconn.ContentMax + tlsconn.Overhead, Kept: tlsconn.ContentMax}
		next := first + 1
		switch {
		case sent == 0:
			want, next = tlsconn.Cut{}, first
		case sent == tlsconn.ContentMax+tlsconn.Overhead:
			want = tlsconn.Cut{From: sent, To: sent, Sent: tlsconn.ContentMax}
		case sent > tlsconn.ContentMax+tlsconn.Overhead:
			want, next = tlsconn.Cut{From: sent, To: len(wire), Sent: tlsconn.ContentMax, Kept: 100}, first+3
		}
		if cut != want || r.Sequence() != next {
			t.Fatalf("%d of %d and %d bytes: %+v, next %d; want %+v, %d", sent, data, len(wire), cut, r.Sequence(), want, next)
		}
	}
}
