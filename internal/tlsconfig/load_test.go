package tlsconfig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
)

// load makes a store with one site, and returns what is said about its files.
func load(hosts []string, p Pair) string {
	s, warnings, err := New(Settings{Sites: []Site{{Hosts: hosts, Pairs: []Pair{p}}}})
	if err != nil {
		return "error: " + err.Error()
	}
	_ = s.Close()
	if len(warnings) > 0 {
		return "warning: " + strings.Join(warnings, "\n")
	}
	return ""
}

// TestForms sees the forms in which certificates and keys are read.
func TestForms(t *testing.T) {
	dir, root := t.TempDir(), certtest.NewCA(t, "root")
	ca := root.Issue(t, certtest.Template{Name: "intermediate", CA: true})
	for name, kind := range map[string]certtest.KeyType{"ecdsa": certtest.ECDSA, "rsa": certtest.RSA} {
		c := ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}, Key: kind})
		parameters := []byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")
		write := func(file string, parts ...[]byte) string { return certtest.Write(t, dir, name+"."+file, parts...) }
		for _, p := range []Pair{
			{Certificate: write("pem", c.Chain()), Key: write("key", c.KeyPEM(t))},
			{Certificate: write("pem", c.Chain()), Key: write("old", parameters, c.OldKeyPEM(t))},
			{Certificate: write("one", c.Chain(), c.KeyPEM(t))},
			{Certificate: write("first", c.KeyPEM(t), []byte("a comment\n"), c.Chain())},
			{Certificate: write("root", c.Chain(), root.PEM(), c.OldKeyPEM(t))},
		} {
			if text := load([]string{"a.test"}, p); text != "" {
				t.Errorf("%+v: %s", p, text)
			}
			if loaded, _, err := loadPair(p, time.Now()); err != nil || len(loaded.plain.Certificate) < 2 {
				t.Errorf("%+v: the chain is not whole: %v", p, err)
			}
		}
	}
}

// TestDefects sees what is refused, and what is a warning.
func TestDefects(t *testing.T) {
	dir, root := t.TempDir(), certtest.NewCA(t, "root")
	ca := root.Issue(t, certtest.Template{Name: "intermediate", CA: true})
	issue := func(from certtest.Template) *certtest.Certificate {
		if from.Hosts == nil {
			from.Hosts = []string{"a.test"}
		}
		return ca.Issue(t, from)
	}
	good, now := issue(certtest.Template{Name: "good"}), time.Now()
	write := func(name string, parts ...[]byte) string { return certtest.Write(t, dir, name, parts...) }
	certificate, key := good.WritePair(t, dir, "good")
	at := func(c *certtest.Certificate) Pair {
		file, key := c.WritePair(t, dir, c.X509.SerialNumber.String())
		return Pair{Certificate: file, Key: key}
	}
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	oldEncrypted := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte{1}})
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		pair Pair
		want []string
	}{
		{Pair{Certificate: filepath.Join(dir, "missing")}, []string{"error: ", "missing: no such file"}},
		{Pair{Certificate: dangling}, []string{"error: ", "symbolic link to nowhere"}},
		{Pair{Certificate: dir}, []string{"error: ", "is a directory"}},
		{Pair{Certificate: write("empty")}, []string{"error: ", "empty is empty"}},
		{Pair{Certificate: write("text", []byte("hello"))}, []string{"error: ", "has no PEM block"}},
		{Pair{Certificate: write("der", good.X509.Raw)}, []string{"error: ", "DER", "openssl x509 -inform DER"}},
		{Pair{Certificate: key, Key: key}, []string{"error: ", "its blocks are PRIVATE KEY"}},
		{Pair{Certificate: certificate, Key: certificate}, []string{"error: ", "has no private key", "its blocks are CERTIFICATE"}},
		{Pair{Certificate: certificate}, []string{"error: ", "has no private key"}},
		{Pair{Certificate: write("bad", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))}, []string{"error: ", "certificate 1 is malformed"}},
		{Pair{Certificate: certificate, Key: write("badkey", []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))}, []string{"error: ", "private key is malformed"}},
		{Pair{Certificate: certificate, Key: write("dsa", []byte("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n"))}, []string{"error: ", "DSA PRIVATE KEY"}},
		{Pair{Certificate: certificate, Key: write("enc", encrypted)}, []string{"error: ", "encrypted", "openssl pkey -in "}},
		{Pair{Certificate: certificate, Key: write("oldenc", oldEncrypted)}, []string{"error: ", "encrypted", "openssl pkey -in "}},
		{Pair{Certificate: certificate, Key: write("other", issue(certtest.Template{}).KeyPEM(t))}, []string{"error: ", "is not that of the certificate", "CN=good"}},
		{Pair{Certificate: write("reversed", ca.PEM(), good.PEM()), Key: key}, []string{"error: ", "out of order", "number 2"}},
		{at(issue(certtest.Template{Key: certtest.RSAWeak})), []string{"error: ", "1024 bits"}},
		{Pair{Certificate: write("disordered", good.PEM(), root.PEM(), ca.PEM()), Key: key}, []string{"warning: ", "out of order", "certificate 2 (CN=root)"}},
		{at(issue(certtest.Template{NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour)})), []string{"warning: ", "has expired"}},
		{at(issue(certtest.Template{NotBefore: now.Add(time.Hour)})), []string{"warning: ", "not valid before"}},
		{at(issue(certtest.Template{NotBefore: now.Add(-80 * 24 * time.Hour)})), []string{"warning: ", "in 9 days"}},
		{at(issue(certtest.Template{NotBefore: now.Add(-3 * 24 * time.Hour), NotAfter: now.Add(3 * 24 * time.Hour)})), nil},
		{at(issue(certtest.Template{NotBefore: now.Add(-5 * 24 * time.Hour), NotAfter: now.Add(25 * time.Hour)})), []string{"warning: ", "in 1 days"}},
		{at(issue(certtest.Template{Hosts: []string{"b.test"}})), []string{"warning: ", "no certificate covers the host a.test"}},
		{at(issue(certtest.Template{Hosts: []string{}})), []string{"warning: ", "subjectAltName"}},
		{Pair{Certificate: write("alone", issue(certtest.Template{}).PEM())}, []string{"error: ", "private key"}},
		{Pair{Certificate: certificate, Key: key}, nil},
	} {
		text := load([]string{"a.test"}, c.pair)
		if c.want == nil && text != "" {
			t.Errorf("case %d: %s", i, text)
		}
		for _, part := range c.want {
			if !strings.Contains(text, part) {
				t.Errorf("case %d: %q lacks %q", i, text, part)
			}
		}
	}
	if err := checkStrength(Pair{Certificate: "a"}, p224); err == nil || !strings.Contains(err.Error(), "P-224") {
		t.Errorf("P-224: %v", err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if text := load([]string{"a.test"}, Pair{Certificate: certificate, Key: key}); !strings.HasPrefix(text, "warning: ") || !strings.Contains(text, "every user") {
		t.Errorf("a key that everybody can read: %q", text)
	}
}

// TestIncompleteChain sees that the missing issuer of a public certificate is noticed, and that of a private one is not.
func TestIncompleteChain(t *testing.T) {
	root := certtest.NewCA(t, "root")
	for url, want := range map[string]bool{"": false, "http://ca.test/issuer": true} {
		c := root.Issue(t, certtest.Template{Hosts: []string{"a.test"}, IssuerURL: url})
		text := strings.Join(inspectChain("a.pem", []*x509.Certificate{c.X509}, time.Now()), "\n")
		if strings.Contains(text, "incomplete") != want {
			t.Errorf("issuer %q: %q", url, text)
		}
	}
	sha1 := *root.Issue(t, certtest.Template{Name: "old", Hosts: []string{"a.test"}}).X509
	sha1.SignatureAlgorithm = x509.SHA1WithRSA
	if text := strings.Join(inspectChain("a.pem", []*x509.Certificate{&sha1}, time.Now()), "\n"); !strings.Contains(text, "SHA1-RSA") {
		t.Errorf("a signature with SHA-1: %q", text)
	}
}

// TestClientRoots sees which files of CA certificates are refused.
func TestClientRoots(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	leaf := ca.Issue(t, certtest.Template{Name: "leaf", Hosts: []string{"a.test"}})
	p := pair(t, leaf, dir, "a")
	old := certtest.NewCA(t, "old")
	for _, c := range []struct {
		content []byte
		want    string
	}{
		{leaf.PEM(), "CN=leaf) is not that of a CA"},
		{nil, "is empty"},
		{append(ca.PEM(), old.PEM()...), ""},
	} {
		s, _, err := New(Settings{Sites: []Site{{
			Hosts: []string{"a.test"}, Pairs: []Pair{p}, ClientAuth: ClientAuthRequired, ClientRoots: certtest.Write(t, dir, "roots", c.content),
		}}})
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v", c.want, err)
		case err == nil:
			_ = s.Close()
		}
	}
}

// TestAllErrors sees that the error has the problems of all sites, and each once.
func TestAllErrors(t *testing.T) {
	site := func(file string) Site {
		return Site{Hosts: []string{file + ".test"}, Pairs: []Pair{{Certificate: "/nonexistent/" + file}}}
	}
	_, _, err := New(Settings{Sites: []Site{site("a"), site("b"), site("a")}, TicketKeys: []string{"/nonexistent/c"}})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("the error: %v", err)
	}
}

// TestDescription sees what is said about the certificates, and which files are read again.
func TestDescription(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	soon := time.Now().Add(40 * 24 * time.Hour).Truncate(time.Second).UTC()
	a := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test", "192.0.2.1"}, Key: certtest.RSA}), dir, "a")
	b := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"b.test"}, NotAfter: soon}), dir, "b")
	settings := Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{a}}, {Hosts: []string{"b.test"}, Pairs: []Pair{b, a}}}}
	s := open(t, settings)
	list := s.Certificates()
	if len(list) != 2 || list[0].Key != "RSA 2048" || strings.Join(list[0].Names, " ") != "a.test 192.0.2.1" || list[1].Key != "ECDSA P-256" || list[1].Issuer != "CN=root" {
		t.Errorf("certificates %+v", list)
	}
	if end := s.EarliestExpiry(); !end.Equal(soon) {
		t.Errorf("the first certificate expires on %v, want %v", end, soon)
	}
	if files := settings.Files(); len(files) != 4 {
		t.Errorf("files %v", files)
	}
}

// manyCertificates is how many certificates the tests of the choice have.
const manyCertificates = 10000

// manyStore returns a store with many certificates that share a key and files in memory.
func manyStore(t testing.TB, sites int) *Store {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	first := ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}})
	s := open(t, Settings{})
	n := &snapshot{sites: newHostIndex[*site](), certificates: map[Pair]*certificate{}, groups: map[string]*group{}}
	g := &group{name: "many", config: PolicyIntermediate.config()}
	n.groups[g.name] = g
	perSite := manyCertificates / sites
	for i := range sites {
		var list []*certificate
		for j := range perSite {
			leaf := *first.X509
			leaf.DNSNames = []string{fmt.Sprintf("n%d.test", i*perSite+j), fmt.Sprintf("*.w%d.test", i*perSite+j)}
			list = append(list, &certificate{plain: tls.Certificate{Certificate: [][]byte{first.X509.Raw}, PrivateKey: first.Key, Leaf: &leaf}})
		}
		at := &site{name: fmt.Sprint(i), certificates: newCertificateIndex(list), group: g}
		for _, c := range list {
			for _, host := range c.leaf().DNSNames {
				values, key := n.sites.slot(host)
				values[key] = at
			}
		}
		n.fallback = at
	}
	s.publish(n)
	return s
}

// TestManyCertificates sees the right certificate among many.
func TestManyCertificates(t *testing.T) {
	for _, sites := range []int{1, manyCertificates} {
		s := manyStore(t, sites)
		for _, name := range []string{"n0.test", "n9999.test", "x.w4711.test"} {
			c := s.configFor(s.current.Load(), &tls.ClientHelloInfo{ServerName: name}, nil)
			got, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
			want := strings.Replace(name, "x.", "*.", 1)
			if err != nil || !strings.Contains(strings.Join(got.Leaf.DNSNames, " "), want) {
				t.Errorf("%d sites, %s: %v, %v", sites, name, got.Leaf.DNSNames, err)
			}
		}
	}
}

// BenchmarkChoose measures the choice of the configuration and the certificate, which is done for each handshake.
func BenchmarkChoose(b *testing.B) {
	for _, sites := range []int{1, manyCertificates} {
		s := manyStore(b, sites)
		for _, name := range []string{"n9999.test", "x.w4711.test", "unknown.example"} {
			b.Run(fmt.Sprintf("%d_sites/%s", sites, name), func(b *testing.B) {
				hello := &tls.ClientHelloInfo{ServerName: name}
				for b.Loop() {
					c, err := s.ConfigFor(nil).GetConfigForClient(hello)
					if err != nil {
						b.Fatal(err)
					}
					if got, err := c.GetCertificate(hello); got == nil || err != nil {
						b.Fatal(got, err)
					}
				}
			})
		}
	}
}

// FuzzLoad sees that no content of a file ends the process, and that an error names the file.
func FuzzLoad(f *testing.F) {
	ca := certtest.NewCA(f, "root")
	c := ca.Issue(f, certtest.Template{Hosts: []string{"a.test"}})
	f.Add(append(c.Chain(), c.KeyPEM(f)...))
	f.Add(c.X509.Raw)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add(bytes.Repeat([]byte("-"), 64))
	f.Fuzz(func(t *testing.T, content []byte) {
		chain, err := parseChain("a.pem", content)
		if err != nil && !strings.Contains(err.Error(), "a.pem") || err == nil && len(chain) == 0 {
			t.Errorf("%d certificates, %v", len(chain), err)
		}
		key, err := findKey("a.pem", content)
		if err != nil && !strings.Contains(err.Error(), "a.pem") || err == nil && key == nil {
			t.Errorf("key %v, %v", key, err)
		}
		if len(chain) > 0 && key != nil {
			inspectChain("a.pem", chain, time.Unix(0, 0))
			_ = checkKey(Pair{Certificate: "a.pem"}, chain, key)
		}
	})
}
