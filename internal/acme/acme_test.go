package acme

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	acmeapi "github.com/mholt/acmez/v3/acme"
)

// options returns valid ones for names, with a new storage.
func options(t *testing.T, names ...string) (Options, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	return Options{
		Names: names, AgreeTerms: true, HTTP01: true, Storage: filepath.Join(t.TempDir(), "acme"),
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}, &log
}

// TestCheck has each thing that can be wrong with options.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		says   string // empty: nothing is wrong
		change func(o *Options)
	}{
		{"", func(*Options) {}},
		{"", func(o *Options) {
			o.Email, o.Directory, o.KeyID, o.MACKey = "a@example.org", LetsEncryptStaging, "id", "a2V5"
			o.Names = []string{"localhost", "WWW.xn--bcher-kva.example", "a-1.example"}
		}},
		{"no host name", func(o *Options) { o.Names = nil }},
		{`"*.example.org": a certificate for a wildcard needs the challenge dns-01`, func(o *Options) { o.Names = append(o.Names, "*.example.org") }},
		{"is an IP address", func(o *Options) { o.Names = []string{"[2001:db8::1]"} }},
		{"is an IP address", func(o *Options) { o.Names = []string{"192.0.2.1"} }},
		{"is not a host name", func(o *Options) { o.Names = []string{"bücher.example"} }},
		{"is not a host name", func(o *Options) { o.Names = []string{"../x"} }},
		{"is not a host name", func(o *Options) { o.Names = []string{"a..example"} }},
		{"is not a host name", func(o *Options) { o.Names = []string{strings.Repeat("a", 64) + ".example"} }},
		{"is not a host name", func(o *Options) { o.Names = []string{strings.Repeat("a.", 127) + "example"} }},
		{"is not a host name", func(o *Options) { o.Names = []string{"-a.example"} }},
		{"terms of service", func(o *Options) { o.AgreeTerms = false }},
		{"no storage", func(o *Options) { o.Storage = "" }},
		{"at least one of the challenges", func(o *Options) { o.HTTP01 = false }},
		{"is not the https:// URL", func(o *Options) { o.Directory = "http://ca.example/" }},
		{"is not an e-mail address", func(o *Options) { o.Email = "A <a@example.org>" }},
		{"needs both", func(o *Options) { o.KeyID = "id" }},
		{"is not base64url", func(o *Options) { o.KeyID, o.MACKey = "id", "a+b=" }},
	} {
		o, _ := options(t, "a.example")
		c.change(&o)
		err := o.Check()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v", c.says, err)
		}
	}
}

// TestStorageModes has directories and files that are open to others.
func TestStorageModes(t *testing.T) {
	for _, c := range []struct {
		name, says string
		mode       os.FileMode
		warning    bool
		file       bool
	}{
		{"private", "", 0o700, false, false},
		{"readable", "others can see which keys are in it", 0o755, true, false},
		{"writable", "others can replace the keys in it (chmod 700", 0o770, false, false},
		{"a readable key", "others can read the key in it (chmod 600", 0o640, false, true},
	} {
		o, log := options(t, "a.example")
		if err := os.Mkdir(o.Storage, 0o700); err != nil {
			t.Fatal(err)
		}
		path := o.Storage
		if c.file {
			path = filepath.Join(o.Storage, "some.key")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		foreseen := sameAsOpen(t, o, log)
		_, err := Open(o)
		foreseen(err)
		if c.warning || c.says == "" {
			if err != nil || (log.Len() > 0) != c.warning || !strings.Contains(log.String(), c.says) {
				t.Errorf("%s: %v, %s", c.name, err, log)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// sameAsOpen inspects a storage, and returns what compares the error and the log with those of Open.
func sameAsOpen(t *testing.T, o Options, log *bytes.Buffer) func(error) {
	t.Helper()
	names := func() (list []string) {
		_ = filepath.Walk(filepath.Dir(o.Storage), func(path string, _ os.FileInfo, _ error) error {
			list = append(list, path)
			return nil
		})
		return list
	}
	before := names()
	foreseen := Inspect(o)
	if after := names(); !slices.Equal(before, after) {
		t.Errorf("inspecting has changed %v to %v", before, after)
	}
	logged := strings.Count(log.String(), "\n")
	log.Reset()
	return func(err error) {
		t.Helper()
		if fmt.Sprint(foreseen) != fmt.Sprint(err) || logged != strings.Count(log.String(), "\n") {
			t.Errorf("inspecting says %v and has %d messages, opening says %v and has\n%s", foreseen, logged, err, log)
		}
	}
}

// TestInspect sees in advance what a storage can't be used for.
func TestInspect(t *testing.T) {
	for _, c := range []struct {
		name, says string
		prepare    func(t *testing.T, o *Options) error
	}{
		{"new", "", func(*testing.T, *Options) error { return nil }},
		{"empty", "", func(_ *testing.T, o *Options) error { return os.Mkdir(o.Storage, 0o700) }},
		{"used", "", func(t *testing.T, o *Options) error {
			store(t, *o, "a.example", time.Now(), time.Now().Add(time.Hour))
			return nil
		}},
		{"without parent", "no such file", func(_ *testing.T, o *Options) error {
			o.Storage = filepath.Join(o.Storage, "a", "b")
			return nil
		}},
		{"below a file", "not a directory", func(_ *testing.T, o *Options) error {
			err := os.WriteFile(o.Storage, nil, 0o600)
			o.Storage = filepath.Join(o.Storage, "a")
			return err
		}},
		{"a part that others may write to", "others can replace the keys in it", func(t *testing.T, o *Options) error {
			store(t, *o, "a.example", time.Now(), time.Now().Add(time.Hour))
			return os.Chmod(filepath.Join(o.Storage, "challenges"), 0o777)
		}},
		{"a lock that is a directory", "is a directory", func(_ *testing.T, o *Options) error { return os.MkdirAll(filepath.Join(o.Storage, "lock"), 0o700) }},
		{"no CA file", "--acme-ca: open /nonexistent: no such file", func(_ *testing.T, o *Options) error {
			o.CAFile = "/nonexistent"
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, log := options(t, "a.example")
			if err := c.prepare(t, &o); err != nil {
				t.Fatal(err)
			}
			foreseen := sameAsOpen(t, o, log)
			_, err := Open(o)
			foreseen(err)
			if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
}

// TestNoParent has a storage whose parent is missing, and one that is a file.
func TestNoParent(t *testing.T) {
	o, _ := options(t, "a.example")
	o.Storage = filepath.Join(o.Storage, "a", "b")
	if _, err := Open(o); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Storage = file
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Error(err)
	}
}

// store puts a certificate of a name into a storage.
func store(t *testing.T, o Options, name string, from, until time.Time) {
	t.Helper()
	s, err := storageAt(o.Storage, o.directory())
	if err == nil {
		err = s.open(nil, o.Log)
	}
	if err != nil {
		t.Fatal(err)
	}
	key, content, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(until.Unix()), DNSNames: []string{name}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := s.write(s.certPath(name), content); err != nil {
		t.Fatal(err)
	}
}

// TestGetCertificate has the names of handshakes, with certificates from the storage.
func TestGetCertificate(t *testing.T) {
	o, log := options(t, "A.example", "b.example", "c.example")
	now := time.Now()
	store(t, o, "a.example", now.Add(-time.Hour), now.Add(time.Hour))
	store(t, o, "b.example", now.Add(-time.Hour), now.Add(time.Hour))
	s, err := storageAt(o.Storage, o.directory())
	if err == nil {
		err = s.open(nil, o.Log)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.certPath("b.example"), s.certPath("c.example")); err != nil { // of another name
		t.Fatal(err)
	}
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"a.example": nil, "A.EXAMPLE.": nil, "b.example": ErrNotYet, "c.example": ErrNotYet,
		"d.example": ErrUnknownName, "x.a.example": ErrUnknownName, "": ErrUnknownName, "../a.example": ErrUnknownName,
	} {
		if _, err := m.GetCertificate(&tls.ClientHelloInfo{ServerName: name}); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if !strings.Contains(log.String(), "the stored certificate for c.example can't be used") {
		t.Error(log)
	}
	expiries := m.Expiries()
	if len(expiries) != 3 || expiries[0].NotAfter.Unix() != now.Add(time.Hour).Unix() || !expiries[1].NotAfter.IsZero() {
		t.Errorf("%v", expiries)
	}
}

// TestHTTP01 has requests for a challenge that is under way.
func TestHTTP01(t *testing.T) {
	o, _ := options(t, "a.example")
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	of := acmeapi.Challenge{
		Type: acmeapi.ChallengeTypeHTTP01, Token: "tok-_1", KeyAuthorization: "tok-_1.thumb",
		Identifier: acmeapi.Identifier{Type: "dns", Value: "a.example"},
	}
	if err := m.challenges.publish(&of); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, path string
		ok         bool
	}{
		{"a.example", HTTP01Prefix + "tok-_1", true},
		{"A.example.:80", HTTP01Prefix + "tok-_1", true},
		{"b.example", HTTP01Prefix + "tok-_1", false},
		{"", HTTP01Prefix + "tok-_1", false},
		{"[a.example]:80", HTTP01Prefix + "tok-_1", false},
		{"a.example", HTTP01Prefix + "tok", false},
		{"a.example", HTTP01Prefix + "../tok-_1", false},
		{"a.example", HTTP01Prefix, false},
		{"a.example", "/tok-_1", false},
	} {
		body, ok := m.HTTP01(c.host, c.path)
		if ok != c.ok || ok && body != of.KeyAuthorization {
			t.Errorf("%s%s: %q, %v", c.host, c.path, body, ok)
		}
	}
	if err := m.challenges.withdraw(&of); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.HTTP01("a.example", HTTP01Prefix+"tok-_1"); ok {
		t.Error("the challenge goes on")
	}
	for _, token := range []string{"", "../x", "a/b", ".", "a.b", strings.Repeat("a", 201)} {
		of.Token = token
		if m.challenges.publish(&of) == nil {
			t.Errorf("%q is a token", token)
		}
	}
}

// TestTokens has a CA that sends tokens which are paths: nothing is written.
func TestTokens(t *testing.T) {
	o, _ := options(t, "a.example")
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", ".", "..", "../x", "/etc/x", "a/b", "a\x00", "a.b", strings.Repeat("a", 201)} {
		of := &acmeapi.Challenge{Type: acmeapi.ChallengeTypeHTTP01, Token: token, KeyAuthorization: "x", Identifier: acmeapi.Identifier{Value: "a.example"}}
		if err := m.challenges.publish(of); err == nil {
			t.Errorf("%q is taken", token)
		}
		if err := m.challenges.withdraw(of); err != nil {
			t.Errorf("%q: %v", token, err)
		}
	}
	if files, err := os.ReadDir(m.storage.challenges); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestFollow has a process that waits for the lock and sees the challenge of the one that has it.
func TestFollow(t *testing.T) {
	o, _ := options(t, "a.example")
	one, errOne := Open(o)
	two, errTwo := Open(o)
	if err := errors.Join(errOne, errTwo); err != nil {
		t.Fatal(err)
	}
	unlock, err := one.storage.lock(t.Context(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	of := acmeapi.Challenge{
		Type: acmeapi.ChallengeTypeTLSALPN01, Token: "t", KeyAuthorization: "t.thumb",
		Identifier: acmeapi.Identifier{Type: "dns", Value: "a.example"},
	}
	if err := one.challenges.publish(&of); err != nil {
		t.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{ServerName: "a.example", SupportedProtos: []string{Protocol}}
	ctx, cancel := context.WithCancel(t.Context())
	waited := 0
	if _, err := two.storage.lock(ctx, func() { waited++; two.challenges.follow(); cancel() }); !errors.Is(err, context.Canceled) || waited != 1 {
		t.Fatal(err, waited)
	}
	if _, err := two.GetCertificate(hello); err != nil {
		t.Error(err)
	}
	unlock()
	if unlock, err = two.storage.lock(t.Context(), func() { t.Error("the lock is held") }); err != nil {
		t.Fatal(err)
	}
	defer unlock()
	two.challenges.unfollow() // the other process was killed
	if _, err := two.GetCertificate(hello); err == nil {
		t.Error("the challenge goes on")
	}
	if left, err := os.ReadDir(o.Storage + "/challenges"); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

// TestBackoff has the waits after failed attempts.
func TestBackoff(t *testing.T) {
	for failed, want := range map[int]time.Duration{1: 5 * time.Minute, 2: 10 * time.Minute, 5: 80 * time.Minute, 7: 320 * time.Minute, 8: retryMax, 1000: retryMax} {
		if got := backoff(failed); got < want*9/10 || got > want*11/10 {
			t.Errorf("%d: %v", failed, got)
		}
	}
}

// TestFailures sees failed attempts survive a restart, and what a CA asks for be kept to.
func TestFailures(t *testing.T) {
	o, log := options(t, "a.example")
	for n := 1; n <= 4; n++ {
		m, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		c := m.certs["a.example"]
		m.schedule()
		if waits := c.due.After(time.Now()); waits != (n > restartRetries+1) || c.attempts.Failed != n-1 {
			t.Errorf("after %d attempts: due %v, failed %d", n-1, c.due, c.attempts.Failed)
		}
		failure := errors.New("two\nlines")
		if n == 4 {
			m.authority.throttle.note("90000")
			failure = acmeapi.Problem{Type: acmeapi.ProblemTypeRateLimited}
		}
		log.Reset()
		m.failed(c, failure)
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("%d lines: %s", lines, log)
		}
		if wait := time.Until(c.due); n == 4 && wait < 89000*time.Second || wait < 4*time.Minute {
			t.Errorf("attempt %d: %v", n, wait)
		}
	}
}

// TestRenewalTime has lives of certificates, in hours.
func TestRenewalTime(t *testing.T) {
	for life, want := range map[time.Duration][2]time.Duration{2160: {1360, 1440}, 144: {60, 72}} {
		from := time.Now()
		got := renewalTime(&x509.Certificate{NotBefore: from, NotAfter: from.Add(life * time.Hour)}).Sub(from)
		if got < want[0]*time.Hour || got > want[1]*time.Hour {
			t.Errorf("%v: %v", life, got)
		}
	}
}

// TestKept sees an older certificate in the storage not replace the one in use.
func TestKept(t *testing.T) {
	o, _ := options(t, "a.example")
	now := time.Now()
	store(t, o, "a.example", now.Add(-time.Hour), now.Add(2*time.Hour))
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	c := m.certs["a.example"]
	first := c.current.Load()
	store(t, o, "a.example", now.Add(-time.Hour), now.Add(time.Hour))
	if err := m.load(c); err != nil || c.current.Load() != first {
		t.Error("an older one is in use", err)
	}
	store(t, o, "a.example", now.Add(-time.Hour), now.Add(3*time.Hour))
	if err := m.load(c); err != nil || c.current.Load() == first {
		t.Error("the newer one is not in use", err)
	}
}
