package h2spec

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// excused is the case that does not apply to a listener which speaks HTTP/1.1 besides: what does not begin with the preface of HTTP/2 is a request of
// HTTP/1.1, and gets 400.
const excused = "Sends invalid connection preface"

// TestConformance runs every case, the strict ones included, over TLS and without.
func TestConformance(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte(strings.Repeat("content ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	server := harness.StartHTTPS(t, harness.Options{}, root, "--h2c")
	for name, address := range map[string]string{"https": server.Address, "h2c": server.Plain} {
		t.Run(name, func(t *testing.T) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			number, err := strconv.Atoi(port)
			if err != nil {
				t.Fatal(err)
			}
			cfg := &config.Config{
				Host: host, Port: number, Path: "/", Timeout: 5 * time.Second, MaxHeaderLen: 4000, Strict: true, TLS: name == "https", Insecure: true,
			}
			run, failed := 0, 0
			for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
				group.Test(cfg)
				each(group, func(c *spec.TestCase) {
					run++
					if c.Result != nil && !c.Result.Failed && !c.Result.Skipped || c.Desc == excused && !cfg.TLS {
						return
					}
					failed++
					why := "it was not run"
					if c.Result != nil && c.Result.Error != nil {
						why = c.Result.Error.Error()
					}
					t.Errorf("%s, %s: %s", c.Parent.Title(), c.Desc, why)
				})
			}
			const cases = 146
			if run != cases {
				t.Errorf("%d cases, want %d", run, cases)
			}
			t.Logf("%d of %d cases passed", run-failed, run)
		})
	}
}

// each calls f for every case of a group.
func each(group *spec.TestGroup, f func(c *spec.TestCase)) {
	for _, c := range append(group.Tests, group.StrictTests...) {
		f(c)
	}
	for _, g := range group.Groups {
		each(g, f)
	}
}
