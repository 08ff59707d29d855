package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/internal/command"
	"aws/internal/tlsconfig/certtest"
)

// TestCheckCertificates sees certificates listed, all problems and warnings of them, and what --explain says of https.
func TestCheckCertificates(t *testing.T) {
	dir, ca := t.TempDir(), certtest.NewCA(t, "root")
	end := time.Now().Add(60 * 24 * time.Hour)
	cert, key := ca.Issue(t, certtest.Template{Hosts: []string{"a.example", "*.a.example"}, NotAfter: end}).WritePair(t, dir, "a")
	old, oldKey := ca.Issue(t, certtest.Template{Hosts: []string{"b.example"}, NotBefore: end.Add(-99 * 24 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}).WritePair(t, dir, "b")
	const more = "root = \"/\"\n"
	toml := "listen-tls = [\":443\"]\n[[site]]\nhosts = [\"a.example\", \"*.a.example\"]\ncertificate = \"" + cert + "\"\nkey = \"" + key + "\"\nredirect-to-https = true\nhsts = \"max-age=60\"\n" + more
	second := "[[site]]\nhosts = [\"b.example\", \"c.example\"]\ncertificate = \"" + old + "\"\nkey = \"" + oldKey + "\"\n" + more
	for _, c := range []struct {
		name, toml     string
		args           []string
		status         int
		stdout, stderr []string
	}{
		{"certificates", toml, nil, command.ExitOK, []string{"# certificate " + cert + ": a.example, *.a.example\n#   ECDSA P-256, issued by CN=root, expires on " + end.UTC().Format("2006-01-02"), `listen-tls = [":443"] `}, nil},
		{"warnings", toml + second, nil, command.ExitOK, nil, []string{old + ": the certificate has expired", old + ": no certificate covers the host c.example"}},
		{
			"problems", "tls-ticket-keys = \"" + cert + "\"\n" + strings.ReplaceAll(toml+second, ".key", ".pem"), nil, command.ExitError, nil,
			[]string{"aws.toml:5:1: certificate: " + cert + " has no private key", "aws.toml:12:1: certificate: " + old + " has no private key", "--tls-ticket-keys: " + cert + " has", "and a session ticket key has 48 or 80 random bytes"},
		},
		{"flags with sites", toml, []string{"--certificate=/a"}, command.ExitUsage, nil, []string{"certificate (flag --certificate) is for a server with a single site", "write certificate in [[site]]"}},
		{"a policy", toml + "tls-policy = \"moderm\"\n", nil, command.ExitUsage, nil, []string{"aws.toml:9:1: tls-policy: \"moderm\" is none of intermediate, modern; did you mean modern?"}},
		{"an option of the server", toml + "listen-tls = \":1\"\n", nil, command.ExitUsage, nil, []string{"it is an option of the server"}},
		{"shared", "listen-tls = [\":443\"]\n[defaults]\ncertificate = \"" + cert + "\"\nkey = \"" + key + "\"\nhsts = \"max-age=9\"\n[[site]]\nhosts = [\"a.example\"]\n" + more + "[[site]]\nhosts = [\"x.a.example\"]\nhsts = \"\"\n" + more, nil, command.ExitOK, []string{
			"# site a.example (aws.toml:6): a.example\n#   certificate: " + cert + " (aws.toml:3)\n#   key: " + key + " (aws.toml:4)\n#   hsts: \"max-age=9\" (aws.toml:5)\n#   route / (aws.toml:6)",
			"# site x.a.example (aws.toml:9): x.a.example\n#   certificate: " + cert + " (aws.toml:3)\n#   key: " + key + " (aws.toml:4)\n#   hsts: \"\" (aws.toml:11)\n#   route / (aws.toml:9)",
		}, nil},
		{"shared and explained", "listen-tls = [\":443\"]\n[defaults]\ncertificate = \"" + cert + "\"\nkey = \"" + key + "\"\nhsts = \"max-age=9\"\n[[site]]\nhosts = [\"a.example\"]\n" + more, []string{"--explain", "https://a.example/"}, command.ExitOK, []string{"hsts: \"max-age=9\" (aws.toml:5)\n", "Strict-Transport-Security: max-age=9"}, nil},
		{"no certificate", "listen-tls = [\":443\"]\n[[site]]\nhosts = [\"a.example\"]\n" + more, nil, command.ExitUsage, nil, []string{"--listen-tls needs a certificate; add certificate = \"/etc/aws/example.org.pem\" to a [[site]] or to [defaults] (listen-tls comes from "}},
		{"https", toml, []string{"--explain", "https://x.a.example/"}, command.ExitOK, []string{"certificate: " + cert + ", of the site a.example\nsite: a.example", "Strict-Transport-Security: max-age=60"}, nil},
		{"an unknown name", toml, []string{"--explain", "https://b.example/"}, command.ExitOK, []string{"the host b.example, and there is no default site: alert unrecognized_name"}, nil},
		{"http", toml, []string{"--explain", "http://a.example:80/x"}, command.ExitOK, []string{"HTTP/1.1 308 Permanent Redirect", "Location: https://a.example/x"}, nil},
		{"http to another port", strings.Replace(toml, ":443", ":8443", 1), []string{"--explain", "http://a.example:8080/x"}, command.ExitOK, []string{"Location: https://a.example:8443/x"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, file := site(t, c.toml)
			status, out, stderr := runs(t, append([]string{"check", "--config", file}, c.args...)...)
			out = strings.ReplaceAll(out, file, "aws.toml")
			if status != c.status || c.stderr == nil && stderr != "" {
				t.Errorf("status %d, want %d: %s", status, c.status, stderr)
			}
			for _, want := range c.stdout {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			for _, want := range c.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in\n%s", want, stderr)
				}
			}
		})
	}
}

// TestHTTPSEffects sees flags for https that do not fit together, or do nothing.
func TestHTTPSEffects(t *testing.T) {
	dir, root, ca := t.TempDir(), t.TempDir(), certtest.NewCA(t, "root")
	cert, key := ca.Issue(t, certtest.Template{Hosts: []string{"a.example"}}).WritePair(t, dir, "a")
	roots := certtest.Write(t, dir, "ca.pem", ca.PEM())
	pair := []string{"--certificate", cert, "--key", key}
	for _, c := range []struct {
		args []string
		exit int
		says string // on the standard error; empty: nothing
	}{
		{pair, 0, ""},
		{append(pair, "--listen-tls=:443", "--redirect-to-https", "--hsts=max-age=1", "--tls-policy=modern", "--tls-key-log="+filepath.Join(dir, "log")), 0, "log gets the secrets of all TLS connections"},
		{append(pair, "--tls-key-log="+filepath.Join(dir, "absent", "log")), 1, "--tls-key-log: open " + filepath.Join(dir, "absent", "log") + ": no such file"},
		{append(pair, "--tls-key-log="+dir), 1, "--tls-key-log: open " + dir + ": is a directory"},
		{append(pair, "--client-certificates=required", "--client-ca="+roots), 0, ""},
		{append(pair, "--client-certificates=required"), 2, "--client-certificates needs --client-ca"},
		{append(pair, "--client-ca="+roots), 0, "--client-ca does nothing without --client-certificates"},
		{append(pair, "--client-certificates=optional", "--client-ca="+key), 1, "--client-ca: " + key + " has no certificate"},
		{append(pair, "--key", key), 2, "--key names 2 files"},
		{append(pair, "--ocsp", key, "--ocsp", key), 2, "--ocsp names 2 files"},
		{append(pair, "--ocsp", key), 0, "it is not stapled"},
		{append(pair, "--hsts=1"), 2, "--hsts \"1\" needs max-age"},
		{append(pair, "--tls-policy=old"), 2, "tls-policy"},
		{append(pair, "--listen-tls=443"), 2, "--listen-tls: address"},
		{[]string{"--listen-tls=:443"}, 2, "--listen-tls needs a certificate"},
		{[]string{"--hsts=max-age=1"}, 0, "--hsts does nothing without --certificate"},
		{[]string{"--redirect-to-https"}, 0, "--redirect-to-https does nothing without --certificate"},
		{[]string{"--certificate", cert}, 1, "has no private key"},
		{[]string{"--certificate", "/nonexistent"}, 1, "--certificate: /nonexistent: no such file"},
	} {
		status, _, stderr := runs(t, append([]string{"check", root}, c.args...)...)
		if status != c.exit || (c.says == "") != (stderr == "") || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: status %d, %q; want %d, %q", c.args, status, stderr, c.exit, c.says)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "log")); err == nil {
		t.Error("check has made the key log")
	}
}
