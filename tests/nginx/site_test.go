package nginx

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"aws/tests/harness"
)

// files are the files that both servers have. The content of each is an equals sign and its path.
var files = []string{
	"main/index.html", "main/f.txt", "main/f", "main/a/index.html", "main/a/x.txt", "main/a/b/x.txt", "main/a/b/c/x.txt", "main/a/bb/x.txt",
	"main/a-b/x.txt", "main/a-c/x.txt", "main/aa/x.txt", "main/b/x.txt", "main/ä/x.txt", "main/ä/ö/x.txt", "main/a b/x.txt", "main/a b/c d.txt",
	"main/docs/index.txt", "main/docs/x.txt", "main/docs/x.css", "main/docs/x.html", "main/docs/api/index.html", "main/docs/api/x.css",
	"main/docs/api/index.css", "main/docs/api/v1/index.html", "main/docs/both/index.html", "main/docs/both/index.txt", "main/docs.css",
	"main/x.iso", "main/b/x.iso", "main/100%/x.txt", "main/q?/x.txt", "main/plus+sign.txt", "main/semi;colon.txt", "main/.dot/x.txt", "main/.dotfile",
	"main/names/.x", "main/names/x", "main/names/.d/x", "main/private/x.txt", "main/private/index.html", "main/private/open/x.txt",
	"main/private/deep/x.txt", "main/private/open/shut/x.txt", "main/in/x.txt", "main/in/public/x.txt", "main/in/index.html", "main/out/x.txt",
	"main/clean/about.html", "main/clean/both", "main/clean/both.html", "main/clean/dir/index.html", "main/clean/index.html", "main/clean/x.y.html",
	"main/app/index.html", "main/app/real.txt", "main/app/assets/a.js", "main/app/dir/x.txt",
	"main/new/x", "main/target", "main/pages/x.txt", "main/pages/inner/x.txt", "main/list/x.txt", "main/list/indexed/index.html", "main/gone/x.txt",
	"main/empty-directory/d/x.txt", "main/noindex/index.html", "main/exact/x.txt", "main/exact/file", "main/case/X.txt",
	"other/x.txt", "other/index.html", "other/d/x.txt", "pages/404.html", "pages/inner.html", "pages/403.html",
	"exact/f", "net/f", "net/index.html", "deep/f", "apex/f", "org/f", "address/f", "idna/f", "rest/f", "rest/index.html",
}

// users has the user ali with the password sesame.
const users = "ali:$2a$04$F0l5NdcXuC18FpZXjZ9phu5URPjCiqY9pxx2B5d3yIGB4bDLJszGu\n"

// makeFiles makes the files, which were modified long ago: what is new has no Last-Modified.
func makeFiles(t *testing.T) (directory string) {
	t.Helper()
	directory = t.TempDir()
	for _, name := range files {
		path := filepath.Join(directory, name)
		harness.WriteFile(t, path, []byte("="+name))
		if err := os.Chtimes(path, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	harness.WriteFile(t, filepath.Join(directory, "users"), []byte(users))
	return directory
}

// settings are what the templates of the configurations use.
type settings struct {
	Directory string
	Default   bool   // there is a site of all other hosts
	Listen    string // the address of nginx
}

// fill fills a template in.
func fill(t *testing.T, text string, s settings) string {
	t.Helper()
	functions := template.FuncMap{
		// route is a prefix on segment borders: the path itself and what is below it. within are locations in it.
		"route": func(path, directives string, within ...string) string {
			return "location = \"" + path + "\" { " + directives + " }\n  location ^~ \"" + path + "/\" { " + directives + "\n" + strings.Join(within, "\n") + " }"
		},
		// hosts is a site with files alone.
		"hosts": func(name, hosts string) string {
			return "server { listen " + s.Listen + "; server_name " + hosts + "; set $route " + name + "; root " + s.Directory + "/" + name +
				"; if ($uri ~ \"/\\.\") { return 404; } add_header X-Route $route always; }"
		},
	}
	var b strings.Builder
	if err := template.Must(template.New("").Funcs(functions).Parse(text)).Execute(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// freeAddress returns an address at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// startNginx starts nginx with the configuration of a directory.
func startNginx(t *testing.T, s settings) *harness.Server {
	t.Helper()
	s.Listen = freeAddress(t)
	own := t.TempDir()
	config := filepath.Join(own, "config")
	harness.WriteFile(t, config, []byte(fill(t, strings.NewReplacer("OWN", own, "DIR", s.Directory).Replace(nginxConfig), s)))
	return harness.Start(t, harness.Options{Path: harness.Tool(t, "nginx"), Args: []string{"-p", own, "-c", config}, Address: s.Listen})
}

// startServe starts aws with the configuration of a directory.
func startServe(t *testing.T, s settings) (server *harness.Server, config string) {
	t.Helper()
	config = filepath.Join(t.TempDir(), "c.toml")
	harness.WriteFile(t, config, []byte(fill(t, awsConfig, s)))
	return harness.Start(t, harness.Options{Path: harness.AWS(t), Args: []string{"serve", "--config", config}}), config
}
