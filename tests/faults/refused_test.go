package faults

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

// refuser builds tests/refuse and returns what to run a server under for system calls to be refused. It skips the test
// on a machine without seccomp filters.
func refuser(t *testing.T, rules string) []string {
	t.Helper()
	directory := t.TempDir()
	makeCommand := exec.Command(harness.Tool(t, "make"), "-s", "-C", filepath.Join(harness.Root(t), "tests", "refuse"), "BUILD="+directory)
	if output, err := makeCommand.CombinedOutput(); err != nil {
		t.Fatalf("building tests/refuse: %v\n%s", err, output)
	}
	wrap := []string{filepath.Join(directory, "refuse"), rules, "--"}
	probe := exec.Command(wrap[0], append(wrap[1:], harness.Tool(t, "true"))...)
	output, err := probe.CombinedOutput()
	if probe.ProcessState != nil && probe.ProcessState.ExitCode() == unavailable {
		t.Skipf("%s", output)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return wrap
}

// TestRefused runs the server where openat2, statx or cachestat is refused, as by older seccomp profiles (EPERM) or kernels
// (ENOSYS). All is served as ever, and one message says at the start what is missing.
func TestRefused(t *testing.T) {
	site := harness.NewSite(t)
	site.Add(t, "static/deep/er/file", harness.Content(5000, 7))
	for name, target := range map[string]string{"static/inside": "deep/er/file", "static/outside": "/etc/hostname", "dynamic/up": "../static/small"} {
		if err := os.Symlink(target, filepath.Join(site.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		rules   string
		missing []string
	}{
		{"openat2=EPERM", []string{"openat2 (operation not permitted)"}},
		{"openat2=ENOSYS", []string{"openat2 (function not implemented)"}},
		{"statx=EPERM", []string{"statx (operation not permitted)"}},
		{"statx=ENOSYS", []string{"statx (function not implemented)"}},
		{"openat2=EPERM,statx=EPERM", []string{"openat2 (operation not permitted)", "statx (operation not permitted)"}},
		{"openat2=ENOSYS,statx=ENOSYS", []string{"openat2 (function not implemented)", "statx (function not implemented)"}},
		{"cachestat=ENOSYS", []string{"aws: not available here: cachestat (function not implemented); so reads"}}, // not a warning
	} {
		t.Run(tc.rules, func(t *testing.T) {
			wrap := refuser(t, tc.rules)
			onModes(t, func(t *testing.T, mode string) {
				var args []string
				if mode == "serve" {
					args = []string{"--list"}
				}
				server := start(t, mode, site.Root, harness.Options{Wrap: wrap}, args...)
				l := load(server, mode, site, 8)
				l.Paths = append(l.Paths, "static/deep/er/file")
				got := l.Run(200)
				row(t, tc.rules, got)
				got.Check(t, false)
				statuses := map[string]int{
					"/static/inside": 200, "/static/outside": 404, "/static/none": 404, "/static/small/none": 404,
				}
				if mode == "serve" {
					statuses["/static/"], statuses["/dynamic/"], statuses["/static/deep"] = 200, 200, 301
				} else {
					statuses["/dynamic/up"] = 200
				}
				client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				for path, want := range statuses {
					response, err := client.Get("http://" + server.Address + path)
					if err != nil {
						t.Fatal(err)
					}
					_ = response.Body.Close()
					if response.StatusCode != want {
						t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
					}
				}
				output := stop(t, server)
				if n := strings.Count(output, "not available here"); n != 1 {
					t.Errorf("%d messages", n)
				}
				for _, call := range tc.missing {
					if !strings.Contains(output, call) {
						t.Errorf("no %q in the message", call)
					}
				}
			})
		})
	}
	t.Run("nothing", func(t *testing.T) {
		server := start(t, "dropin", site.Root, harness.Options{})
		if output := stop(t, server); strings.Contains(output, "not available here") {
			t.Error(fmt.Sprint("a message although nothing is refused:\n", output))
		}
	})
}
