package tlsrecord

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// recorded is a connection that keeps what is written to it.
type recorded struct {
	net.Conn
	wire []byte
}

func (c *recorded) Write(p []byte) (int, error) {
	c.wire = append(c.wire, p...)
	return c.Conn.Write(p)
}

var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// peer is a client of crypto/tls after a handshake with a server of crypto/tls, whose records a Sender and a Receiver have taken over.
type peer struct {
	client *tls.Conn
	wire   net.Conn // the server's end
	s      Sender
	r      Receiver
	buf    []byte
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialed.Close(); _ = accepted.Close() })
	client := tls.Client(dialed, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1), ServerName: "localhost"})
	handshaken := make(chan error, 1)
	go func() { handshaken <- client.Handshake() }()
	p, _ := takeOver(t, accepted)
	p.client = client
	if err := <-handshaken; err != nil {
		t.Fatal(err)
	}
	if p.s.Sequence() == 0 {
		t.Error("no session ticket was counted")
	}
	return p
}

// takeOver makes a handshake with crypto/tls and goes on with a Sender and a Receiver. It returns the cipher suite.
func takeOver(t testing.TB, accepted net.Conn) (*peer, uint16) {
	t.Helper()
	var secrets Secrets
	wire := &recorded{Conn: accepted}
	server := tls.Server(wire, &tls.Config{
		Certificates: []tls.Certificate{certificate()}, KeyLogWriter: &secrets, MinVersion: tls.VersionTLS13,
	})
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	suite := server.ConnectionState().CipherSuite
	sealed, err := CountSealed(suite, secrets.Server, wire.wire)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{wire: accepted}
	if err := p.s.Init(suite, secrets.Server, sealed); err != nil {
		t.Fatal(err)
	}
	if err := p.r.Init(suite, secrets.Client, 0); err != nil {
		t.Fatal(err)
	}
	return p, suite
}

// send lets the client read what the Sender has made.
func (p *peer) send(t testing.TB, record, want []byte) {
	t.Helper()
	if _, err := p.wire.Write(record); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.client, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the client read %d bytes: %v", len(got), err)
	}
}

// next opens the next record of the client.
func (p *peer) next(t testing.TB) (Opened, []byte) {
	t.Helper()
	chunk := make([]byte, 4096)
	for {
		if o := p.r.Open(p.buf); o.Result != Incomplete {
			content := bytes.Clone(p.buf[o.From:o.To])
			p.buf = p.buf[o.Bytes:]
			return o, content
		}
		n, err := p.wire.Read(chunk)
		if err != nil {
			t.Fatal(err)
		}
		p.buf = append(p.buf, chunk[:n]...)
	}
}

// receive opens what the client writes.
func (p *peer) receive(t testing.TB, content []byte) {
	t.Helper()
	if _, err := p.client.Write(content); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < len(content) {
		o, part := p.next(t)
		if o.Result != Data && o.Result != Nothing {
			t.Fatalf("%+v", o)
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, content) {
		t.Fatal("other bytes than the client has written")
	}
}

// TestClientOfGo speaks with a client of crypto/tls in both directions, with key updates of both sides.
func TestClientOfGo(t *testing.T) {
	p := newPeer(t)
	for _, n := range []int{1, 1300, ContentMax} {
		content := bytes.Repeat([]byte{'b'}, n)
		p.send(t, p.s.Seal(nil, TypeData, content), content)
		p.receive(t, content)
	}
	update, err := p.s.SealUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.send(t, p.s.Seal(update, TypeData, []byte("next key")), []byte("next key"))

	// A requested update makes the client change its own key.
	request := p.s.Seal(nil, TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, 1})
	if err := p.s.update(); err != nil {
		t.Fatal(err)
	}
	p.send(t, p.s.Seal(request, TypeData, []byte("y")), []byte("y"))
	if o, _ := p.next(t); o.Result != Nothing || p.r.Sequence() != 0 {
		t.Fatalf("the update of the client: %+v", o)
	}
	p.receive(t, []byte("with the client's next key"))

	if err := p.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if o, _ := p.next(t); o.Result != Closed {
		t.Errorf("close_notify of the client: %+v", o)
	}
	if _, err := p.wire.Write(p.s.SealAlert(nil, AlertCloseNotify)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client read %v after close_notify", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(0))
	f.Add(bytes.Repeat([]byte{0}, 300), uint8(3))
	f.Fuzz(func(t *testing.T, content []byte, updates uint8) {
		if len(content) == 0 || len(content) > ContentMax {
			return
		}
		p := newPeer(t)
		var record []byte
		for range updates % 8 {
			var err error
			if record, err = p.s.SealUpdate(record); err != nil {
				t.Fatal(err)
			}
		}
		p.send(t, p.s.Seal(record, TypeData, content), content)
		p.receive(t, content)
	})
}

func TestSecretsOfTLS12(t *testing.T) {
	var s Secrets
	for _, line := range []string{"CLIENT_RANDOM 00 11\n", "CLIENT_TRAFFIC_SECRET_0 00 a1\n", "SERVER_TRAFFIC_SECRET_0 00 b2\n"} {
		if _, err := s.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(s.Client, []byte{0xa1}) || !bytes.Equal(s.Server, []byte{0xb2}) {
		t.Errorf("%x", s)
	}
	if _, err := s.Write([]byte("SERVER_TRAFFIC_SECRET_0 00 xy\n")); err == nil {
		t.Error("a secret that is not hexadecimal was accepted")
	}
}

// BenchmarkTLSConn is what tls.Conn needs for the same: 1,300 bytes written.
func BenchmarkTLSConn1300(b *testing.B) {
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	go func() { // the client drains its side
		c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		if c.Handshake() == nil {
			_, _ = io.Copy(io.Discard, client)
		}
	}()
	wire := &discarded{Conn: server}
	s := tls.Server(wire, &tls.Config{Certificates: []tls.Certificate{certificate()}})
	if err := s.Handshake(); err != nil {
		b.Fatal(err)
	}
	wire.discard = true
	content := make([]byte, 1300)
	b.SetBytes(1300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Write(content); err != nil {
			b.Fatal(err)
		}
	}
}

// discarded is a connection whose writes can be thrown away.
type discarded struct {
	net.Conn
	discard bool
}

func (c *discarded) Write(p []byte) (int, error) {
	if c.discard {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestCountSealedRefuses has bytes that do not end with a whole record, and a record that another key has protected behind one
// that the secret opens.
func TestCountSealedRefuses(t *testing.T) {
	const id = tls.TLS_AES_128_GCM_SHA256
	secret := bytes.Repeat([]byte{7}, 32)
	var s Sender
	if err := s.Init(id, secret, 0); err != nil {
		t.Fatal(err)
	}
	wire := s.Seal([]byte{22, 3, 3, 0, 1, 2}, TypeHandshake, []byte("ticket"))
	if n, err := CountSealed(id, secret, wire); n != 1 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	for cut := 7; cut < len(wire); cut++ {
		if _, err := CountSealed(id, secret, wire[:cut]); err == nil {
			t.Errorf("%d of %d bytes were accepted", cut, len(wire))
		}
	}
	if _, err := CountSealed(id, secret, append(wire, wire[6:]...)); err == nil {
		t.Error("a record with another number was accepted")
	}
}
