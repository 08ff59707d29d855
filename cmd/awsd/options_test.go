package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/serveconfig"
)

// runs runs the program and returns its exit status and what it printed.
func runs(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

// site makes a directory to serve and a configuration file beside it.
func site(t *testing.T, toml string) (root, file string) {
	t.Helper()
	dir := t.TempDir()
	root, file = filepath.Join(dir, "site"), filepath.Join(dir, "aws.toml")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	return root, file
}

func TestCheckPrecedence(t *testing.T) {
	root, file := site(t, "max-connections = 11\nkeepalive-timeout = \"11s\"\nlisten = [\":11\"]\n")
	t.Setenv("AWSD_KEEPALIVE_TIMEOUT", "12s")
	t.Setenv("AWSD_LISTEN", ":12,:13")
	t.Setenv("AWSD_HEADER_0", "Vary: a, b")
	t.Setenv("AWSD_CONFIG", file)
	status, out, stderr := runs(t, "check", root, "--listen=:14", "--list")
	if status != command.ExitOK || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, want := range []string{
		`listen = [":14"] # flag --listen`,
		`max-connections = 11 # ` + file + `:1`,
		`keepalive-timeout = "12s" # AWSD_KEEPALIVE_TIMEOUT`,
		`header = ["Vary: a, b"] # AWSD_HEADER_0..0`,
		`list = true # flag --list`,
		`read-header-timeout = "30s" # default`,
		`root = "` + root + `" # flag --root`,
	} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
}

// TestCheckRoundTrip takes what check prints as the configuration, and gets the same.
func TestCheckRoundTrip(t *testing.T) {
	root, _ := site(t, "")
	status, first, stderr := runs(t, "check", root, "--header=X-A: \"1\"", "--cache-control=*.css=max-age=1, private", "--pool-bytes=1G", "--landlock=false", "--index=")
	if status != command.ExitOK {
		t.Fatalf("status %d, %s", status, stderr)
	}
	_, file := site(t, first)
	status, second, stderr := runs(t, "check", "--config", file)
	if status != command.ExitOK {
		t.Fatalf("status %d, %s", status, stderr)
	}
	if withoutOrigins(first) != withoutOrigins(second) {
		t.Errorf("first\n%s\nsecond\n%s", first, second)
	}
}

func withoutOrigins(toml string) string {
	var b strings.Builder
	for line := range strings.Lines(toml) {
		if i := strings.LastIndex(line, " # "); i >= 0 {
			line = line[:i]
		}
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func TestCheckMistakes(t *testing.T) {
	root, _ := site(t, "")
	for _, c := range []struct {
		name, toml string
		args       []string
		status     int
		want       []string
	}{
		{"unknown key", "root = \".\"\nlisen = \":1\"\n", nil, command.ExitUsage, []string{`aws.toml:2: unknown key "lisen"; did you mean listen?`}},
		{"two mistakes", "lisen = 1\nconns = \"a\"\n", nil, command.ExitUsage, []string{"aws.toml:1: ", "aws.toml:2: conns: it is a string"}},
		{"address", "\nlisten = [\"localhost\"]\n", nil, command.ExitUsage, []string{"--listen: ", "(listen comes from ", "aws.toml:2)"}},
		{"mount", "static = \"/a/=" + root + "/nothing\"\n", nil, command.ExitError, []string{"no such file", "(static comes from "}},
		{"window", "window-bytes = 4096\n", nil, command.ExitUsage, []string{"--window-bytes", "(window-bytes comes from "}},
		{"header", "header = [\"no colon\"]\n", nil, command.ExitUsage, []string{"--header"}},
		{"error page", "error-page = \"404=/nonexistent\"\n", nil, command.ExitError, []string{"--error-page"}},
		{"user", "user = \"nobody-of-that-name\"\n", nil, command.ExitError, []string{"--user"}},
		{"two logs", "log = \"a\"\naccess-log = \"b\"\n", nil, command.ExitUsage, []string{"--log and --access-log"}},
		{"root twice", "", []string{"--root=/", "/tmp"}, command.ExitUsage, []string{"one of them, not both"}},
		{"two roots", "", []string{"/", "/tmp"}, command.ExitUsage, []string{"one ROOT is served at /"}},
		{"no file", "", []string{"--config=/nonexistent.toml"}, command.ExitError, []string{"--config: ", "no such file"}},
		{"flag", "", []string{"--lisen=:1"}, command.ExitUsage, []string{"unknown flag: --lisen; did you mean --listen?"}},
		{"port", "", []string{"--max-connections=0"}, command.ExitUsage, []string{"--max-connections", "0 is less than 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"check"}
			if c.toml != "" {
				_, file := site(t, c.toml)
				args = append(args, "--config", file)
			}
			status, _, stderr := runs(t, append(args, c.args...)...)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, "aws: ") {
					t.Errorf("a line without its beginning: %q", line)
				}
			}
		})
	}
}

// TestStrangers sees a variable that is not an option reported, and not refused: container engines make up
// AWSD_SERVICE_HOST and the like.
func TestStrangers(t *testing.T) {
	root, _ := site(t, "")
	t.Setenv("AWSD_KEEPALIVE_TIMEOT", "1s")
	status, _, stderr := runs(t, "check", root)
	if status != command.ExitOK || !strings.Contains(stderr, "warning: AWSD_KEEPALIVE_TIMEOT is not an option; did you mean AWSD_KEEPALIVE_TIMEOUT?") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

func TestUnknownCommands(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"srve --listen :1", `there is no command "srve"; did you mean "serve"?`},
		{"chekc", `did you mean "check"?`},
		{"frobnicate", `there is no command "frobnicate"`},
		{"--prot 1", "did you mean --port?"},
		{"serve --keepalive-timout 1s", "did you mean --keepalive-timeout?"},
		{"completion tcsh", "tcsh"},
		{"--port 65536", "65536 is more than 65535"},
	} {
		status, _, stderr := runs(t, strings.Fields(c.args)...)
		if status != command.ExitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: status %d, %q, want %q", c.args, status, stderr, c.want)
		}
	}
}

func TestCompletions(t *testing.T) {
	for shell, want := range map[string]string{"bash": "__start_aws", "zsh": "#compdef aws", "fish": "complete -c aws"} {
		status, out, stderr := runs(t, "completion", shell)
		if status != command.ExitOK || !strings.Contains(out, want) || stderr != "" {
			t.Errorf("%s: status %d, %q, %d bytes without %q", shell, status, stderr, len(out), want)
		}
	}
	if status, out, _ := runs(t, "__complete", "serve", "--keepal"); status != command.ExitOK || !strings.Contains(out, "--keepalive-timeout") {
		t.Errorf("status %d: %q", status, out)
	}
}

// tables returns the definitions of both modes.
func tables() [][]config.Group {
	return [][]config.Group{new(serveconfig.Options).Table(), new(command.DropIn).Table()}
}

// TestTables sees what every definition has to have.
func TestTables(t *testing.T) {
	for _, groups := range tables() {
		for _, g := range groups {
			for i := range g.Options {
				o := &g.Options[i]
				if strings.ToLower(o.Name) != o.Name || strings.Contains(o.Name, "_") || o.Usage == "" || strings.HasSuffix(o.Usage, ".") {
					t.Errorf("--%s: name or usage: %q", o.Name, o.Usage)
				}
				if o.Advice != "" && !strings.HasSuffix(o.Advice, ".") {
					t.Errorf("--%s: the advice is not a sentence: %q", o.Name, o.Advice)
				}
				if o.Advice == "" && len(groups) > 1 {
					t.Errorf("--%s: nothing says when to change it", o.Name)
				}
				if strings.Contains(o.Usage, "(repeatable)") != o.IsList() {
					t.Errorf("--%s: a list says that it is repeatable, and only a list does", o.Name)
				}
				if len(o.Env()) > 0 && strings.Trim(o.Env(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
					t.Errorf("--%s: %s is not a variable", o.Name, o.Env())
				}
			}
		}
	}
}

// TestMistakesAsJSON sees the option hold for what is wrong with the others, too.
func TestMistakesAsJSON(t *testing.T) {
	_, file := site(t, "log-format = \"json\"\nlisen = 1\nmax-connections = \"a\"\n")
	status, _, stderr := runs(t, "check", "--config", file)
	if status != command.ExitUsage || strings.Count(stderr, "\n") != 2 {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for line := range strings.Lines(stderr) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// However many loops share it, a rate that was asked for is never 0, which is none.
func TestRatesTooLowAreRefused(t *testing.T) {
	root, _ := site(t, "")
	for _, flag := range []string{"--limit-rate=1", "--limit-rate-total=1", "--limit-rate-total=3", "--limit-rate-total=1023"} {
		status, _, stderr := runs(t, "check", root, "--loops=4", "--min-send-rate=0", flag)
		name, _, _ := strings.Cut(flag, "=")
		if status != command.ExitUsage || !strings.Contains(stderr, name) || !strings.Contains(stderr, "1024") {
			t.Errorf("%s: status %d, %s", flag, status, stderr)
		}
	}
	if status, _, stderr := runs(t, "check", root, "--loops=64", "--min-send-rate=0", "--limit-rate=1024", "--limit-rate-total=1024"); status != command.ExitOK {
		t.Errorf("status %d, %s", status, stderr)
	}
}
