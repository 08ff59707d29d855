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

// TestRedirectBehindProxy has nginx in front, which cuts a prefix off the path, and follows the redirection of a
// directory without its slash by curl, wget and package net/url: each ends in the directory, with the query.
func TestRedirectBehindProxy(t *testing.T) {
	nginx := harness.Tool(t, "nginx")
	root, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{"big", "a:b", "x y", "ü", "deep/big", "?q"} {
		harness.WriteFile(t, filepath.Join(root, name, "index.html"), []byte("here: "+name))
	}
	server := harness.StartServe(t, harness.Options{}, root)
	port := freePortOf(t, root)
	harness.WriteFile(t, filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, `daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s; location /plain/ { proxy_pass http://%[3]s/; proxy_redirect off; } location / { proxy_pass http://%[3]s; proxy_redirect off; } } }
`, dir, port, server.Address))
	proxy := harness.Launch(t, harness.Options{Path: nginx, Args: []string{"-c", filepath.Join(dir, "nginx.conf"), "-p", dir}, Address: port})
	harness.Eventually(t, time.Minute, "nginx listens", func() error { return harness.TryConnect(port) })
	for _, prefix := range []string{"/plain", ""} {
		for path, want := range map[string]string{
			"/big": "big", "/a:b": "a:b", "/x%20y": "x y", "/%C3%BC": "ü", "/deep/big": "deep/big", "/big?a=b&c=%20": "big", "/%3Fq": "?q",
		} {
			address := "http://" + port + prefix + path
			response, _ := ask(t, proxy, "GET", prefix+path)
			base, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			target, err := base.Parse(response.Header.Get("Location"))
			if response.StatusCode != 301 || err != nil || target.Path != base.Path+"/" || target.RawQuery != base.RawQuery {
				t.Errorf("%s: %s to %q, which is %v, %v", address, response.Status, response.Header.Get("Location"), target, err)
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
	}
	proxy.Stop(t)
}

// freePortOf returns an address at which a server has just listened, and nobody does any more.
func freePortOf(t *testing.T, root string) string {
	t.Helper()
	server := harness.StartServe(t, harness.Options{}, root)
	server.Stop(t)
	return server.Address
}
