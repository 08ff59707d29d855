package conformance

import (
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// proxies are servers that are put in front, each with a configuration that passes everything on to [3]s, and what is below
// /plain/ without that prefix. [1]s is a directory of its own, [2]s its address.
var proxies = []struct {
	name   string
	config string
	args   []string // [1]s is the configuration's path
}{
	{"nginx", `daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s; location /plain/ { proxy_pass http://%[3]s/; proxy_redirect off; } location / { proxy_pass http://%[3]s; proxy_redirect off; } } }
`, []string{"-c", "%[1]s"}},
	{"haproxy", `defaults
 mode http
 timeout client 60s
 timeout server 60s
 timeout connect 60s
frontend f
 bind %[2]s
 http-request replace-path /plain(/.*) \1
 default_backend b
backend b
 server s %[3]s
# %[1]s
`, []string{"-f", "%[1]s"}},
	{"apache2", `ServerName localhost
ServerRoot %[1]s
PidFile %[1]s/pid
DefaultRuntimeDir %[1]s
ErrorLog /dev/stderr
Listen %[2]s
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyPass /plain/ http://%[3]s/ nocanon
ProxyPass / http://%[3]s/ nocanon
`, []string{"-DFOREGROUND", "-f", "%[1]s"}},
}

// TestRedirectBehindProxy has proxies in front, which cut a prefix off the path, and follows the redirection of a
// directory without its slash by curl, wget, a browser and package net/url: each ends in the directory, with the query.
func TestRedirectBehindProxy(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"big", "a:b", "x y", "ü", "deep/big", "?q"} {
		harness.WriteFile(t, filepath.Join(root, name, "index.html"), []byte("here: "+name))
	}
	server := harness.StartServe(t, harness.Options{}, root)
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			path, dir, port := harness.Tool(t, p.name), t.TempDir(), freePortOf(t, root)
			config := filepath.Join(dir, "config")
			harness.WriteFile(t, config, fmt.Appendf(nil, p.config, dir, port, server.Address))
			var args []string
			for _, a := range p.args {
				args = append(args, strings.ReplaceAll(a, "%[1]s", config))
			}
			proxy := harness.Launch(t, harness.Options{Path: path, Args: args, Address: port})
			harness.Eventually(t, time.Minute, p.name+" listens", func() error { return harness.TryConnect(port) })
			for _, prefix := range []string{"/plain", ""} {
				for path, want := range map[string]string{
					"/big": "big", "/a:b": "a:b", "/x%20y": "x y", "/%C3%BC": "ü", "/deep/big": "deep/big", "/big?a=b&c=%20": "big", "/%3Fq": "?q",
				} {
					followed(t, proxy, prefix+path, want)
				}
			}
			t.Run("chromium", func(t *testing.T) {
				chromium := harness.Tool(t, "chromium")
				for _, target := range []string{"/plain/deep/big?a=b", "/plain/a:b", "/big"} {
					out, err := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
						"--disable-background-networking", "--disable-component-update", "--no-proxy-server", "--user-data-dir="+t.TempDir(),
						"--dump-dom", "http://"+port+target).Output()
					if !strings.Contains(string(out), "here: ") {
						t.Errorf("%s: %v, %.200q", target, err, out)
					}
				}
			})
			proxy.Stop(t)
		})
	}
}

// followed asks a proxy for the name of a directory, whose index is "here: " and want, and goes where the response leads to.
func followed(t *testing.T, proxy *harness.Server, target, want string) {
	t.Helper()
	address := "http://" + proxy.Address + target
	response, _ := ask(t, proxy, "GET", target)
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	to, err := base.Parse(response.Header.Get("Location"))
	if response.StatusCode != 301 || err != nil || to.Path != base.Path+"/" || to.RawQuery != base.RawQuery {
		t.Errorf("%s: %s to %q, which is %v, %v", address, response.Status, response.Header.Get("Location"), to, err)
	}
	for _, args := range [][]string{
		{"curl", "-sSL", "--noproxy", "*", address}, {"wget", "-q", "--no-proxy", "--tries=1", "-O", "-", address},
	} {
		out, err := exec.Command(harness.Tool(t, args[0]), args[1:]...).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "here: "+want {
			t.Errorf("%q: %v, %.100q", args, err, out)
		}
	}
}

// freePortOf returns an address at which a server has just listened, and nobody does any more.
func freePortOf(t *testing.T, root string) string {
	t.Helper()
	server := harness.StartServe(t, harness.Options{}, root)
	server.Stop(t)
	return server.Address
}
