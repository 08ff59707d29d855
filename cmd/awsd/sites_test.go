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
		{"rates that starve clients", "min-send-rate = \"4KiB\"\n[[site]]\ndefault = true\nrespond = 404\nlimit-rate = \"2KiB\"\nlimit-rate-total = 4095\n", nil, command.ExitUsage, []string{"aws.toml:5:1: limit-rate is 2KiB: a client that receives less than min-send-rate is disconnected; write at least 4KiB", "aws.toml:6:1: limit-rate-total is 4095: "}},
		{"a rate that leaves nothing", "min-send-rate = 0\n[[site]]\ndefault = true\nrespond = 404\n[[site.route]]\npath = \"/a\"\nlimit-rate = 1023\n", nil, command.ExitUsage, []string{"aws.toml:7:1: limit-rate is 1023: that leaves a few packets a second; write at least 1KiB, or 0 for no limit"}},
		{"rates that do nothing", "limit-rate = \"1MiB\"\n[[site]]\ndefault = true\nrespond = 404\nlimit-rate = \"1MiB\"\n[[site.route]]\npath = \"/a\"\nlimit-rate = 8192\nlimit-rate-total = 8192\n", nil, command.ExitOK, []string{"aws.toml:5:1: limit-rate = 1MiB does nothing, because limit-rate = 1MiB of the server is reached first", "aws.toml:8:1: limit-rate = 8KiB does nothing, because limit-rate-total = 8KiB ("}},
		{"compression", "[[site]]\ndefault = true\nrespond = 404\ncompress = \"yes\"\ncompress-types = [\"text\", \"Text/*\"]\ncompress-min-bytes = \"1 box\"\n", nil, command.ExitUsage, []string{"aws.toml:4:1: compress: ", "aws.toml:6:1: compress-min-bytes: "}},
		{"types of compression", "[[site]]\ndefault = true\nrespond = 404\ncompress = true\ncompress-types = [\"text\", \"Text/*\"]\n", nil, command.ExitUsage, []string{`aws.toml:5:1: compress-types: "text" is not a media type`, `"Text/*" is not a media type or a pattern of media types in lower case`}},
		{"no types of compression", "[[site]]\ndefault = true\nrespond = 404\ncompress-types = []\n", nil, command.ExitUsage, []string{"aws.toml:4:1: compress-types is empty; write compress = false"}},
		{"a large least size", "[[site]]\ndefault = true\nrespond = 404\ncompress-min-bytes = \"9MiB\"\n", nil, command.ExitUsage, []string{"aws.toml:4:1: compress-min-bytes = 9437184: files of more than 8388608 bytes are not compressed"}},
		{"a type twice", "[[site]]\ndefault = true\nrespond = 404\ncompress-types = [\"text/*\", \"text/*\"]\n", nil, command.ExitOK, []string{`warning: `, `compress-types: "text/*" is there twice`}},
		{"a cache for nothing", "compress-cache = \"/nonexistent/cache\"\n[[site]]\ndefault = true\nrespond = 404\n", nil, command.ExitOK, []string{"--compress-cache does nothing, because nothing is compressed"}},
		{"a cache without a parent", "compress-cache = \"/nonexistent/cache\"\n[[site]]\ndefault = true\nrespond = 404\ncompress = true\n", nil, command.ExitError, []string{"--compress-cache /nonexistent/cache: ", "create the parent directory"}},
		{"a bound without a cache", "compress-cache-bytes = \"1GiB\"\ncompress-memory-bytes = \"8MiB\"\n[[site]]\ndefault = true\nrespond = 404\ncompress = true\n", nil, command.ExitOK, []string{"--compress-cache-bytes does nothing without --compress-cache", "--compress-memory-bytes 8388608: with less than 16777216"}},
		{"a warning", "[[site]]\ndefault = true\nrespond = 404\n[[site.redirect]]\nfrom = \"/a\"\nto = \"/a\"\n", nil, command.ExitOK, []string{"warning: ", "aws.toml:4:8: the redirect from /a to /a is a loop"}},
		{
			"a try list that ends nowhere", "[[site]]\ndefault = true\nroot = \"/etc\"\ntry = [\"{path}\", \"/passwd\", \"/nonexistent.html\", \"/cron.d/\"]\n", nil, command.ExitOK,
			[]string{`aws.toml:4:1: try: "/nonexistent.html" leads to no file: there is none in /etc now`, `aws.toml:4:1: try: "/cron.d/" leads to no file`},
		},
		{"two names", "[[site]]\nname = \"a\"\ndefault = true\nrespond = 404\n[[site]]\nname = \"a\"\nhosts = [\"b\"]\nrespond = 404\n", nil, command.ExitUsage, []string{"another site has the name a"}},
		{"no TOML", "[[site]\n", nil, command.ExitUsage, []string{"aws.toml:1"}},
		{"not a URL", "", []string{"--explain", "ftp://a/"}, command.ExitUsage, []string{"expected a URL with a host"}},
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

// TestExplainCompression explains which files are compressed, from which line, and why others are not.
func TestExplainCompression(t *testing.T) {
	root, file := site(t, "")
	for name, size := range map[string]int{"a.css": 5000, "a.png": 5000, "small.css": 100, "fixed.css": 5000, "data.json": 5000, "off/a.css": 5000, "huge.css": 8<<20 + 1} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(`[defaults]
compress = true
[[site]]
default = true
root = "ROOT"
[[site.route]]
path = "/off/"
compress = false
[[site.route]]
match = "*.json"
compress-min-bytes = "8KiB"
[[site.route]]
match = "fixed.*"
cache-control = "no-transform"
[[site.route]]
match = "*.png"
compress-types = ["image/*"]
`, "ROOT", root)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	const yes = "\ncompression: zstd, br or gzip, for clients that accept it\n"
	for name, want := range map[string][]string{
		"a.css":     {yes, "\ncompress: true (" + file + ":2)\n", "\n  Vary: Accept-Encoding"},
		"a.png":     {yes, "\ncompress-types: [\"image/*\"] (" + file + ":17)\n"},
		"small.css": {"\ncompression: no, because it is smaller than compress-min-bytes, 1024\n"},
		"huge.css":  {"\ncompression: no, because it is larger than 8388608 bytes\n"},
		"fixed.css": {"\ncompression: no, because Cache-Control has no-transform\n"},
		"data.json": {"\ncompression: no, because it is smaller than compress-min-bytes, 8192\n", "\ncompress-min-bytes: 8192 (" + file + ":11)\n"},
		"off/a.css": {"\ncompress: false (" + file + ":8)\n"},
	} {
		status, out, stderr := runs(t, "check", "--config", file, "--explain", "localhost/"+name)
		for _, w := range want {
			if status != command.ExitOK || !strings.Contains(out, w) {
				t.Errorf("%s: status %d, no %q in %s%s", name, status, w, out, stderr)
			}
		}
		if off := name == "off/a.css"; off && strings.Contains(out, "compression: ") {
			t.Errorf("%s: %s", name, out)
		}
	}
}
