package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEffects holds that each option that can't take effect is refused, or has a warning, by check; and that none which can is.
func TestEffects(t *testing.T) {
	root := t.TempDir()
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("ali:$2a$04$wm3cTzNuPw8WxCYXBIXsbuZQTNzb5GyVWZCCmQnCDxqrm1HDXDdAe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		exit int
		says string // on the standard error; empty: nothing
	}{
		{nil, 0, ""},
		{[]string{"--max-list-entries", "5"}, 0, "--max-list-entries does nothing without --list"},
		{[]string{"--max-list-entries", "5", "--list"}, 0, ""},
		{[]string{"--start-timeout", "5s"}, 0, "--start-timeout does nothing without --supervise"},
		{[]string{"--start-timeout", "5s", "--supervise"}, 0, ""},
		{[]string{"--access-log-format", "json"}, 0, "--access-log-format does nothing without --access-log"},
		{[]string{"--access-log-format", "json", "--access-log", "-"}, 0, ""},
		{[]string{"--trace-file-bytes", "1MiB"}, 0, "--trace-file-bytes does nothing without --trace-file"},
		{[]string{"--socket-mode", "0660"}, 0, "--socket-mode does nothing without a --listen unix:"},
		{[]string{"--socket-mode", "0660", "--listen", "unix:/tmp/x"}, 0, ""},
		{[]string{"--socket-mode", "rw"}, 2, "expected permissions in octal"},
		{[]string{"--socket-group", "0", "--listen", "unix:/tmp/x"}, 0, ""},
		{[]string{"--socket-group", "no-such-group", "--listen", "unix:/tmp/x"}, 2, "no-such-group"},
		{[]string{"--proxy-from", "unix"}, 0, "--proxy-from unix does nothing without"},
		{[]string{"--proxy-from", "unix", "--listen", "unix:/tmp/x"}, 0, ""},
		{[]string{"--proxy-from", "10.0.0.0/8", "--listen", "unix:/tmp/x"}, 0, "write --proxy-from unix"},
		{[]string{"--limit-rate", "20KiB", "--limit-rate-total", "10KiB"}, 0, "--limit-rate 20480 does nothing"},
		{[]string{"--error-page", "404=" + page}, 0, ""},
		{[]string{"--error-page", "416=" + page}, 2, "no response with the status 416"},
		{[]string{"--error-page", "402=" + page}, 2, "402"},
		{[]string{"--error-page", "401=" + page}, 0, "does nothing without --auth"},
		{[]string{"--static", "/.git/=" + root}, 0, "nothing is served there"},
		{[]string{"--static", "/.git/=" + root, "--dotfiles"}, 0, ""},
		{[]string{"--static", "/.well-known/=" + root}, 0, ""},
		{[]string{"--static", "/a/../b/=" + root}, 2, `write "/b/"`},
		{[]string{"--static", "a/=" + root}, 2, `write "/a/"`},
		{[]string{"--auth", "/x//y/=off"}, 2, `write "/x/y/"`},
		{[]string{"--auth", "/x/=off"}, 0, "--auth /x/=off does nothing"},
		{[]string{"--auth", "/x=off", "--auth", "/=" + users}, 0, ""},
		{[]string{"--auth", "/=off", "--auth", "/x/=" + users}, 0, "--auth /=off does nothing"},
		{[]string{"--auth", "/xy/=off", "--auth", "/x/=" + users}, 0, "--auth /xy/=off does nothing"},
		{[]string{"--static", "/=" + t.TempDir()}, 0, "--root " + root + " does nothing"},
		{[]string{"--static", "/=" + root}, 0, ""},
		{[]string{"--cache-control", "/a//b=no-store"}, 2, `write "/a/b"`},
		{[]string{"--cache-control", "a/*=no-store"}, 2, `write "/a/*"`},
		{[]string{"--mime", "/./a=text/x"}, 2, `write "/a"`},
		{[]string{"--index", "/index.html"}, 2, "expected the name of a file"},
		{[]string{"--index", "sub/index.html"}, 0, ""},
		{[]string{"--header", "Content-Length: 5"}, 2, "Content-Length"},
		{[]string{"--spa", "/"}, 2, "directory"},
		{[]string{"--access-log", "/nonexistent/log"}, 1, "--access-log: open /nonexistent/log: no such file or directory (make the directory /nonexistent"},
		{[]string{"--access-log", root}, 1, "is a directory (name a file in it)"},
		{[]string{"--log", "syslog:nonsense"}, 1, `syslog has no facility "nonsense"`},
		{[]string{"--access-log", "syslog:local0"}, 0, ""},
		{[]string{"--access-log", filepath.Join(root, "new.log"), "--trace-file", filepath.Join(root, "new.json")}, 0, ""},
		{[]string{"--trace-file", "/nonexistent/trace"}, 1, "--trace-file: open /nonexistent/trace: no such file or directory"},
	} {
		status, _, stderr := runs(t, append([]string{"check", root}, c.args...)...)
		if status != c.exit || (c.says == "") != (stderr == "") || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: status %d, %q; want %d, %q", c.args, status, stderr, c.exit, c.says)
		}
	}
	if files, err := os.ReadDir(root); err != nil || len(files) > 0 {
		t.Errorf("check has made files: %v, %v", files, err)
	}
}

// TestNoAddress sees an empty list of addresses be refused, wherever it comes from.
func TestNoAddress(t *testing.T) {
	for _, supervise := range []string{"false", "true"} {
		_, file := site(t, "listen = []\nsupervise = "+supervise+"\n")
		for _, name := range []string{"check", "serve"} {
			status, _, stderr := runs(t, name, "--config", file)
			if status != 2 || !strings.Contains(stderr, "there is no address to listen at") {
				t.Errorf("%s, supervise %s: status %d, %s", name, supervise, status, stderr)
			}
		}
	}
}
