package mistakes

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/serveconfig"
	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"
)

// patience bounds each run of a command, on a slow and busy machine.
const patience = 2 * time.Minute

// keys are the keys of a table of a configuration, with their values as TOML has them. An empty value is one that is not set.
type keys map[string]string

// with returns the keys with others in their place.
func (k keys) with(others keys) keys {
	all := maps.Clone(k)
	maps.Copy(all, others)
	return all
}

// String returns the lines of a file.
func (k keys) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(k)) {
		if k[key] != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, k[key])
		}
	}
	return b.String()
}

// defect is a configuration with something that can't be used.
type defect struct {
	server, site keys // what differs from the right configuration
	warns        bool // the server starts, with a warning
}

// httpsScene is a directory with files for https, right ones and wrong ones. Names in it stand for paths where a value has $.
type httpsScene struct{ dir string }

func newHTTPSScene(t *testing.T) *httpsScene {
	t.Helper()
	s := &httpsScene{t.TempDir()}
	ca := certtest.NewCA(t, "root")
	ca.Issue(t, certtest.Template{Hosts: []string{"a.example"}}).WritePair(t, s.dir, "a")
	ca.Issue(t, certtest.Template{Hosts: []string{"a.example"}}).WritePair(t, s.dir, "other")
	certtest.Write(t, s.dir, "ca.pem", ca.PEM())
	for name, content := range map[string]string{
		"index.html": "index", "tickets": strings.Repeat("k", 48), "short": "k", "binding": "a2V5", "nonsense": "+nonsense+", "empty": "",
	} {
		certtest.Write(t, s.dir, name, []byte(content))
	}
	for name, mode := range map[string]os.FileMode{"open": 0o777, "readable": 0o700} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(s.dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	certtest.Write(t, filepath.Join(s.dir, "readable"), "account.key", nil)
	if err := os.Chmod(filepath.Join(s.dir, "readable", "account.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// Options of a server with https, those of certificates by ACME, and those of a site, as they are right.
var (
	rightServer = keys{
		"listen": `["127.0.0.1:0"]`, "listen-tls": `["127.0.0.1:0"]`, "tls-ticket-keys": `["$/tickets"]`, "ktls": `"off"`, "tls-key-log": `"$/key-log"`,
	}
	rightIssuer = keys{
		"acme-storage": `"$/acme"`, "acme-agree-terms": `true`, "acme-email": `"a@example.org"`, "acme-directory": `"https://127.0.0.1:1/"`,
		"acme-ca": `"$/ca.pem"`, "acme-key-id": `"id"`, "acme-key-file": `"$/binding"`, "acme-challenge": `"http-01"`,
	}
	rightSite = keys{
		"certificate": `"$/a.pem"`, "key": `"$/a.key"`, "ocsp": "", "tls-policy": `"modern"`, "client-certificates": `"optional"`, "client-ca": `"$/ca.pem"`,
		"redirect-to-https": `true`, "hsts": `"max-age=60"`,
	}
)

// httpsDefects has each option for https and for ACME, and each key for https of a site, with the values that can't be used.
var httpsDefects = map[string][]defect{
	"listen-tls":      {{server: keys{"listen-tls": `["443"]`}}, {server: keys{"listen-tls": `["unix:"]`}}},
	"tls-ticket-keys": {{server: keys{"tls-ticket-keys": `["$/short"]`}}, {server: keys{"tls-ticket-keys": `["$/absent"]`}}, {server: keys{"tls-ticket-keys": `["$/tickets", "$"]`}}},
	"ktls":            {{server: keys{"ktls": `"on"`}}},
	"tls-key-log":     {{server: keys{"tls-key-log": `"$/absent/log"`}}, {server: keys{"tls-key-log": `"$"`}}},

	"acme-storage": {
		{server: keys{"acme-storage": ""}}, {server: keys{"acme-storage": `"$/absent/acme"`}}, {server: keys{"acme-storage": `"$/short"`}},
		{server: keys{"acme-storage": `"$/open"`}}, {server: keys{"acme-storage": `"$/readable"`}}, {server: keys{"acme-storage": `"$/short/acme"`}},
	},
	"acme-agree-terms": {{server: keys{"acme-agree-terms": "false"}}, {server: keys{"acme-agree-terms": `"yes"`}}},
	"acme-email":       {{server: keys{"acme-email": `"nobody"`}}},
	"acme-directory":   {{server: keys{"acme-directory": `"http://127.0.0.1:1/"`}}, {server: keys{"acme-directory": `"ca.example"`}}},
	"acme-ca":          {{server: keys{"acme-ca": `"$/absent"`}}, {server: keys{"acme-ca": `"$/short"`}}},
	"acme-key-id":      {{server: keys{"acme-key-id": ""}}},
	"acme-key-file": {
		{server: keys{"acme-key-file": ""}}, {server: keys{"acme-key-file": `"$/absent"`}}, {server: keys{"acme-key-file": `"$/nonsense"`}},
		{server: keys{"acme-key-file": `"$/empty"`}}, {server: keys{"acme-key-file": `"$"`}},
	},
	"acme-challenge": {{server: keys{"acme-challenge": `"dns-01"`}}},

	"certificate":         {{site: keys{"certificate": ""}}, {site: keys{"certificate": `"$/absent"`}}, {site: keys{"certificate": `"$/short"`}}, {site: keys{"certificate": `"$/a.key"`}}},
	"key":                 {{site: keys{"key": ""}}, {site: keys{"key": `"$/absent"`}}, {site: keys{"key": `"$/other.key"`}}, {site: keys{"key": `["$/a.key", "$/a.key"]`}}},
	"ocsp":                {{site: keys{"ocsp": `["$/short", "$/short"]`}}, {site: keys{"ocsp": `"$/short"`}, warns: true}, {site: keys{"ocsp": `"$/absent"`}, warns: true}},
	"tls-policy":          {{site: keys{"tls-policy": `"old"`}}},
	"client-certificates": {{site: keys{"client-certificates": `"must"`}}},
	"client-ca":           {{site: keys{"client-ca": ""}}, {site: keys{"client-ca": `"$/absent"`}}, {site: keys{"client-ca": `"$/short"`}}, {site: keys{"client-ca": `"$/a.pem"`}}},
	"redirect-to-https":   {{site: keys{"redirect-to-https": `"always"`}}},
	"hsts":                {{site: keys{"hsts": `"60"`}}},
}

// TestSameVerdict has each option for https and for certificates by ACME with wrong values. `aws check` must refuse whatever `aws serve` refuses,
// with the same status and the same text, and nothing else.
func TestSameVerdict(t *testing.T) {
	for _, g := range new(serveconfig.Options).Table() {
		for _, o := range g.Options {
			if (g.Name == "HTTPS" || strings.HasPrefix(o.Name, "acme-")) && len(httpsDefects[o.Name]) == 0 {
				t.Errorf("%s has no wrong value here", o.Name)
			}
		}
	}
	s := newHTTPSScene(t)
	issuer := rightServer.with(rightIssuer)
	const acmeSite = "[[site]]\nhosts = [\"b.example\"]\nroot = \"$\"\ncertificate = \"acme\"\n"
	forms := map[string]func(d defect) string{
		"single": func(d defect) string {
			return rightServer.with(rightSite).with(d.server).with(d.site).String() + "root = \"$\"\n"
		},
		"defaults": func(d defect) string {
			return rightServer.with(d.server).String() + "[defaults]\n" + rightSite.with(d.site).String() + "[[site]]\nhosts = [\"a.example\"]\nroot = \"$\"\n"
		},
		"sites": func(d defect) string {
			return issuer.with(d.server).String() + "[[site]]\nhosts = [\"a.example\"]\nroot = \"$\"\n" + rightSite.with(d.site).String() + acmeSite
		},
	}
	for form, text := range forms {
		t.Run(form+"/right", func(t *testing.T) {
			t.Parallel()
			if status := s.sameVerdict(t, text(defect{})); status != 0 {
				t.Errorf("status %d", status)
			}
		})
		for key, list := range httpsDefects {
			if strings.HasPrefix(key, "acme-") && form != "sites" {
				continue
			}
			for i, d := range list {
				t.Run(fmt.Sprintf("%s/%s/%d", form, key, i), func(t *testing.T) {
					t.Parallel()
					if status := s.sameVerdict(t, text(d)); (status == 0) != d.warns {
						t.Errorf("status %d", status)
					}
				})
			}
		}
	}
}

// sameVerdict checks and serves a configuration, and returns the exit status of both.
func (s *httpsScene) sameVerdict(t *testing.T, toml string) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "aws.toml")
	harness.WriteFile(t, file, []byte(strings.ReplaceAll(toml, "$", s.dir)))
	checked, found := s.verdict(t, "check", file)
	served, said := s.verdict(t, "serve", file)
	if checked != served {
		t.Errorf("check has the status %d, serve %d\n%s\ncheck says\n%s\nserve says\n%s", checked, served, toml, found, said)
	}
	for line := range strings.Lines(said) {
		if !strings.Contains(found, strings.TrimPrefix(strings.TrimSuffix(strings.TrimSpace(line), " (see aws serve --help)"), "aws: ")) {
			t.Errorf("only serve says %scheck says\n%s", line, found)
		}
	}
	return served
}

// verdict runs a command, until it ends or listens, and returns its exit status and what it says that is not a matter of course.
func (s *httpsScene) verdict(t *testing.T, command, file string) (status int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, harness.AWS(t), command, "--config", file)
	var text harness.Transcript
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	harness.Eventually(t, patience, command+" ends or listens", func() error {
		select {
		case <-ended:
			return nil
		default:
		}
		if !strings.Contains(text.String(), "listening at https://") {
			return fmt.Errorf("%s", text.String())
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		return nil
	})
	var kept bytes.Buffer
	for line := range strings.Lines(text.String()) {
		if !strings.Contains(line, "running as root") && !strings.HasPrefix(line, "aws: listening at") && !strings.Contains(line, " serves ") && !strings.Contains(line, "drain") {
			kept.WriteString(line)
		}
	}
	return cmd.ProcessState.ExitCode(), kept.String()
}
