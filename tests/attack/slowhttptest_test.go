package attack

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// attackSeconds is how long an attack lasts.
func attackSeconds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ATTACK_SECONDS")
	if text == "" {
		return 4
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 1 || seconds > 40 {
		t.Fatalf("ATTACK_SECONDS=%s: it must be from 1 to 40", text)
	}
	return seconds
}

// slowhttptest returns the tool's path, having it installed if it is missing and that can be done.
func slowhttptest(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("slowhttptest"); err != nil && os.Geteuid() == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		if output, err := exec.CommandContext(ctx, "apt-get", "install", "-y", "--no-install-recommends", "slowhttptest").CombinedOutput(); err != nil {
			t.Logf("apt-get: %v\n%s", err, output)
		}
	}
	return harness.Tool(t, "slowhttptest")
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestSlowHTTPTest runs slowhttptest in each of its modes that is about a file server.
func TestSlowHTTPTest(t *testing.T) {
	tool := slowhttptest(t)
	seconds := attackSeconds(t)
	site := harness.NewSite(t)
	for _, kind := range []struct {
		name string
		path string
		args []string
	}{
		{name: "slow headers", path: "static/small", args: []string{"-H", "-i", "2", "-x", "24"}},
		{name: "slow read of a static file", path: "static/huge", args: []string{"-X", "-w", "64", "-y", "512", "-n", "2", "-z", "32"}},
		{name: "slow read of a dynamic file", path: "dynamic/huge", args: []string{"-X", "-w", "64", "-y", "512", "-n", "2", "-z", "32"}},
		{name: "ranges", path: "static/huge", args: []string{"-R", "-a", "10", "-b", "3000"}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for _, mode := range modes {
				t.Run(mode, func(t *testing.T) {
					t.Parallel() // they wait most of the time
					server := start(t, mode, site.Root)
					args := append([]string{
						"-c", "900", "-r", "300", "-l", strconv.Itoa(seconds), "-p", "3", "-u", "http://" + server.Address + "/" + kind.path,
					}, kind.args...)
					verdict := ""
					during(t, server, site, t.Name(), func() {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds+40)*time.Second)
						defer cancel()
						output, err := exec.CommandContext(ctx, tool, args...).CombinedOutput()
						if err != nil {
							t.Errorf("slowhttptest %s: %v\n%s", strings.Join(args, " "), err, output)
						}
						verdict = escapes.ReplaceAllString(string(output), "")
					})
					final := lastReport(verdict)
					t.Logf("verdict: %s", final)
					if strings.Contains(lines(verdict, "service available"), "NO") {
						t.Errorf("the tool found the service unavailable:\n%s", verdict)
					}
					t.Log(lines(stop(t, server), "expired"))
				})
			}
		})
	}
}

// lastReport returns what the tool has said last about its connections and the service.
func lastReport(output string) string {
	words := map[string]string{}
	var order []string
	for line := range strings.Lines(output) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		switch name = strings.TrimSpace(name); name {
		case "initializing", "pending", "connected", "error", "closed", "service available", "Exit status":
			if !ok {
				continue
			}
			if _, known := words[name]; !known {
				order = append(order, name)
			}
			words[name] = strings.TrimSpace(value)
		}
	}
	var parts []string
	for _, name := range order {
		parts = append(parts, name+" "+words[name])
	}
	return strings.Join(parts, ", ")
}
