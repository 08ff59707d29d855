package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/command"
)

// TestManual sees every command and option in the page, and the page taken by whichever formatter is
// there.
func TestManual(t *testing.T) {
	status, out, stderr := runs(t, "man")
	if status != command.ExitOK || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, groups := range tables() {
		for _, g := range groups {
			for i := range g.Options {
				if name := roff(g.Options[i].Name); !strings.Contains(out, `\fB\-\-`+name+`\fR`) {
					t.Errorf("there is no --%s", g.Options[i].Name)
				}
			}
		}
	}
	for _, want := range []string{`.SS "aws serve [ROOT]"`, `.SS "aws check [ROOT]"`, "AWSD_KEEPALIVE_TIMEOUT", ".SH \"EXIT STATUS\""} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q", want)
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "'") {
			t.Errorf("a line that troff takes for a macro: %q", line)
		}
	}
	file := filepath.Join(t.TempDir(), "aws.1")
	if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("groff", func(t *testing.T) {
		said := formatter(t, "groff", "groff", "-man", "-Tutf8", "-ww", "-z", file)
		if said != "" {
			t.Errorf("groff warns: %s", said)
		}
	})
	t.Run("mandoc", func(t *testing.T) {
		for line := range strings.Lines(formatter(t, "mandoc", "mandoc", "-T", "lint", "-W", "style", file)) {
			if !strings.Contains(line, "missing date") {
				t.Errorf("mandoc warns: %s", line)
			}
		}
	})
	t.Run("man", func(t *testing.T) {
		if said := formatter(t, "man", "man-db", "--warnings=w", "-E", "UTF-8", "-l", "-Tutf8", file); strings.Contains(said, "troff:") || !strings.Contains(said, "AWS(1)") {
			t.Errorf("man warns: %s", said)
		}
	})
	t.Run("lexgrog", func(t *testing.T) {
		if said := formatter(t, "lexgrog", "man-db", file); !strings.Contains(said, `"aws - the asynchronous web server"`) {
			t.Errorf("lexgrog finds %s", said)
		}
	})
}

// formatter runs a program of a package over the page and returns what it prints.
func formatter(t *testing.T, name, pkg string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed (apt-get install %s)", name, pkg)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func TestRoff(t *testing.T) {
	p := &page{}
	p.text(".5 of `--a-b` \\ 'x'")
	if want := "\\&.5 of \\fB\\-\\-a\\-b\\fR \\e \\(aqx\\(aq\n"; p.String() != want {
		t.Errorf("got %q, want %q", p.String(), want)
	}
}
