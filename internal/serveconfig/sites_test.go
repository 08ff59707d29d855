package serveconfig

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"aws/internal/config"
	"aws/internal/sites"
)

// wholeFile has each table and each key.
const wholeFile = `listen = ["127.0.0.1:8080"]
limit-rate-total = "10MiB"

[defaults]
headers.set = { X-Frame-Options = "DENY" }

[[site]]
hosts = ["example.org", "*.example.net"]
root = "/srv/example"

[[site.route]]
path = "/private/"
auth = "/etc/aws/users"
headers.remove = ["x-frame-options"]

[[site.route]]
match = "*.css"
cache-control = "public, max-age=86400"

[[site.redirect]]
from = "/old/*"
to = "/new/*"
status = 301
query = "drop"

[[site]]
name = "rest"
default = true
respond = { status = 404, body = "No such host.\n" }
`

func TestReadSites(t *testing.T) {
	s, err := ReadSites("site.toml", []byte(wholeFile))
	if err != nil {
		t.Fatal(err)
	}
	table, warnings, err := s.Compile()
	if err != nil || len(warnings) != 0 {
		t.Fatalf("%v, %q", err, warnings)
	}
	for _, c := range []struct{ host, path, want string }{
		{"example.org:80", "/private/a.css", `site: example.org, host example.org (site.toml:7)
path: /private/a.css
route: /private/, match *.css (site.toml:16)
root: /srv/example (site.toml:9)
cache-control: "public, max-age=86400" (site.toml:18)
headers.remove: x-frame-options (site.toml:14)
auth: /etc/aws/users (site.toml:13)
`},
		{"www.example.net", "/old/a//b", `site: example.org, host *.example.net (site.toml:7)
path: /old/a/b
redirect: 301 to /new/a/b (site.toml:20)
route: / (site.toml:7)
root: /srv/example (site.toml:9)
headers.set: X-Frame-Options: DENY (site.toml:5)
`},
		{"other", "/", `site: rest, the default site (site.toml:26)
path: /
route: / (site.toml:26)
respond: 404 "No such host.\n" (site.toml:29)
headers.set: X-Frame-Options: DENY (site.toml:5)
`},
	} {
		e, err := table.Explain(c.host, c.path)
		if err != nil || e.String() != c.want {
			t.Errorf("%s%s: %v\n%s\nwant\n%s", c.host, c.path, err, e, c.want)
		}
	}
	// The options of the same file, without its tables.
	o := &Options{}
	origins, _, err := config.Resolve(o.Table(), config.Sources{File: "site.toml", Text: []byte(wholeFile), Tables: SiteTables})
	if err != nil || origins["listen"] != "site.toml:1" || SiteConflicts(origins) != nil {
		t.Errorf("%v, %v, %v", err, origins["listen"], SiteConflicts(origins))
	}
	if _, _, err := config.Resolve(o.Table(), config.Sources{Text: []byte("[sites]\n"), Tables: SiteTables}); err == nil || !strings.Contains(err.Error(), "did you mean site?") {
		t.Error(err)
	}
}

func TestNoSites(t *testing.T) {
	if s, err := ReadSites("site.toml", []byte("listen = \":1\"\n")); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestSiteMistakes sees every mistake reported with its place and a remedy.
func TestSiteMistakes(t *testing.T) {
	site := "[[site]]\ndefault = true\nroot = \"/srv\"\n"
	for _, c := range []struct {
		text string
		want []string // a part of each line
	}{
		{"[[site]\n", []string{"site.toml:1:7: "}},
		{"a = 1\na = 2\n", []string{"site.toml:2:1: ", "remove one of the lines"}[:1]},
		{"[[site]]\nhosst = [\"a\"]\nroto = \"/\"\n", []string{`2:1: unknown key "hosst" in [[site]]; did you mean hosts?`, `3:1: unknown key "roto" in [[site]]; did you mean root?`}},
		{site + "spa = \"/index.html\"\n", []string{`4:1: unknown key "spa" in [[site]]; write try = `}},
		{site + "listen = [\":80\"]\n", []string{`4:1: unknown key "listen" in [[site]]; it is an option of the server: write it before the first table`}},
		{site + "frobnicate = 1\n", []string{`unknown key "frobnicate" in [[site]]; the keys are hosts, default, name, certificate, `}},
		{site + "list = \"yes\"\n", []string{"4:1: list: it is a string; expected true or false"}},
		{site + "index = [\"a\", 1]\n", []string{"4:15: index: value 2 is a whole number; expected a list of strings"}},
		{site + "allow = [\"10.0.0.0/33\"]\n", []string{`4:1: allow: "10.0.0.0/33" is not a network`}},
		{site + "rate = \"2MiB\"\n", []string{`4:1: unknown key "rate" in [[site]]; write limit-rate`}},
		{site + "limit-rat = 1\nlimit-rate-all = 1\nsymlink = \"never\"\n", []string{`4:1: unknown key "limit-rat" in [[site]]; did you mean limit-rate?`, `5:1: unknown key "limit-rate-all" in [[site]]; did you mean limit-rate-total?`, `6:1: unknown key "symlink" in [[site]]; did you mean symlinks?`}},
		{site + "limit-rate = \"2 parsecs\"\nlimit-rate-total = true\n", []string{`4:1: limit-rate: "2 parsecs" is not a size; write one such as "2MiB"`, `5:1: limit-rate-total: it is true or false; expected a size, such as "100MiB"`}},
		{site + "limit-rate = -1\n", []string{`4:1: limit-rate: "-1" is not a size`}},
		{site + "symlinks = \"same-owners\"\n", []string{`4:1: symlinks: "same-owners" is none of within-root, same-owner, never; did you mean same-owner?`}},
		{site + "symlinks = false\n", []string{`4:1: symlinks: it is true or false; expected a string, such as "within-root"`}},
		{site + "respond = { body = \"x\" }\n", []string{"4:1: respond has no status"}},
		{site + "respond = { status = 404, bodi = \"x\" }\n", []string{`4:27: unknown key "bodi" in respond; did you mean body?`}},
		{site + "respond = 1000\n", []string{"4:1: respond: 1000 is not a number from 100 to 599"}},
		{site + "error-pages = { x = \"a\" }\n", []string{`4:17: error-pages: "x" is not a status`}},
		{site + "headers = { X-A = \"b\" }\n", []string{`4:13: unknown key "X-A" in headers; write headers.set = { "X-A" = "..." }`}},
		{site + "headers.sett = { X-A = \"b\" }\n", []string{`unknown key "sett" in headers; did you mean set?`}},
		{site + "cors = { origin = [\"*\"] }\n", []string{`unknown key "origin" in cors; did you mean origins?`}},
		{site + "cors = { origins = [\"*\"], max-age = \"1x\" }\n", []string{`max-age: "1x" is not a duration`}},
		{site + "auth = \"\"\n", []string{`auth is empty; write a file`}},
		{site + "[site.route]\npath = \"/\"\n", []string{"4:7: route is a table; write it as [[site.route]]"}},
		{"[site]\nroot = \"/\"\n", []string{"1:2: site is a table; write it as [[site]]"}},
		{"site = [1]\n", []string{"1:9: site is a whole number; write it as [[site]]"}},
		{"[[route]]\npath = \"/\"\n", []string{"1:3: [[route]] belongs to a site; write [[site.route]]"}},
		{"[defaults]\nlist = true\n", []string{"1:2: [defaults] are for sites, and there is none"}},
		{"defaults = 1\n" + site, []string{"1:1: defaults is a whole number; write it as [defaults]"}},
		{"[defaults]\nhosts = [\"a\"]\n" + site, []string{`2:1: unknown key "hosts" in [defaults]`}},
		{site + "[[site.route]]\npth = \"/a\"\n", []string{`5:1: unknown key "pth" in [[site.route]]; did you mean path?`}},
		{site + "[[site.route]]\npath = \"\"\n", []string{`5:1: path is empty; write "/"`}},
		{site + "[[site.redirect]]\nform = \"/a\"\nto = \"/b\"\n", []string{`4:8: the redirect has no "from"`, `5:1: unknown key "form" in [[site.redirect]]; did you mean from?`}},
		{site + "[[site.redirect]]\nfrom = \"/a\"\nto = \"/b\"\nstatus = \"301\"\nquery = \"no\"\n", []string{"7:1: status: it is a string; expected a status", `8:1: query: "no" is none of keep, drop`}},
		{site + "[[site.redirect]]\nfrom = \"/a\"\nto = \"/b\"\nstatus = 0\n", []string{"7:1: status: 0 is not a number from 300 to 399"}},
	} {
		_, err := ReadSites("site.toml", []byte(c.text))
		if err == nil {
			t.Errorf("%q: no error", c.text)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%q: %d lines, want %d\n%v", c.text, len(lines), len(c.want), err)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%q: %s\nwant %s", c.text, lines[i], want)
			}
		}
	}
}

// TestSiteConflicts sees each option of a single site refused beside sites, wherever it was set.
func TestSiteConflicts(t *testing.T) {
	origins := config.Origins{"root": "flag --root", "spa": "site.toml:2", "list": config.OriginDefault, "listen": "site.toml:1"}
	err := SiteConflicts(origins)
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.HasPrefix(err.Error(), "root (flag --root) is for a server with a single site, and there is a [[site]]; write root in [[site]]") {
		t.Error(err)
	}
	known := map[string]bool{}
	for _, g := range new(Options).Table() {
		for _, o := range g.Options {
			known[o.Name] = true
		}
	}
	for name := range moved {
		if !known[name] {
			t.Errorf("%s is not an option", name)
		}
	}
}

// TestSiteKeys reads the example of each key.
func TestSiteKeys(t *testing.T) {
	const site = "[[site]]\nroot = \"/srv\"\n"
	examples := map[string][]string{}
	for _, k := range siteKeys {
		examples["[[site]]\n"] = append(examples["[[site]]\n"], k.Example)
	}
	for _, k := range propertyKeys {
		examples["[[site]]\n"] = append(examples["[[site]]\n"], k.Example)
		examples["[defaults]\n"] = append(examples["[defaults]\n"], k.Example)
	}
	for _, k := range routeKeys {
		examples[site+"[[site.route]]\n"] = append(examples[site+"[[site.route]]\n"], k.Example)
	}
	for _, k := range redirectKeys[2:] {
		examples[site+"[[site.redirect]]\nfrom = \"/a\"\nto = \"/b\"\n"] = append(examples[site+"[[site.redirect]]\nfrom = \"/a\"\nto = \"/b\"\n"], k.Example)
	}
	for head, lines := range examples {
		for _, line := range lines {
			text := head + line + "\n"
			if head == "[defaults]\n" {
				text += "[[site]]\ndefault = true\n"
			}
			s, err := ReadSites("site.toml", []byte(text))
			if err != nil {
				t.Errorf("%s\n%v", text, err)
				continue
			}
			if !strings.Contains(text, "hosts") {
				s.Sites[0].Default = true
			}
			if _, _, err := s.Compile(); err != nil {
				t.Errorf("%s\n%v", text, err)
			}
		}
	}
	for _, k := range propertyKeys {
		s, err := ReadSites("site.toml", []byte("[[site]]\n"+k.Example+"\n"))
		if err != nil {
			continue
		}
		if all := s.Sites[0].Properties.All(); len(all) == 0 || !strings.HasPrefix(all[0].Key, k.Name) {
			t.Errorf("%s: explained as %v", k.Name, all)
		}
	}
}

// placed is how each line of an error begins.
var placed = regexp.MustCompile(`^site\.toml:[1-9][0-9]*:[1-9][0-9]*: .`)

// FuzzSiteFile reads any file. Errors always have a place; what can be read can be compiled or has problems with a place.
func FuzzSiteFile(f *testing.F) {
	f.Add([]byte(wholeFile))
	for _, k := range propertyKeys {
		f.Add([]byte("[[site]]\ndefault = true\n" + k.Example + "\n"))
	}
	f.Add([]byte("site = [{ hosts = [\"a\"], route = [{ path = \"/\" }] }]\n"))
	f.Add([]byte("[[site]]\nroute = []\nredirect = 1\nhosts = 1\nname = []\n"))
	f.Add([]byte("[site.route]\n[[site.redirect.x]]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadSites("site.toml", text)
		check := func(err error) {
			for line := range strings.SplitSeq(err.Error(), "\nsite.toml") {
				if line = "site.toml" + strings.TrimPrefix(line, "site.toml"); !placed.MatchString(line) {
					t.Errorf("%q has no place", line)
				}
			}
		}
		if err != nil {
			check(err)
			return
		}
		if s == nil {
			return
		}
		table, _, err := s.Compile()
		if err != nil {
			check(err)
			return
		}
		for _, path := range []string{"/", "/private/a.css", "/old/x", "/a/../b.c"} {
			e, err := table.Explain("example.org", path)
			if err != nil {
				t.Error(err)
			} else {
				_ = e.String()
			}
		}
	})
}

// TestSitesCompile sees problems of sites as errors with places.
func TestSitesCompile(t *testing.T) {
	s := &Sites{Sites: []sites.Site{{From: sites.Origin{Source: "site.toml", Line: 3, Column: 1}}}}
	if _, _, err := s.Compile(); err == nil || !strings.HasPrefix(fmt.Sprint(err), "site.toml:3:1: the site has no hosts") {
		t.Error(err)
	}
}

// TestDocument reads every file in the documentation of sites, and expects no problem.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for i, part := range strings.Split(string(document), "```toml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		count++
		o := &Options{}
		origins, _, err := config.Resolve(o.Table(), config.Sources{File: "site.toml", Text: []byte(text), Tables: SiteTables})
		if err != nil || SiteConflicts(origins) != nil {
			t.Errorf("file %d: %v, %v", i, err, SiteConflicts(origins))
		}
		s, err := ReadSites("site.toml", []byte(text))
		if err != nil || s == nil {
			t.Errorf("file %d: %v, %v", i, s, err)
			continue
		}
		if _, warnings, err := s.Compile(); err != nil || len(warnings) > 0 {
			t.Errorf("file %d: %v, %q", i, err, warnings)
		}
	}
	if count < 9 {
		t.Errorf("%d files", count)
	}
}
