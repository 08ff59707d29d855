package tls

import (
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"

	"aws/tests/harness"
)

// policies are the TLS policies, with the versions of each.
var policies = map[string][]string{"intermediate": {"1.2", "1.3"}, "modern": {"1.3"}}

// scan starts a server with a policy and with certificates of both kinds.
func scan(t *testing.T, policy string) *bench {
	t.Helper()
	ca := newAuthority(t)
	other := ca.issue("rsa", x509.RSA, "localhost")
	s := serveWith(t, ca, ca.issue("ecdsa", x509.ECDSA, "localhost"), newRoot(t),
		"--tls-policy", policy, "--certificate", other.cert, "--key", other.key)
	return &bench{T: t, server: s, work: t.TempDir()}
}

// TestSSLScan looks at what sslscan finds: versions, ciphers, groups and known weaknesses.
func TestSSLScan(t *testing.T) {
	harness.Tool(t, "sslscan")
	for policy, versions := range policies {
		t.Run(policy, func(t *testing.T) {
			b := scan(t, policy)
			b.must(nil, "sslscan", "--xml=found.xml", "--show-certificate", "--sni-name=localhost", b.server.tls)
			var found struct {
				Test struct {
					Protocols []struct {
						Type    string `xml:"type,attr"`
						Version string `xml:"version,attr"`
						Enabled string `xml:"enabled,attr"`
					} `xml:"protocol"`
					Renegotiation struct {
						Supported string `xml:"supported,attr"`
					} `xml:"renegotiation"`
					Compression struct {
						Supported string `xml:"supported,attr"`
					} `xml:"compression"`
					Heartbleed []struct {
						Vulnerable string `xml:"vulnerable,attr"`
					} `xml:"heartbleed"`
					Ciphers []struct {
						Version  string `xml:"sslversion,attr"`
						Name     string `xml:"cipher,attr"`
						Strength string `xml:"strength,attr"`
					} `xml:"cipher"`
					Groups []struct {
						Bits int    `xml:"bits,attr"`
						Name string `xml:"name,attr"`
					} `xml:"group"`
				} `xml:"ssltest"`
			}
			if err := xml.Unmarshal(b.read("found.xml"), &found); err != nil {
				t.Fatal(err)
			}
			enabled := map[string]bool{}
			for _, v := range versions {
				enabled["tls"+v] = true
			}
			for _, p := range found.Test.Protocols {
				if (p.Enabled == "1") != enabled[p.Type+p.Version] {
					t.Errorf("%s %s: enabled %s", p.Type, p.Version, p.Enabled)
				}
			}
			if found.Test.Renegotiation.Supported == "1" || found.Test.Compression.Supported == "1" {
				t.Error("renegotiation or compression")
			}
			for _, h := range found.Test.Heartbleed {
				if h.Vulnerable != "0" {
					t.Error("heartbleed")
				}
			}
			for _, c := range found.Test.Ciphers {
				if c.Strength != "strong" && c.Strength != "acceptable" || !enabled["tls"+c.Version[len("TLSv"):]] {
					t.Errorf("%s %s is %s", c.Version, c.Name, c.Strength)
				}
			}
			for _, g := range found.Test.Groups {
				if g.Bits < 128 {
					t.Errorf("group %s has %d bits", g.Name, g.Bits)
				}
			}
			if len(found.Test.Protocols) == 0 || len(found.Test.Ciphers) < 3 || len(found.Test.Groups) == 0 {
				t.Errorf("it has found little: %+v", found)
			}
			t.Logf("%d ciphers, %d groups", len(found.Test.Ciphers), len(found.Test.Groups))
		})
	}
}

// explained are findings of testssl.sh about what a test has of itself and not of the server.
var explained = map[string]string{
	"cert_chain_of_trust": "the CA is that of the test", "cert_revocation": "the CA has none", "cert_crlDistributionPoints": "the CA has none",
	"cert_ocspURL": "the CA has none", "cert_trust": "the address is not a name", "HSTS": "not configured", "overall_grade": "from the above",
	"cert_expirationStatus": "from the time of the test", "scanProblem": "not about the server", "cert_notAfter": "from the time of the test",
	"DNS_CAArecord": "no DNS", "engine_problem": "not about the server", "service": "not about the server",
}

// TestTestSSL has testssl.sh look for weaknesses. It takes minutes.
func TestTestSSL(t *testing.T) {
	if os.Getenv("AWS_CLIENTS") != "all" {
		t.Skip("testssl takes minutes: AWS_CLIENTS=all runs it")
	}
	program := harness.Tool(t, "testssl")
	for policy := range policies {
		t.Run(policy, func(t *testing.T) {
			b := scan(t, policy)
			b.run(nil, program, "--quiet", "--color", "0", "--warnings", "off", "-p", "-s", "-f", "-P", "-U", "-S", "--ip", "one",
				"--add-ca", b.server.ca.file, "--jsonfile", filepath.Join(b.work, "found.json"), "localhost:"+b.port())
			var found []struct{ ID, Severity, Finding string }
			if err := json.Unmarshal(b.read("found.json"), &found); err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Severity != "OK" && f.Severity != "INFO" && explained[word(f.ID)] == "" {
					t.Errorf("%s: %s: %s", f.ID, f.Severity, f.Finding)
				}
			}
			t.Logf("%d findings", len(found))
			if len(found) < 30 {
				t.Error("it has found little")
			}
		})
	}
}

// word returns an identifier without what follows a space: the number of a certificate.
func word(id string) string {
	for i := range id {
		if id[i] == ' ' {
			return id[:i]
		}
	}
	return id
}
