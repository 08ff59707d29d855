package observe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"
)

// httpsClients has the clients of a server that speaks TLS.
type httpsClients struct {
	address string
	config  *tls.Config
	keyLog  bytes.Buffer // of all of them, in the format of SSLKEYLOGFILE
}

// newHTTPSClients returns clients that trust a CA and resume sessions.
func newHTTPSClients(address string, ca *certtest.Certificate) *httpsClients {
	c := &httpsClients{address: address}
	c.config = &tls.Config{
		RootCAs: ca.Pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4), KeyLogWriter: &c.keyLog,
	}
	return c
}

// get asks for a path over a connection of its own.
func (c *httpsClients) get(t *testing.T, path string, change func(cfg *tls.Config)) {
	t.Helper()
	cfg := c.config.Clone()
	if change != nil {
		change(cfg)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
	r, err := client.Get("https://" + c.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("%s: %d, %v", path, r.StatusCode, err)
	}
}

// old has a client speak TLS 1.2.
func old(cfg *tls.Config) {
	cfg.MaxVersion, cfg.ClientSessionCache = tls.VersionTLS12, nil
}

// sendPlain sends text where TLS is expected, and returns the connection.
func sendPlain(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// fetch returns what a URL of the admin address has.
func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const aes128 = "TLS_AES_128_GCM_SHA256"

// TestHTTPS sees handshakes of each kind in the metrics, the access log, the messages, the trace and the counters.
func TestHTTPS(t *testing.T) {
	dir := t.TempDir()
	ca := certtest.NewCA(t, "Test CA")
	leaf := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}})
	certificate, key := leaf.WritePair(t, dir, "server")
	roots := certtest.Write(t, dir, "ca.pem", ca.PEM())
	log, trace := filepath.Join(dir, "access.log"), filepath.Join(dir, "trace.json")
	s := harness.StartServe(t, harness.Options{}, site(t), "--listen-tls", "127.0.0.1:0", "--certificate", certificate, "--key", key,
		"--client-certificates", "optional", "--client-ca", roots, "--admin", "127.0.0.1:0", "--access-log", log, "--access-log-format", "json",
		"--trace-file", trace, "--verbose")
	admin := s.Says(t, `admin at (http://\S+)`, 1)[1]
	c := newHTTPSClients(s.Says(t, `listening at https://(\S+)/`, 1)[1], ca)
	c.get(t, "/page", nil)
	c.get(t, "/page", nil) // resumed
	c.get(t, "/page", old)
	client := ca.Issue(t, certtest.Template{Name: "ali\n\"x\"", Client: true})
	c.get(t, "/page", func(cfg *tls.Config) {
		cfg.ClientSessionCache = nil
		cfg.Certificates = []tls.Certificate{{Certificate: [][]byte{client.X509.Raw}, PrivateKey: client.Key}}
	})
	get(t, s.Address, "/page")
	conn := sendPlain(t, c.address, "GET / HTTP/1.1\r\n\r\n")
	if response, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(response, []byte("HTTP/1.1 400 ")) {
		t.Errorf("over plain HTTP: %q, %v", response, err)
	}
	begun := sendPlain(t, c.address, "\x16\x03\x01\x02\x00")
	for _, line := range []string{
		`awsd_tls_handshakes_total{cipher="` + aes128 + `",resumed="false",version="TLS 1.3"} 2`,
		`awsd_tls_handshakes_total{cipher="` + aes128 + `",resumed="true",version="TLS 1.3"} 1`,
		`resumed="false",version="TLS 1.2"} 1`,
		`awsd_tls_handshake_failures_total{reason="not_tls"} 1`,
		`awsd_connections{state="CONN_HANDSHAKE"} 1`,
		fmt.Sprintf(`awsd_tls_certificate_expiry_timestamp_seconds{file="%s",name="localhost"} %v`, certificate, float64(leaf.X509.NotAfter.Unix())),
	} {
		harness.Eventually(t, patience, line, func() error {
			if text := fetch(t, admin+"metrics"); !strings.Contains(text, line+"\n") {
				return fmt.Errorf("%q", linesWith(text, "awsd_tls_"))
			}
			return nil
		})
	}
	_ = begun.Close()
	s.Says(t, `TLS handshake with 127\.0\.0\.1:\d+ failed: not_tls \(tls: first record does not look like a TLS handshake\)`, 1)
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if want := "tls handshakes: full 3, resumed 1, failed 2; broken records 0\n"; !strings.Contains(s.Output(), want) {
		t.Errorf("the counters do not say %q", want)
	}
	checkHTTPSLog(t, log)
	if text, err := os.ReadFile(trace); err != nil || strings.Count(string(text), `"X","name":"CONN_HANDSHAKE"`) < 6 {
		t.Errorf("%v, %d spans of handshakes", err, strings.Count(string(text), `"CONN_HANDSHAKE"`))
	}
}

// linesWith returns the lines of a text that begin with a prefix.
func linesWith(text, prefix string) (list []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			list = append(list, line)
		}
	}
	return list
}

// checkHTTPSLog looks at the access log of TestHTTPS.
func checkHTTPSLog(t *testing.T, log string) {
	t.Helper()
	var got []string
	for _, line := range lines(log) {
		var r struct {
			Version string `json:"tls_version"`
			Cipher  string `json:"tls_cipher"`
			Name    string `json:"tls_server_name"`
			Resumed *bool  `json:"tls_resumed"`
			Client  string `json:"tls_client"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.Resumed == nil {
			got = append(got, "plain")
			continue
		}
		if r.Version == "TLS 1.2" {
			r.Cipher = strings.TrimSuffix(r.Cipher, "_SHA256")
		}
		got = append(got, fmt.Sprintf("%s %s %s %v %s", r.Version, r.Cipher, r.Name, *r.Resumed, r.Client))
	}
	slices.Sort(got) // there are two loops
	want := []string{
		"TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM localhost false ",
		"TLS 1.3 " + aes128 + " localhost false ",
		"TLS 1.3 " + aes128 + " localhost false CN=ali\n\\\"x\\\"",
		"TLS 1.3 " + aes128 + " localhost true ",
		"plain",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the access log has\n%q, not\n%q", got, want)
	}
}

// secret is something that must not be seen.
type secret struct {
	what  string
	bytes []byte
}

// spellings returns the ways in which a program might write a secret: as it is, in both cases of hexadecimal, in base64 wherever it
// begins within three bytes, as a number, and as Go prints bytes.
func (s *secret) spellings() map[string][]byte {
	list := map[string][]byte{
		"bytes": s.bytes, "hex": []byte(hex.EncodeToString(s.bytes)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(s.bytes))),
		"number": []byte(new(big.Int).SetBytes(s.bytes).String()), "Go": []byte(strings.Trim(fmt.Sprintf("%d", s.bytes), "[]")),
	}
	for skip := range 3 {
		part := s.bytes[skip:]
		part = part[:len(part)/3*3]
		list[fmt.Sprintf("base64+%d", skip)] = []byte(base64.RawStdEncoding.EncodeToString(part))
		list[fmt.Sprintf("base64url+%d", skip)] = []byte(base64.RawURLEncoding.EncodeToString(part))
	}
	return list
}

// keySecrets returns what is secret of a private key.
func keySecrets(t *testing.T, c *certtest.Certificate) []secret {
	t.Helper()
	block, _ := pem.Decode(c.KeyPEM(t))
	list := []secret{{"the key file", block.Bytes}}
	switch key := c.Key.(type) {
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return append(list, secret{"the ECDSA key", d})
	case *rsa.PrivateKey:
		return append(list, secret{"the RSA key", key.D.Bytes()}, secret{"a prime of the RSA key", key.Primes[0].Bytes()})
	}
	return list
}

// trafficSecrets returns the secrets of a key log.
func trafficSecrets(t *testing.T, log string) (list []secret) {
	t.Helper()
	for line := range strings.Lines(log) {
		fields := strings.Fields(line)
		value, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, secret{fields[0], value})
	}
	return list
}

// leaks returns the secrets that a text has.
func leaks(text []byte, secrets []secret) (list []string) {
	for _, s := range secrets {
		for spelling, value := range s.spellings() {
			if bytes.Contains(text, value) {
				list = append(list, s.what+" as "+spelling)
			}
		}
	}
	return list
}

// TestSecretsStaySecret looks for keys and secrets in all that a server writes or lets be read, at its most talkative. Only the key log
// has any.
func TestSecretsStaySecret(t *testing.T) {
	dir := t.TempDir()
	ca := certtest.NewCA(t, "Test CA")
	ec := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}})
	rs := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}, Key: certtest.RSA})
	ecFile, ecKey := ec.WritePair(t, dir, "ec")
	rsFile, rsKey := rs.WritePair(t, dir, "rs")
	ticketKey := make([]byte, 80)
	_, _ = rand.Read(ticketKey)
	tickets := certtest.Write(t, dir, "tickets", ticketKey)
	output := t.TempDir()
	file := func(name string) string { return filepath.Join(output, name) }
	arguments := []string{
		"--listen-tls", "127.0.0.1:0", "--certificate", ecFile, "--key", ecKey, "--certificate", rsFile, "--key", rsKey,
		"--tls-ticket-keys", tickets, "--admin", "127.0.0.1:0", "--access-log", file("access.log"), "--access-log-format", "json",
		"--trace-file", file("trace.json"), "--trace", "--verbose", "--log-level", "debug", "--log-format", "json",
	}
	keyLog := filepath.Join(dir, "keys.log")
	for _, logged := range []bool{false, true} {
		if logged {
			arguments = append(arguments, "--tls-key-log", keyLog)
		}
		s := harness.StartServe(t, harness.Options{Env: []string{"GOTRACEBACK=all"}}, site(t), arguments...)
		admin := s.Says(t, `admin at (http://[^\s"]+)`, 1)[1]
		c := newHTTPSClients(s.Says(t, `listening at https://([^\s"]+)/`, 1)[1], ca)
		for _, change := range []func(*tls.Config){nil, nil, old, func(cfg *tls.Config) {
			old(cfg)
			cfg.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		}} {
			c.get(t, "/page", change)
			c.get(t, "/dynamic/m", change)
		}
		sendPlain(t, c.address, "nonsense and nonsense")
		shown := new(bytes.Buffer)
		for _, path := range []string{"", "metrics", "debug/pprof/goroutine?debug=2", "debug/pprof/heap?debug=1", "debug/pprof/allocs", "debug/pprof/cmdline"} {
			shown.WriteString(fetch(t, admin+path))
		}
		s.Signal(t, syscall.SIGABRT) // the Go runtime prints the stacks of all goroutines
		s.Wait(t)
		shown.WriteString(s.Output())
		if !strings.Contains(s.Output(), "goroutine ") {
			t.Error("there are no stacks")
		}
		if check, err := exec.Command(harness.AWS(t), append([]string{"check", dir}, arguments...)...).CombinedOutput(); err == nil {
			shown.Write(check)
		} else {
			t.Errorf("check: %v\n%s", err, check)
		}
		for _, name := range []string{"access.log", "trace.json"} {
			text, err := os.ReadFile(file(name))
			if err != nil {
				t.Fatal(err)
			}
			shown.Write(text)
		}
		traffic := trafficSecrets(t, c.keyLog.String())
		secrets := slices.Concat(keySecrets(t, ec), keySecrets(t, rs), traffic,
			[]secret{{"the ticket key", ticketKey}, {"a part of the ticket key", ticketKey[16:48]}})
		if len(traffic) < 12 {
			t.Errorf("the clients have %d secrets", len(traffic))
		}
		if list := leaks(shown.Bytes(), secrets); len(list) > 0 {
			t.Errorf("with --tls-key-log: %v: %q", logged, list)
		}
		if text, err := os.ReadFile(keyLog); logged && (err != nil || len(leaks(text, traffic)) < len(traffic)) {
			t.Errorf("the key log: %v, %d secrets of %d", err, len(leaks(text, traffic)), len(traffic))
		}
	}
}
