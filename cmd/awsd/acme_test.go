package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/command"
)

// TestCheckACME sees what aws check says of certificates by ACME. Nothing is obtained, and no storage is made.
func TestCheckACME(t *testing.T) {
	dir := t.TempDir()
	storage := "acme-storage = \"" + dir + "/acme\"\n"
	agreed := storage + "acme-agree-terms = true\n"
	key := filepath.Join(dir, "key")
	binding := agreed + "acme-key-id = \"x\"\nacme-key-file = \"" + key + "\"\n"
	const secret = "bm90IGEga2V5+"
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.WriteFile(key, []byte(secret), 0o600), os.WriteFile(open, []byte("a2V5"), 0o600), os.Chmod(open, 0o644)); err != nil {
		t.Fatal(err)
	}
	const (
		site1 = "[[site]]\nhosts = [\"a.example\", \"b.example\"]\nroot = \"/\"\ncertificate = \"acme\"\nredirect-to-https = true\n"
	)
	for _, c := range []struct {
		name, toml string
		args       []string
		status     int
		stderr     string // empty: nothing
	}{
		{"all", agreed + "acme-email = \"a@example.org\"\nlisten-tls = [\":443\"]\n" + site1, nil, command.ExitOK, ""},
		{"no storage", site1, nil, command.ExitUsage, `add acme-storage = `},
		{"no consent", storage + site1, nil, command.ExitUsage, "add acme-agree-terms = true"},
		{"half a binding", agreed + "acme-key-id = \"x\"\n" + site1, nil, command.ExitUsage, "--acme-key-id and --acme-key-file belong together"},
		{"a binding without key", strings.Replace(binding, key, "/nonexistent", 1) + site1, nil, command.ExitError, "--acme-key-file: open /nonexistent: no such file"},
		{"a binding with another key", binding + site1, nil, command.ExitError, "--acme-key-file: " + key + ": the key of the external account binding is not base64url"},
		{"a key that everybody can read", strings.Replace(binding, key, open, 1) + site1, nil, command.ExitOK, open + ": every user of the machine can read the key (0644); chmod o= " + open},
		{"a storage without parent", strings.Replace(agreed, dir, "/nonexistent", 1) + site1, nil, command.ExitError, "--acme-storage: mkdir /nonexistent/acme: no such file"},
		{"no such CA", agreed + "acme-ca = \"" + key + "\"\n" + site1, nil, command.ExitError, "--acme-ca: " + key + " has no certificate in PEM"},
		{"a directory", agreed + "acme-directory = \"http://ca\"\n" + site1, nil, command.ExitUsage, `--acme-directory: "http://ca" is not the https:// URL of an ACME directory`},
		{"an address", agreed + "acme-email = \"x\"\n" + site1, nil, command.ExitUsage, `--acme-email: "x" is not an e-mail address`},
		{"a challenge", agreed + "acme-challenge = \"dns-01\"\n" + site1, nil, command.ExitUsage, `aws.toml:3: acme-challenge: "dns-01" is none of any, http-01, tls-alpn-01`},
		{"a misspelled key", "acme-storrage = \"/x\"\n" + site1, nil, command.ExitUsage, "did you mean acme-storage?"},
		{"a wildcard", agreed + strings.Replace(site1, "b.example", "*.b.example", 1), nil, command.ExitUsage, "aws.toml:4:23: a certificate for *.b.example needs the challenge dns-01"},
		{"with a key", agreed + site1 + "key = \"/k\"\n", nil, command.ExitUsage, "aws.toml:6:1: certificate = \"acme\" goes without key and ocsp"},
		{"no site", agreed, nil, command.ExitOK, `--acme-storage does nothing, because no site has certificate = "acme"`},
		{"one site", "", []string{"--certificate=acme"}, command.ExitUsage, "--certificate acme needs to know the host names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, file := site(t, c.toml)
			status, _, stderr := runs(t, append([]string{"check", "--config", file}, c.args...)...)
			if status != c.status || c.stderr == "" && stderr != "" || !strings.Contains(stderr, c.stderr) {
				t.Errorf("status %d: %s", status, stderr)
			}
			if strings.Contains(stderr, secret) {
				t.Errorf("the key is in %s", stderr)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "acme")); err == nil {
		t.Error("check has made the storage")
	}
}
