package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/command"
)

// TestCheckSites has what check prints about sites.
func TestCheckSites(t *testing.T) {
	root, file := site(t, "")
	text := strings.ReplaceAll(`limit-rate = "1MiB"
[[site]]
hosts = ["a.example", "*.b.example"]
root = "ROOT"
limit-rate = 131072
[[site.route]]
path = "/x/"
list = true
limit-rate-total = "2 MiB"
symlinks = "same-owner"
[[site.redirect]]
from = "/old/*"
to = "/new/*"
[[site]]
default = true
respond = 404
`, "ROOT", root)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, stderr := runs(t, "check", "--config", file)
	if status != command.ExitOK || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, want := range []string{
		"\n# site a.example (" + file + ":2): a.example, *.b.example\n#   route / (" + file + ":2)\n#     root: " + root + " (" + file + ":4)\n#     limit-rate: 128KiB (" + file + ":5)\n",
		"#   route /x/ (" + file + ":6)\n#     list: true (" + file + ":8)\n#     limit-rate-total: 2MiB (" + file + ":9)\n#     symlinks: same-owner (" + file + ":10)\n#   redirect /old/* to /new/*, 308 (" + file + ":11)\n",
		"# site default (" + file + ":14); all other hosts\n", `limit-rate = "1MiB" `,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, option := range []string{"\nroot = ", "\nlist = ", "\ncors = ", "\nheader = "} {
		if strings.Contains(out, option) {
			t.Errorf("it has %q, which does not apply", option)
		}
	}
}

// TestSiteMistakes has what check refuses and warns of. Each message names the place.
func TestSiteMistakes(t *testing.T) {
	for _, c := range []struct {
		name, toml string
		args       []string
		status     int
		want       []string
	}{
		{"an option of a single site", "list = true\n[[site]]\ndefault = true\nrespond = 404\n", nil, command.ExitUsage, []string{"list (", "aws.toml:1) is for a server with a single site"}},
		{"ROOT", "[[site]]\ndefault = true\nrespond = 404\n", []string{"/tmp"}, command.ExitUsage, []string{"root (flag --root) is for a server with a single site"}},
		{
			"a missing root, users and page", "[[site]]\ndefault = true\nroot = \"/nonexistent\"\nauth = \"/nonexistent/users\"\nerror-pages.404 = \"/nonexistent/404.html\"\n", nil,
			command.ExitError,
			[]string{"aws.toml:3: root /nonexistent: ", "aws.toml:4: auth /nonexistent/users: ", "aws.toml:5: error-pages: the page of 404: "},
		},
		{"an unknown key", "[[site]]\ndefault = true\nroots = \"/\"\n", nil, command.ExitUsage, []string{`aws.toml:3:1: unknown key "roots" in [[site]]; did you mean root?`}},
		{"mistakes inside and outside of tables", "lisen = 1\n[[site]]\ndefault = 1\n", nil, command.ExitUsage, []string{`aws.toml:1: unknown key "lisen"`, "aws.toml:3:1: default: it is a whole number"}},
		{"keys that are not supported", "[[site]]\ndefault = true\nrespond = 404\ncompress = true\n", nil, command.ExitUsage, []string{`unknown key "compress"`}},
		{"rates that starve clients", "min-send-rate = \"4KiB\"\n[[site]]\ndefault = true\nrespond = 404\nlimit-rate = \"2KiB\"\nlimit-rate-total = 4095\n", nil, command.ExitUsage, []string{"aws.toml:5:1: limit-rate is 2KiB: a client that receives less than min-send-rate is disconnected; write at least 4KiB", "aws.toml:6:1: limit-rate-total is 4095: "}},
		{"a rate that leaves nothing", "min-send-rate = 0\n[[site]]\ndefault = true\nrespond = 404\n[[site.route]]\npath = \"/a\"\nlimit-rate = 1023\n", nil, command.ExitUsage, []string{"aws.toml:7:1: limit-rate is 1023: that leaves a few packets a second; write at least 1KiB, or 0 for no limit"}},
		{"rates that do nothing", "limit-rate = \"1MiB\"\n[[site]]\ndefault = true\nrespond = 404\nlimit-rate = \"1MiB\"\n[[site.route]]\npath = \"/a\"\nlimit-rate = 8192\nlimit-rate-total = 8192\n", nil, command.ExitOK, []string{"aws.toml:5:1: limit-rate = 1MiB does nothing, because limit-rate = 1MiB of the server is reached first", "aws.toml:8:1: limit-rate = 8KiB does nothing, because limit-rate-total = 8KiB ("}},
		{"a warning", "[[site]]\ndefault = true\nrespond = 404\n[[site.redirect]]\nfrom = \"/a\"\nto = \"/a\"\n", nil, command.ExitOK, []string{"warning: ", "aws.toml:4:8: the redirect from /a to /a is a loop"}},
		{
			"a try list that ends nowhere", "[[site]]\ndefault = true\nroot = \"/etc\"\ntry = [\"{path}\", \"/passwd\", \"/nonexistent.html\", \"/cron.d/\"]\n", nil, command.ExitOK,
			[]string{`aws.toml:4:1: try: "/nonexistent.html" leads to no file: there is none in /etc now`, `aws.toml:4:1: try: "/cron.d/" leads to no file`},
		},
		{"two names", "[[site]]\nname = \"a\"\ndefault = true\nrespond = 404\n[[site]]\nname = \"a\"\nhosts = [\"b\"]\nrespond = 404\n", nil, command.ExitUsage, []string{"another site has the name a"}},
		{"no TOML", "[[site]\n", nil, command.ExitUsage, []string{"aws.toml:1"}},
		{"not a URL", "", []string{"--explain", "https://a/"}, command.ExitUsage, []string{"expected a URL with a host"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, file := site(t, c.toml)
			status, _, stderr := runs(t, append([]string{"check", "--config", file}, c.args...)...)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for _, want := range c.want {
				if strings.Count(stderr, want) != 1 {
					t.Errorf("%q is not once in\n%s", want, stderr)
				}
			}
		})
	}
}

// TestExplainSingleSite explains a URL of a server without tables.
func TestExplainSingleSite(t *testing.T) {
	root, _ := site(t, "")
	if err := os.WriteFile(filepath.Join(root, "page.html"), []byte("page"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, stderr := runs(t, "check", root, "--cors", "--explain", "localhost:8080/page.html")
	if status != command.ExitOK || !strings.HasPrefix(out, "file: "+root+"/page.html\nresponse:\n  HTTP/1.1 200 OK\n") || !strings.Contains(out, "Access-Control-Allow-Origin: *") {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
}
