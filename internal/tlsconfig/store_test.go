package tlsconfig

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
	"aws/internal/tlsconn"
	"aws/internal/tlsserver"

	"golang.org/x/crypto/ocsp"
)

// open returns a store that is closed with the test.
func open(t testing.TB, settings Settings) *Store {
	t.Helper()
	s, _, err := New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// connected returns both ends of a connection.
func connected(t testing.TB) (there, here net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = there.Close(), here.Close() })
	return there, here
}

// shake makes a handshake, and has the client read a byte, with which session tickets arrive.
func shake(t testing.TB, s *Store, client *tls.Config) (onServer, onClient tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	there, here := connected(t)
	c, server := tls.Client(here, client), tls.Server(there, s.ConfigFor(nil))
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go func() {
		err := server.HandshakeContext(ctx)
		if err == nil {
			_, err = server.Write([]byte("x"))
		}
		done <- err
	}()
	if clientErr = c.HandshakeContext(ctx); clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1))
	}
	serverErr = <-done
	return server.ConnectionState(), c.ConnectionState(), serverErr, clientErr
}

// mustShake makes a handshake that must succeed.
func mustShake(t testing.TB, s *Store, client *tls.Config) (onServer, onClient tls.ConnectionState) {
	t.Helper()
	onServer, onClient, serverErr, clientErr := shake(t, s, client)
	if serverErr != nil || clientErr != nil {
		t.Fatalf("server: %v, client: %v", serverErr, clientErr)
	}
	return onServer, onClient
}

// pair writes a certificate and returns its Pair.
func pair(t testing.TB, c *certtest.Certificate, dir, name string) Pair {
	t.Helper()
	file, key := c.WritePair(t, dir, name)
	return Pair{Certificate: file, Key: key}
}

// TestServerNames sees which certificate a client gets.
func TestServerNames(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	at := func(name string, hosts ...string) Pair {
		return pair(t, ca.Issue(t, certtest.Template{Name: name, Hosts: hosts}), dir, name)
	}
	sites := []Site{
		{Name: "a", Hosts: []string{"a.test", "www.a.test"}, Pairs: []Pair{at("a", "a.test", "www.A.test")}},
		{Name: "w", Hosts: []string{"*.w.test"}, Pairs: []Pair{at("w1", "*.w.test"), at("w2", "*.deep.w.test"), at("w3", "exact.w.test")}},
		{Name: "address", Hosts: []string{"[::1]", "192.0.2.1"}, Pairs: []Pair{at("address", "::1", "192.0.2.1")}},
	}
	fallback := Site{Name: "d", Default: true, Hosts: []string{"d.test"}, Pairs: []Pair{at("d1", "d.test"), at("d2", "other.test")}}
	strict, open := open(t, Settings{Sites: sites}), open(t, Settings{Sites: append(sites, fallback)})
	for _, c := range []struct{ name, strict, open string }{
		{"a.test", "a", "a"},
		{"WWW.A.TEST", "a", "a"},
		{"www.a.test.", "a", "a"},
		{"x.w.test", "w1", "w1"},
		{"x.deep.w.test", "w2", "w2"},
		{"exact.w.test", "w3", "w3"},
		{"x.y.z.w.test", "w1", "w1"}, // the site covers it, its certificates do not
		{"w.test", "", "d1"},
		{"d.test", "", "d1"},
		{"other.test", "", "d2"},
		{"unknown.test", "", "d1"},
		{"", "", "d1"},
	} {
		for _, s := range []struct {
			*Store
			want string
		}{{strict, c.strict}, {open, c.open}} {
			var got string
			config := &tls.Config{ServerName: c.name, InsecureSkipVerify: true, VerifyConnection: func(state tls.ConnectionState) error {
				got = state.PeerCertificates[0].Subject.CommonName
				return nil
			}}
			_, _, serverErr, clientErr := shake(t, s.Store, config)
			if got != s.want {
				t.Errorf("%q: certificate %q, want %q", c.name, got, s.want)
			}
			if s.want == "" && (tlsserver.Classify(serverErr) != tlsconn.FailureUnrecognizedName || !strings.Contains(clientErr.Error(), "unrecognized name")) {
				t.Errorf("%q: server: %v, client: %v", c.name, serverErr, clientErr)
			}
		}
	}
	for _, c := range []struct{ address, want string }{{"192.0.2.1:443", "address"}, {"[::1]:443", "address"}, {"[::ffff:192.0.2.1]:443", "address"}, {"pipe", "d"}} {
		if name, ok := open.SiteOf("", textAddr(c.address)); name != c.want || !ok {
			t.Errorf("a client without SNI at %s: site %s, want %s", c.address, name, c.want)
		}
	}
	for name, want := range map[string]string{"www.a.test": "a", "A.TEST.": "a", "a.test:443": "d", "": "d"} {
		if got, ok := open.SiteOf(name, nil); got != want || !ok {
			t.Errorf("%q: site %q, want %q", name, got, want)
		}
	}
	if name, ok := strict.SiteOf("unknown.test", nil); ok {
		t.Errorf("an unknown name has the site %s", name)
	}
}

type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

// TestTwoKeyTypes sees that a client gets the key that it supports, ECDSA if it supports both.
func TestTwoKeyTypes(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	site := Site{Hosts: []string{"a.test"}, Default: true, Pairs: []Pair{
		pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}, Key: certtest.RSA}), dir, "rsa"),
		pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "ecdsa"),
	}}
	s := open(t, Settings{Sites: []Site{site}})
	for _, name := range []string{"a.test", "", "unknown.test"} {
		for _, c := range []struct {
			suites []uint16
			want   string
		}{
			{nil, "ECDSA"},
			{[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, "ECDSA"},
			{[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, "RSA"},
		} {
			config := &tls.Config{ServerName: name, InsecureSkipVerify: true, CipherSuites: c.suites}
			if c.suites != nil {
				config.MaxVersion = tls.VersionTLS12
			}
			_, state := mustShake(t, s, config)
			if got := state.PeerCertificates[0].PublicKeyAlgorithm.String(); got != c.want {
				t.Errorf("%q, suites %v: %s, want %s", name, c.suites, got, c.want)
			}
		}
	}
}

// TestPolicies sees which versions and cipher suites are refused.
func TestPolicies(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"m.test", "i.test"}, Key: certtest.RSA}), dir, "a")
	s := open(t, Settings{Sites: []Site{
		{Hosts: []string{"m.test"}, Pairs: []Pair{p}, Policy: PolicyModern},
		{Hosts: []string{"i.test"}, Pairs: []Pair{p}},
	}})
	for _, c := range []struct {
		name     string
		min, max uint16
		suites   []uint16
		protocol string
		want     tlsconn.Failure // tlsconn.FailureCount: none
		version  uint16
	}{
		{name: "m.test", version: tls.VersionTLS13, want: tlsconn.FailureCount},
		{name: "m.test", max: tls.VersionTLS12, want: tlsconn.FailureProtocolVersion},
		{name: "i.test", version: tls.VersionTLS13, want: tlsconn.FailureCount},
		{name: "i.test", max: tls.VersionTLS12, version: tls.VersionTLS12, want: tlsconn.FailureCount},
		{name: "i.test", min: tls.VersionTLS10, max: tls.VersionTLS11, want: tlsconn.FailureProtocolVersion},
		{name: "i.test", max: tls.VersionTLS12, suites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, want: tlsconn.FailureHandshakeFailure},
		{name: "i.test", max: tls.VersionTLS12, suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, want: tlsconn.FailureHandshakeFailure},
		{name: "i.test", protocol: "imap", want: tlsconn.FailureNoApplicationProtocol},
		{name: "i.test", protocol: "http/1.1", version: tls.VersionTLS13, want: tlsconn.FailureCount},
	} {
		config := &tls.Config{ServerName: c.name, RootCAs: ca.Pool(), MinVersion: c.min, MaxVersion: c.max, CipherSuites: c.suites}
		if c.protocol != "" {
			config.NextProtos = []string{c.protocol}
		}
		state, _, serverErr, clientErr := shake(t, s, config)
		switch {
		case c.want == tlsconn.FailureCount && (serverErr != nil || clientErr != nil):
			t.Errorf("%+v: server: %v, client: %v", c, serverErr, clientErr)
		case c.want != tlsconn.FailureCount && tlsserver.Classify(serverErr) != c.want:
			t.Errorf("%+v: %s: %v", c, tlsserver.Classify(serverErr), serverErr)
		case c.want == tlsconn.FailureCount && (state.Version != c.version || state.NegotiatedProtocol != c.protocol):
			t.Errorf("%+v: version %x, protocol %q", c, state.Version, state.NegotiatedProtocol)
		}
	}
	config := &tls.Config{ServerName: "i.test", RootCAs: ca.Pool()}
	if state, _ := mustShake(t, s, config); state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("group %s, want X25519MLKEM768", state.CurveID)
	}
}

// TestClientCertificates sees who is admitted, also by a session of another site.
func TestClientCertificates(t *testing.T) {
	dir, ca, staff := t.TempDir(), certtest.NewCA(t, "root"), certtest.NewCA(t, "staff")
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"off.test", "optional.test", "required.test"}}), dir, "a")
	roots := certtest.Write(t, dir, "staff.pem", staff.PEM())
	s := open(t, Settings{Sites: []Site{
		{Name: "off", Hosts: []string{"off.test"}, Pairs: []Pair{p}},
		{Name: "optional", Hosts: []string{"optional.test"}, Pairs: []Pair{p}, ClientAuth: ClientAuthOptional, ClientRoots: roots},
		{Name: "required", Hosts: []string{"required.test"}, Pairs: []Pair{p}, ClientAuth: ClientAuthRequired, ClientRoots: roots},
	}})
	identity := func(c *certtest.Certificate) []tls.Certificate {
		return []tls.Certificate{{Certificate: [][]byte{c.X509.Raw}, PrivateKey: c.Key}}
	}
	good := identity(staff.Issue(t, certtest.Template{Name: "alice", Client: true}))
	stranger := identity(ca.Issue(t, certtest.Template{Name: "mallory", Client: true}))
	expired := identity(staff.Issue(t, certtest.Template{Name: "bob", Client: true, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}))
	for _, c := range []struct {
		site    string
		with    []tls.Certificate
		want    tlsconn.Failure
		subject string
	}{
		{"off", good, tlsconn.FailureCount, ""},
		{"optional", nil, tlsconn.FailureCount, ""},
		{"optional", good, tlsconn.FailureCount, "CN=alice"},
		{"optional", stranger, tlsconn.FailureClientCertificate, ""},
		{"optional", expired, tlsconn.FailureClientCertificate, ""},
		{"required", nil, tlsconn.FailureCertificateRequired, ""},
		{"required", good, tlsconn.FailureCount, "CN=alice"},
		{"required", stranger, tlsconn.FailureClientCertificate, ""},
		{"required", expired, tlsconn.FailureClientCertificate, ""},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := &tls.Config{ServerName: c.site + ".test", RootCAs: ca.Pool(), MaxVersion: version}
			if c.with != nil { // whatever the server asks for
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.with[0], nil }
			}
			state, _, err, _ := shake(t, s, config)
			got := tlsconn.FailureCount
			if err != nil {
				got = tlsserver.Classify(err)
			}
			if got != c.want || err == nil && tlsserver.ClientSubject(&state) != c.subject {
				t.Errorf("%s, version %x: %v, subject %q; want subject %q", c.site, version, err, tlsserver.ClientSubject(&state), c.subject)
			}
		}
	}

	// A session of a site without client certificates is not resumed at one with them: the cache does not look at the name.
	cache := tls.NewLRUClientSessionCache(1)
	config := &tls.Config{ServerName: "off.test", RootCAs: ca.Pool(), ClientSessionCache: oneSession{cache}}
	mustShake(t, s, config)
	if state, _ := mustShake(t, s, config); !state.DidResume {
		t.Error("a session was not resumed")
	}
	config.ServerName = "required.test"
	if state, _, err, _ := shake(t, s, config); state.DidResume || tlsserver.Classify(err) != tlsconn.FailureCertificateRequired {
		t.Errorf("a session of another site: resumed %v, %v", state.DidResume, err)
	}
	config.ServerName = "optional.test"
	if state, _ := mustShake(t, s, config); state.DidResume {
		t.Error("a session of another site was resumed where client certificates are optional")
	}
}

// oneSession has one session for all servers.
type oneSession struct{ tls.ClientSessionCache }

func (c oneSession) Get(string) (*tls.ClientSessionState, bool) { return c.ClientSessionCache.Get("") }

func (c oneSession) Put(_ string, state *tls.ClientSessionState) { c.ClientSessionCache.Put("", state) }

// clock is a time that a test sets.
type clock struct{ now time.Time }

// TestTickets sees which sessions are resumed after rotation, export and a change of files.
func TestTickets(t *testing.T) {
	dir, ca, at := t.TempDir(), certtest.NewCA(t, "root"), clock{time.Now()}
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "a")
	settings := Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, Now: func() time.Time { return at.now }}
	client := func() *tls.Config {
		return &tls.Config{ServerName: "a.test", RootCAs: ca.Pool(), ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	}
	resumes := func(what string, s *Store, c *tls.Config, want bool) {
		t.Helper()
		state, _ := mustShake(t, s, c)
		if state.DidResume != want {
			t.Errorf("%s: resumed %v", what, state.DidResume)
		}
	}
	one, other := open(t, settings), open(t, settings)
	c, old := client(), client()
	resumes("the first connection", one, c, false)
	resumes("the second connection", one, c, true)
	resumes("another process", other, c, false)
	resumes("a session that will be old", one, old, false)
	resumes("after the other process", one, c, false)
	if err := one.Reload(); err != nil {
		t.Fatal(err)
	}
	resumes("after a reload", one, c, true)

	for range 3 {
		at.now = at.now.Add(ticketInterval)
		one.RotateTicketKeys()
	}
	resumes("after three rotations", one, old, true)
	resumes("another session", one, c, true)
	for range 4 {
		at.now = at.now.Add(ticketInterval)
		one.RotateTicketKeys()
	}
	resumes("after seven rotations", one, c, false)
	if n := len(one.tickets.random); n != ticketKeysKept {
		t.Errorf("%d keys are kept, want %d", n, ticketKeysKept)
	}

	first := certtest.Write(t, dir, "first", bytes.Repeat([]byte{1}, 80))
	second := certtest.Write(t, dir, "second", bytes.Repeat([]byte{2}, 48))
	settings.TicketKeys = []string{first}
	replica := open(t, settings)
	settings.TicketKeys = []string{second, first}
	rotated := open(t, settings)
	c = client()
	resumes("a replica", replica, c, false)
	resumes("a replica that also has another key", rotated, c, true)
	resumes("a replica without the new key", replica, c, false)

	if text := fmt.Sprintf("%v %+v %#v", one.tickets.random, one.tickets.random, one.tickets.random); strings.Contains(text, "secret") || len(text) > 250 {
		t.Errorf("a message has the secrets: %s", text)
	}
	settings.TicketKeys = []string{certtest.Write(t, dir, "short", make([]byte, 32))}
	if _, _, err := New(settings); err == nil || !strings.Contains(err.Error(), "short has 32 bytes") {
		t.Errorf("a key of 32 bytes: %v", err)
	}
}

// TestReload sees that a change of files is noticed, and that a broken file changes nothing.
func TestReload(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	var log bytes.Buffer
	live := filepath.Join(dir, "live")
	version := func(name string, c *certtest.Certificate) {
		t.Helper()
		at := filepath.Join(dir, name)
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		c.WritePair(t, at, "a")
		if err := errors.Join(os.Symlink(name, live+".new"), os.Rename(live+".new", live)); err != nil { // as Kubernetes does
			t.Fatal(err)
		}
	}
	leaf := func(name string) *certtest.Certificate {
		return ca.Issue(t, certtest.Template{Name: name, Hosts: []string{"a.test"}})
	}
	version("1", leaf("first"))
	s := open(t, Settings{
		Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{{Certificate: filepath.Join(live, "a.pem"), Key: filepath.Join(live, "a.key")}}}},
		Log:   slog.New(slog.NewTextHandler(&log, nil)),
	})
	w := s.newWatcher()
	now := func(want string) {
		t.Helper()
		_, state := mustShake(t, s, &tls.Config{ServerName: "a.test", RootCAs: ca.Pool()})
		if got := state.PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("the certificate is that of %s, want %s", got, want)
		}
	}
	if w.check() {
		t.Error("files are loaded that have not changed")
	}
	version("2", leaf("second"))
	if w.check() {
		t.Error("a change is loaded before it has settled")
	}
	if !w.check() || w.check() {
		t.Error("a change is not loaded once")
	}
	now("second")
	loaded := s.current.Load().certificates
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if again := s.current.Load().certificates; !maps.Equal(loaded, again) {
		t.Error("a certificate whose files have not changed was read again")
	}

	certtest.Write(t, live, "a.pem", leaf("third").Chain()) // its key is missing
	w.check()
	w.check()
	now("second")
	if text := log.String(); !strings.Contains(text, "a.key: the private key is not that of the certificate") || !strings.Contains(text, "stays in use") {
		t.Errorf("the log: %s", text)
	}
	if err := os.Remove(filepath.Join(live, "a.pem")); err != nil {
		t.Fatal(err)
	}
	w.check()
	w.check()
	now("second")
	version("4", leaf("fourth"))
	w.check()
	w.check()
	now("fourth")

	version("5", leaf("fifth")) // and a signal, before the watcher looks
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	now("fifth")
	if w.check() || w.check() {
		t.Error("files that a signal has loaded are loaded again")
	}
	version("6", leaf("sixth")) // before there is a watcher
	w = s.newWatcher()
	w.check()
	now("sixth")
}

// TestStaple sees the OCSP response that a client gets.
func TestStaple(t *testing.T) {
	dir, root, at := t.TempDir(), certtest.NewCA(t, "root"), clock{time.Now()}
	ca := root.Issue(t, certtest.Template{Name: "intermediate", CA: true})
	leaf, other := ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), ca.Issue(t, certtest.Template{})
	p := pair(t, leaf, dir, "a")
	p.OCSP = filepath.Join(dir, "a.ocsp")
	day := 24 * time.Hour
	good := leaf.OCSP(t, ocsp.Good, at.now.Add(day))
	for _, c := range []struct {
		response []byte
		warning  string
	}{
		{good, ""},
		{leaf.OCSP(t, ocsp.Revoked, at.now.Add(day)), "says that"},
		{leaf.OCSP(t, ocsp.Good, at.now.Add(-day)), "has expired"},
		{leaf.OCSP(t, ocsp.Good, at.now.Add(5*day)), "not valid before"},
		{other.OCSP(t, ocsp.Good, at.now.Add(day)), "not a valid OCSP response"},
		{[]byte("x"), "not a valid OCSP response"},
	} {
		certtest.Write(t, dir, "a.ocsp", c.response)
		s, warnings, err := New(Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, Now: func() time.Time { return at.now }})
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		if c.warning == "" {
			want = c.response
		}
		if text := strings.Join(warnings, "\n"); (c.warning == "") != (text == "") || !strings.Contains(text, c.warning) {
			t.Errorf("warnings %q, want %q", text, c.warning)
		}
		client := &tls.Config{ServerName: "a.test", RootCAs: root.Pool()}
		if _, state := mustShake(t, s, client); !bytes.Equal(state.OCSPResponse, want) {
			t.Errorf("%q: the client has a response of %d bytes, want %d", c.warning, len(state.OCSPResponse), len(want))
		}
		if c.warning != "" {
			continue
		}
		at.now = at.now.Add(2 * day)
		if _, state := mustShake(t, s, client); state.OCSPResponse != nil {
			t.Error("an expired OCSP response is sent")
		}
		at.now = at.now.Add(-2 * day)
	}
}

// TestKeyLog sees that both logs have the secrets.
func TestKeyLog(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "a")
	file := filepath.Join(dir, "keys")
	s, warnings, err := New(Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, KeyLogFile: file})
	if err != nil || !strings.Contains(strings.Join(warnings, "\n"), "decrypt") {
		t.Fatalf("warnings %q, %v", warnings, err)
	}
	defer func() { _ = s.Close() }()
	var own bytes.Buffer
	there, here := connected(t)
	done := make(chan error, 1)
	go func() { done <- tls.Server(there, s.ConfigFor(&own)).Handshake() }()
	if err := errors.Join(tls.Client(here, &tls.Config{ServerName: "a.test", RootCAs: ca.Pool()}).Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte("SERVER_TRAFFIC_SECRET_0 ")) || !bytes.Equal(text, own.Bytes()) {
		t.Errorf("%v: the file has %q, the connection %q", err, text, own.Bytes())
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the permissions %v", info.Mode())
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	again, warnings, err := New(Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, KeyLogFile: file})
	if err != nil || len(warnings) != 2 || !strings.Contains(warnings[1], "every user of the machine can read it (0644)") {
		t.Fatalf("warnings %q, %v", warnings, err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestConcurrent makes handshakes while the store changes. The race detector looks on.
func TestConcurrent(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "a")
	var log bytes.Buffer
	s := open(t, Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := s.Reload(); err != nil {
				t.Error(err)
			}
			s.RotateTicketKeys()
			s.EarliestExpiry()
			s.Certificates()
		}
	}()
	client := &tls.Config{ServerName: "a.test", RootCAs: ca.Pool(), ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumed := 0
	const handshakes = 30
	for range handshakes {
		if state, _ := mustShake(t, s, client); state.DidResume {
			resumed++
		}
	}
	cancel()
	<-done
	if resumed != handshakes-1 || log.Len() > 0 {
		t.Errorf("%d of %d sessions were resumed; the log: %s", resumed, handshakes-1, log.String())
	}
}

// TestWatch ends with its context.
func TestWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	open(t, Settings{}).Watch(ctx)
}

// TestNotice sees certificates that expire reported once a day.
func TestNotice(t *testing.T) {
	dir, root, at := t.TempDir(), certtest.NewCA(t, "root"), clock{time.Now()}
	ca := root.Issue(t, certtest.Template{Name: "intermediate", CA: true})
	leaf := ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}, NotAfter: at.now.Add(16 * 24 * time.Hour), NotBefore: at.now.Add(-90 * 24 * time.Hour)})
	p := pair(t, leaf, dir, "a")
	p.OCSP = certtest.Write(t, dir, "a.ocsp", leaf.OCSP(t, ocsp.Good, at.now.Add(24*time.Hour)))
	var log bytes.Buffer
	s := open(t, Settings{
		Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, Now: func() time.Time { return at.now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	w := s.newWatcher()
	for i, want := range []int{0, 1, 2, 2} { // the OCSP response, then both
		if i > 0 {
			at.now = at.now.Add(26 * time.Hour)
		}
		log.Reset()
		w.notice()
		w.notice()
		if n := strings.Count(log.String(), "\n"); n != want {
			t.Errorf("day %d: %d messages, want %d: %s", i, n, want, log.String())
		}
	}
}
