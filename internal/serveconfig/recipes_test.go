package serveconfig

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/internal/config"
	"aws/internal/handler"
	"aws/internal/handler/direct"

	"golang.org/x/crypto/bcrypt"
)

// recipeFiles are what the recipes serve, below a directory of the test. Their content is their name.
var recipeFiles = []string{
	"srv/example/index.html", "srv/example/404.html", "srv/example/about.html", "srv/example/docs/index.html", "srv/example/private/plan.txt",
	"srv/example/private/press/kit.zip", "srv/example/assets/a.js", "srv/example/news/item.txt", "srv/example/page.txt", "srv/files/f.bin",
	"srv/app/index.html", "srv/app/assets/app.js", "srv/mirror/1.0/disk.iso", "srv/mirror/1.0/SHA256SUMS", "srv/mirror/1.0/notes.txt", "srv/mirror/upload/notes.txt",
	"srv/apt/dists/stable/InRelease", "srv/apt/dists/stable/Packages", "srv/apt/dists/stable/Packages.gz", "srv/apt/pool/a/a.deb",
	"srv/npm/left-pad/index.json", "srv/npm/left-pad/left-pad-1.0.0.tgz", "srv/go/example.org/m/@v/list", "srv/go/example.org/m/@v/v1.0.0.info",
	"srv/go/example.org/m/@v/v1.0.0.mod", "srv/go/example.org/m/@latest",
}

// recipeRequest is a request, and what its response has. Location and File are named behind the status.
type recipeRequest struct {
	url    string // with https:// in front, or without a scheme for http
	fields string // of the request
	client string // its address; 192.0.2.7 by default
	site   string // that its handshake was for; by default that of the host
	want   string
	header string // "Name: value"; "Name: -" is that there is none; several are separated by " | "
}

const aliAuthorization = "Authorization: Basic YWxpOnNlc2FtZQ==" // ali:sesame

var recipeRequests = map[string][]recipeRequest{
	"Two hosts": {
		{url: "example.org/", want: "200 srv/example/index.html"},
		{url: "example.org/nothing", want: "404", header: "Content-Type: text/html; charset=utf-8"},
		{url: "www.example.org/about.html?x=1", want: "308 http://example.org/about.html?x=1"},
		{url: "files.example.org/", want: "200 listing"},
		{url: "files.example.org/f.bin", want: "200 srv/files/f.bin"},
		{url: "other.example.org/", want: "421"},
	},
	"Compression": {
		{url: "example.org/page.txt", fields: "Accept-Encoding: br", want: "200 srv/example/page.txt", header: "Vary: -"}, // it is too small
		{url: "example.org/private/plan.txt", fields: "Accept-Encoding: br", want: "200 srv/example/private/plan.txt", header: "Vary: -"},
	},
	"Single-page application with an API elsewhere": {
		{url: "app.example.org/", want: "200 srv/app/index.html", header: "Cache-Control: no-cache | Content-Security-Policy: default-src 'self'; connect-src https://api.example.org"},
		{url: "app.example.org/some/route", want: "200 srv/app/index.html", header: "Cache-Control: no-cache"},
		{url: "app.example.org/assets/app.js", want: "200 srv/app/assets/app.js", header: "Cache-Control: public, max-age=31536000, immutable"},
		{url: "app.example.org/assets/missing.js", want: "404"},
		{url: "app.example.org/api/v1/x?q", want: "307 https://api.example.org/v1/x?q"},
	},
	"Clean URLs": {
		{url: "example.org/about", want: "200 srv/example/about.html"},
		{url: "example.org/about.html", want: "200 srv/example/about.html"},
		{url: "example.org/docs", want: "200 srv/example/docs/index.html"},
		{url: "example.org/nothing", want: "404", header: "Content-Type: text/html; charset=utf-8"},
	},
	"Private directory": {
		{url: "example.org/", want: "200 srv/example/index.html"},
		{url: "example.org/private/plan.txt", want: "401", header: `WWW-Authenticate: Basic realm="Staff", charset="UTF-8"`},
		{url: "example.org/private/plan.txt", fields: aliAuthorization, want: "200 srv/example/private/plan.txt", header: "Cache-Control: private, no-cache"},
		{url: "example.org/private/plan.txt", fields: aliAuthorization, client: "198.51.100.1", want: "403"},
		{url: "example.org/private/", fields: aliAuthorization, want: "200 listing"},
		{url: "example.org/private/press/kit.zip", client: "198.51.100.1", want: "200 srv/example/private/press/kit.zip", header: "Cache-Control: public, max-age=3600"},
	},
	"Download mirror": {
		{url: "mirror.example.org/1.0/", want: "200 listing"},
		{url: "mirror.example.org/1.0/disk.iso", want: "200 srv/mirror/1.0/disk.iso dynamic", header: "Cache-Control: public, max-age=604800"},
		{url: "mirror.example.org/1.0/SHA256SUMS", want: "200 srv/mirror/1.0/SHA256SUMS", header: "Cache-Control: no-cache"},
		{url: "mirror.example.org/upload/notes.txt", want: "200 srv/mirror/upload/notes.txt"},
		{url: "mirror.example.org/1.0/notes.txt", want: "200 srv/mirror/1.0/notes.txt", header: "Cache-Control: -"},
	},
	"Package repository": {
		{url: "apt.example.org/dists/stable/InRelease", want: "200 srv/apt/dists/stable/InRelease", header: "Cache-Control: no-cache"},
		{url: "apt.example.org/dists/stable/Packages", fields: "Accept-Encoding: gzip", want: "200 srv/apt/dists/stable/Packages", header: "Content-Encoding: -"},
		{url: "apt.example.org/pool/a/a.deb", want: "200 srv/apt/pool/a/a.deb dynamic", header: "Cache-Control: public, max-age=31536000, immutable"},
		{url: "npm.example.org/left-pad", want: "200 srv/npm/left-pad/index.json", header: "Cache-Control: no-cache | Content-Type: application/json"},
		{url: "npm.example.org/left-pad/left-pad-1.0.0.tgz", want: "200 srv/npm/left-pad/left-pad-1.0.0.tgz", header: "Cache-Control: public, max-age=31536000, immutable"},
		{url: "go.example.org/example.org/m/@v/v1.0.0.info", want: "200 srv/go/example.org/m/@v/v1.0.0.info", header: "Content-Type: application/json | Cache-Control: public, max-age=31536000, immutable"},
		{url: "go.example.org/example.org/m/@v/v1.0.0.mod", want: "200 srv/go/example.org/m/@v/v1.0.0.mod", header: "Content-Type: text/plain; charset=utf-8"},
		{url: "go.example.org/example.org/m/@v/list", want: "200 srv/go/example.org/m/@v/list", header: "Cache-Control: no-cache"},
		{url: "go.example.org/example.org/m/@latest", want: "200 srv/go/example.org/m/@latest", header: "Cache-Control: no-cache"},
	},
	"Behind HAProxy": {
		{url: "example.org/", want: "200 srv/example/index.html", header: "Strict-Transport-Security: max-age=63072000"},
		{url: "example.org/", client: "203.0.113.9", want: "403", header: "Strict-Transport-Security: max-age=63072000"},
	},
	"https with certificates of one's own": {
		{url: "example.org/page.txt?q", want: "308 https://example.org/page.txt?q", header: "Strict-Transport-Security: -"},
		{url: "https://example.org/", want: "200 srv/example/index.html", header: "Strict-Transport-Security: max-age=31536000"},
		{url: "files.example.org/", want: "308 https://files.example.org/"},
		{url: "https://files.example.org/", want: "200 listing", header: "Strict-Transport-Security: max-age=31536000"},
		{url: "https://other.example.org/", want: "421"},
	},
	"Several sites with one certificate": {
		{url: "example.org/page.txt", want: "308 https://example.org/page.txt"},
		{url: "https://example.org/", want: "200 srv/example/index.html", header: "Strict-Transport-Security: max-age=31536000"},
		{url: "files.example.org/", want: "308 https://files.example.org/"},
		{url: "https://files.example.org/", want: "200 listing", header: "Strict-Transport-Security: -"},
		{url: "plain.example.org/", want: "200 srv/example/index.html"},
	},
	"https with certificates by ACME": {
		{url: "example.org/", want: "308 https://example.org/"},
		{url: "https://example.org/", want: "200 srv/example/index.html"},
		{url: "www.example.org/page.txt", want: "308 https://example.org/page.txt"},
		{url: "https://www.example.org/page.txt", want: "308 https://example.org/page.txt"},
	},
	"https behind HAProxy in TCP mode": {
		{url: "https://example.org/", want: "200 srv/example/index.html", header: "Strict-Transport-Security: max-age=31536000"},
		{url: "https://example.org/", client: "203.0.113.9", want: "403"},
	},
	"Client certificates": {
		{url: "staff.example.org/", want: "403"},
		{url: "https://staff.example.org/f.bin", want: "200 srv/files/f.bin"},
		{url: "https://staff.example.org/f.bin", site: "example.org", want: "421"},
		{url: "https://example.org/", want: "200 srv/example/index.html"},
	},
	"Several servers with shared ticket keys": {
		{url: "https://example.org/", want: "200 srv/example/index.html"},
	},
	"Caching per directory": {
		{url: "example.org/page.txt", want: "200 srv/example/page.txt", header: "Cache-Control: public, max-age=300"},
		{url: "example.org/assets/a.js", want: "200 srv/example/assets/a.js", header: "Cache-Control: public, max-age=31536000, immutable"},
		{url: "example.org/news/item.txt", want: "200 srv/example/news/item.txt", header: "Cache-Control: no-cache"},
		{url: "example.org/about.html", want: "200 srv/example/about.html", header: "Cache-Control: no-cache"},
		{url: "example.org/", want: "200 srv/example/index.html", header: "Cache-Control: no-cache"},
	},
}

// TestRecipes has each recipe of the documents decide about requests.
func TestRecipes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range recipeFiles {
		write(t, filepath.Join(dir, name), name)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etc/aws/users"), "ali:"+string(hash)+"\n")
	document, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, recipes, _ := strings.Cut(string(document), "\n## Recipes\n")
	recipes, _, _ = strings.Cut(recipes, "\n## ")
	for i, part := range strings.Split(recipes, "\n### ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		_, text, _ := strings.Cut(rest, "```toml\n")
		text, _, _ = strings.Cut(text, "```")
		requests := recipeRequests[name]
		if len(requests) == 0 {
			t.Errorf("recipe %d, %s, has no requests", i, name)
			continue
		}
		text = strings.NewReplacer(`"/srv/`, `"`+dir+`/srv/`, `"/etc/`, `"`+dir+`/etc/`).Replace(text)
		t.Run(name, func(t *testing.T) { cook(t, dir, text, requests) })
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cook makes the handler of a recipe, and has it decide about requests.
func cook(t *testing.T, dir, text string, requests []recipeRequest) {
	o := &Options{}
	if _, _, err := config.Resolve(o.Table(), config.Sources{File: "site.toml", Text: []byte(text), Tables: SiteTables}); err != nil {
		t.Fatal(err)
	}
	s, err := ReadSites("site.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if o.Sites, _, err = s.Compile(); err != nil {
		t.Fatal(err)
	}
	h, closeRoots, err := o.SiteHandler(func(string, ...any) {})
	defer closeRoots()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range requests {
		url, secure := strings.CutPrefix(q.url, "https://")
		host, path, _ := strings.Cut(url, "/")
		var tls *handler.TLS
		if secure {
			tls = &handler.TLS{Site: cmp.Or(q.site, host)}
		}
		head := fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: %s\r\n", path, host)
		if q.fields != "" {
			head += q.fields + "\r\n"
		}
		if q.client == "" {
			q.client = "192.0.2.7"
		}
		r, err := direct.Respond(h, []byte(head+"\r\n"), direct.Client{Address: netip.MustParseAddr(q.client), TLS: tls}, time.Now())
		if err != nil {
			t.Errorf("%s: %v", q.url, err)
			continue
		}
		fields := map[string]string{}
		for line := range strings.SplitSeq(string(r.Head[:r.HeadLen()]), "\r\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				fields[name] = value
			}
		}
		got := strconv.Itoa(int(r.Status))
		switch f := r.File; {
		case fields["Location"] != "":
			got += " " + fields["Location"]
		case f != nil && f.Made:
			got += " listing"
		case f != nil:
			got += " " + strings.TrimPrefix(filepath.Join(f.Mount.Dir, f.Name), dir+"/")
			if f.Loads() {
				got += " dynamic"
			}
		}
		if got != q.want {
			t.Errorf("%s: %s, want %s", q.url, got, q.want)
		}
		for field := range strings.SplitSeq(q.header, " | ") {
			if name, value, _ := strings.Cut(field, ": "); fields[name] != strings.TrimSuffix(value, "-") {
				t.Errorf("%s: %s is %q, want %q", q.url, name, fields[name], value)
			}
		}
	}
}
