package http2

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"aws/tests/harness"
)

// peerCases are what testdata/peer.py does, and the files that come of it. A file with a "!" behind it is the status of a response whose content does not matter.
var peerCases = map[string]string{
	"files":       "small large dynamic/large empty small large dynamic/large empty",
	"interleaved": strings.TrimSpace(strings.Repeat("large dynamic/large page small ", 2)),
	"windows":     "large",
	"settings":    "large page small small",
	"reset":       "large large large large large",
	"content":     "405! small",
	"ping":        "large",
	"priorities":  "page large large large",
	"unknown":     "small GOAWAY",
}

// TestPythonPeer serves a client that was made by others, frame by frame: testdata/peer.py.
func TestPythonPeer(t *testing.T) {
	python := "/usr/bin/python3" // that of the package, before one that somebody has added
	if err := exec.Command(python, "-c", "import h2").Run(); err != nil {
		t.Skip("python3-h2 is not installed")
	}
	s := serve(t, newRoot(t))
	both(t, func(t *testing.T, secure bool) {
		address, mode := s.Plain, "plain"
		if secure {
			address, mode = s.Address, "tls"
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for line := range strings.Lines(run(t, python, "testdata/peer.py", host, port, mode)) {
			var c struct {
				Case    string
				Outcome json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			seen++
			var outcomes []json.RawMessage
			want := strings.Fields(peerCases[c.Case])
			if err := json.Unmarshal(c.Outcome, &outcomes); err != nil || len(outcomes) != len(want) {
				t.Errorf("%s: %s, want %v", c.Case, c.Outcome, want)
				continue
			}
			for i, o := range outcomes {
				if !strings.HasPrefix(string(o), peerOutcome(want[i])) {
					t.Errorf("%s, outcome %d: %s, want that of %s", c.Case, i, o, want[i])
				}
			}
		}
		if seen != len(peerCases) {
			t.Errorf("%d cases", seen)
		}
	})
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// peerOutcome returns how the text of an outcome begins.
func peerOutcome(want string) string {
	if status, ok := strings.CutSuffix(want, "!"); ok {
		return `["` + status + `", `
	}
	if want == "GOAWAY" {
		return `["GOAWAY", 1, ` // PROTOCOL_ERROR
	}
	return fmt.Sprintf(`["200", %d, %q, null]`, len(contents[want]), harness.Sum(contents[want]))
}
