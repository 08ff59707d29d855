package tlsconfig

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"aws/internal/tlsconfig/certtest"
)

// TestObtained has a site whose certificate is obtained from a CA, the challenge of another CA, and a site that has none yet.
func TestObtained(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	dir := t.TempDir()
	load := func(host string) *tls.Certificate {
		cert, key := ca.Issue(t, certtest.Template{Hosts: []string{host}}).WritePair(t, dir, host)
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return &pair
	}
	issued, challenge := load("a.example"), load("challenge.example")
	s, warnings, err := New(Settings{
		Sites: []Site{{Name: "a", Hosts: []string{"a.example", "b.example"}, Obtained: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "a.example" {
				return nil, errors.New("not yet")
			}
			return issued, nil
		}}},
		Challenge: func(hello *tls.ClientHelloInfo) *tls.Certificate {
			if slices.Equal(hello.SupportedProtos, []string{ChallengeProtocol}) {
				return challenge
			}
			return nil
		},
	})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	for _, c := range []struct {
		name, protocol string
		want           *tls.Certificate // nil: the handshake fails
	}{
		{"a.example", "http/1.1", issued},
		{"b.example", "http/1.1", nil},
		{"a.example", ChallengeProtocol, challenge},
	} {
		client, server := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- tls.Server(server, s.ConfigFor(nil)).Handshake() }()
		conn := tls.Client(client, &tls.Config{ServerName: c.name, NextProtos: []string{c.protocol}, InsecureSkipVerify: true})
		err := conn.Handshake()
		state := conn.ConnectionState()
		if (err == nil) != (c.want != nil) || err == nil && (!state.PeerCertificates[0].Equal(c.want.Leaf) || state.NegotiatedProtocol != c.protocol) {
			t.Errorf("%s, %s: %v", c.name, c.protocol, err)
		}
		_, _ = client.Close(), server.Close()
		if err := <-done; (err == nil) != (c.want != nil) {
			t.Errorf("%s, %s: the server: %v", c.name, c.protocol, err)
		}
	}
	if site, pair, ok := s.PairFor("a.example", nil); site != "a" || pair.Certificate != obtainedName || !ok {
		t.Error(site, pair, ok)
	}
}
