package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"aws/internal/command"
)

func TestVersion(t *testing.T) {
	status, out, stderr := runs(t, "version")
	if status != command.ExitOK || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, want := range []string{"version ", "commit ", runtime.Version(), "libaio.so", "Linux ", "AIO ", "Landlock "} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("there is an escape sequence, and no colour was promised")
	}
}

func TestVersionJSON(t *testing.T) {
	status, out, stderr := runs(t, "version", "--json")
	if status != command.ExitOK {
		t.Fatalf("status %d, %s", status, stderr)
	}
	var r versionReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if r.Version != command.Version || r.Go != runtime.Version() || len(r.Features) != 9 {
		t.Errorf("got %+v", r)
	}
}

func TestVersionOfNoFile(t *testing.T) {
	for _, file := range []string{"/nonexistent", "/"} {
		if status, _, _ := runs(t, "version", file); status != command.ExitError {
			t.Errorf("%s: status %d", file, status)
		}
	}
}
