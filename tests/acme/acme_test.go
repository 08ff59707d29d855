package acme

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/internal/acme"
)

// TestChallenges obtains a certificate by each challenge alone, and serves it.
func TestChallenges(t *testing.T) {
	t.Parallel() // orders wait most of the time
	for _, challenge := range []string{"http-01", "tls-alpn-01"} {
		t.Run(challenge, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			p := newPebble(t, s, pebbleOptions{})
			o := p.options(t, "a.example.test", "B.example.test")
			o.HTTP01, o.TLSALPN01 = challenge == "http-01", challenge == "tls-alpn-01"
			c := start(t, o)
			s.use(c.Manager)
			await(t, "certificates", c.obtained)
			for _, name := range []string{"a.example.test", "b.example.test", "A.EXAMPLE.test"} {
				if _, err := s.handshake(name); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for _, name := range []string{"c.example.test", "example.test", "x.a.example.test"} {
				if _, err := s.handshake(name); err == nil {
					t.Errorf("%s has a certificate", name)
				}
			}
			await(t, "messages", func() bool { return len(c.log.with("is obtained by "+challenge)) == 2 })
			if lines := c.log.with("level=ERROR"); lines != nil {
				t.Error(lines)
			}
			if n := p.orders(); n != 2 {
				t.Errorf("%d orders for two names", n)
			}
		})
	}
}

// TestPermissions looks at what the storage contains.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := newPebble(t, s, pebbleOptions{}).options(t, "a.example.test")
	c := start(t, o)
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
	await(t, "the file", func() bool { return len(c.log.with("is obtained")) == 1 })
	c.stop()
	files := map[string]bool{}
	err := filepath.Walk(o.Storage, func(path string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = os.ModeDir | 0o700
		} else {
			files[info.Name()] = true
		}
		if info.Mode() != want {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "account.json", "account.key", "a.example.test.pem"} {
		if !files[name] {
			t.Errorf("there is no %s", name)
		}
	}
	if len(files) != 4 {
		t.Errorf("files: %v", files)
	}
}

// TestRestart takes the certificate from the storage.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := newPebble(t, s, pebbleOptions{})
	o := p.options(t, "a.example.test")
	c := start(t, o)
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
	await(t, "the file", func() bool { return len(c.log.with("is obtained")) == 1 })
	first, err := s.handshake("a.example.test")
	if err != nil {
		t.Fatal(err)
	}
	c.stop()

	c = start(t, o)
	s.use(c.Manager)
	second, err := s.handshake("a.example.test") // at once
	if err != nil || second != first {
		t.Errorf("after a restart: serial %s instead of %s, %v", second, first, err)
	}
	if n := p.orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// TestRenew has certificates that live for seconds. Nobody connects until they have been renewed twice.
func TestRenew(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := newPebble(t, s, pebbleOptions{lifetime: 8 * time.Second})
	c := start(t, p.options(t, "a.example.test"))
	s.use(c.Manager)
	await(t, "renewals", func() bool { return len(c.log.with("is obtained by")) >= 3 })
	if lines := c.log.with("level=ERROR"); lines != nil {
		t.Error(lines)
	}
	if _, err := s.handshake("a.example.test"); err != nil {
		t.Error(err)
	}
}

// TestTwoProcesses has two Managers with one storage, as during a reload, while the CA connects to the second one only.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	for _, challenge := range []string{"http-01", "tls-alpn-01"} {
		t.Run(challenge, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			p := newPebble(t, s, pebbleOptions{})
			o := p.options(t, "a.example.test", "b.example.test", "c.example.test")
			o.HTTP01, o.TLSALPN01 = challenge == "http-01", challenge == "tls-alpn-01"
			one, two := start(t, o), start(t, o)
			s.use(two.Manager)
			await(t, "certificates", func() bool { return one.obtained() && two.obtained() })
			if n := p.orders(); n != 3 {
				t.Errorf("%d orders for three names", n)
			}
			for _, c := range []*client{one, two} {
				if lines := c.log.with("level=ERROR"); lines != nil {
					t.Error(lines)
				}
			}
		})
	}
}

// TestWrongChallenge has a server that responds with something else. The message comes once, and the next attempt is later.
func TestWrongChallenge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.body = func(string) string { return "something else" }
	p := newPebble(t, s, pebbleOptions{})
	o := p.options(t, "a.example.test")
	o.TLSALPN01 = false
	c := start(t, o)
	s.use(c.Manager)
	await(t, "a message", func() bool { return len(c.log.with("level=ERROR")) > 0 })
	c.stop()
	lines := c.log.with("level=ERROR")
	if len(lines) != 1 || !strings.Contains(lines[0], "no certificate for a.example.test was obtained") || !strings.Contains(lines[0], "the next attempt is at") {
		t.Errorf("messages: %v", lines)
	}
	if c.obtained() {
		t.Error("there is a certificate")
	}
	if _, err := s.handshake("a.example.test"); err == nil {
		t.Error("a handshake succeeds")
	}
}

// TestFallback has a wrong response to HTTP-01, so the certificate comes by the other challenge.
func TestFallback(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.body = func(string) string { return "something else" }
	c := start(t, newPebble(t, s, pebbleOptions{}).options(t, "a.example.test"))
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
}

// TestExternalAccountBinding registers at a CA that knows its customers.
func TestExternalAccountBinding(t *testing.T) {
	t.Parallel()
	const id, key = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	s := newServer(t)
	p := newPebble(t, s, pebbleOptions{bindingKeys: map[string]string{id: key}})
	o := p.options(t, "a.example.test")
	without := start(t, o)
	await(t, "a message", func() bool { return len(without.log.with("level=ERROR")) == 1 })
	without.stop()
	o.KeyID, o.MACKey = id, key
	c := start(t, o)
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
	if lines := c.log.with(key); lines != nil {
		t.Errorf("the key is in messages: %v", lines)
	}
}

// TestAccountLost has a CA that has forgotten the account: the attempt after the failed one makes another account.
func TestAccountLost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := newPebble(t, s, pebbleOptions{})
	o := first.options(t, "a.example.test")
	c := start(t, o)
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
	c.stop()
	account, err := filepath.Glob(filepath.Join(o.Storage, "127*", "account.json"))
	if err != nil || len(account) != 1 {
		t.Fatal(account, err)
	}
	content, err := os.ReadFile(account[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), "/my-account/", "/my-account/0", 1)
	if err := os.WriteFile(account[0], []byte(changed), 0o600); err != nil || changed == string(content) {
		t.Fatal("the account is as it was", err)
	}
	o.Names = []string{"b.example.test"}
	c = start(t, o)
	s.use(c.Manager)
	await(t, "a message", func() bool { return len(c.log.with("level=ERROR")) == 1 })
	c.stop()
	c = start(t, o)
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
}

// TestChallengeCertificate is for CAs only: a client that offers other protocols, too, does not get one.
func TestChallengeCertificate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := start(t, newPebble(t, s, pebbleOptions{}).options(t, "a.example.test"))
	s.use(c.Manager)
	await(t, "a certificate", c.obtained)
	for _, protocols := range [][]string{{acme.Protocol}, {acme.Protocol, "h2"}} {
		_, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "a.example.test", SupportedProtos: protocols})
		if (err == nil) != (len(protocols) == 2) {
			t.Errorf("%v: %v", protocols, err)
		}
	}
}
