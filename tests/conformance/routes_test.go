package conformance

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws/tests/harness"
)

// fetchURL asks a server for a target, and follows no redirection.
func fetchURL(t *testing.T, server *harness.Server, target string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+server.Address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// TestDynamicRoute sees the files beneath ROOT/dynamic be files of ROOT: links are followed as far as ROOT goes, what
// is given for a path holds for them, and what is mounted there explicitly goes before them.
func TestDynamicRoute(t *testing.T) {
	dir := t.TempDir()
	root, other, users := filepath.Join(dir, "root"), filepath.Join(dir, "other"), filepath.Join(dir, "users")
	for name, content := range map[string]string{
		"root/static/x": "x", "root/dynamic/y.css": "y", "other/z": "z", "other/y.css": "other y",
		"users": "ali:$2a$04$wm3cTzNuPw8WxCYXBIXsbuZQTNzb5GyVWZCCmQnCDxqrm1HDXDdAe\n",
	} {
		harness.WriteFile(t, filepath.Join(dir, name), []byte(content))
	}
	harness.Symlink(t, "../static/x", filepath.Join(root, "dynamic/inside"))
	harness.Symlink(t, "../../other/z", filepath.Join(root, "dynamic/outside"))
	for _, c := range []struct {
		name   string
		args   []string
		target string
		status int
		body   string // with status 200
		field  string // Cache-Control
	}{
		{"a link within the root", nil, "/dynamic/inside", 200, "x", ""},
		{"a link out of the root", nil, "/dynamic/outside", 404, "", ""},
		{"without its slash", nil, "/dynamic", 301, "", ""},
		{"a password for all", []string{"--auth", "/=" + users}, "/dynamic/y.css", 401, "", ""},
		{"a password for all and something missing", []string{"--auth", "/=" + users}, "/dynamic/none", 401, "", ""},
		{"a password for all, and a mount below", []string{"--auth", "/=" + users, "--static", "/m/=" + other}, "/m/z", 401, "", ""},
		{"unless a nearer one says otherwise", []string{"--auth", "/=" + users, "--auth", "/dynamic/=off"}, "/dynamic/y.css", 200, "y", ""},
		{"a password for a part of a mount", []string{"--auth", "/dynamic/=" + users}, "/dynamic/y.css", 401, "", ""},
		{"beside that part", []string{"--auth", "/dynamic/=" + users}, "/static/x", 200, "x", ""},
		{"a pattern with the mount's prefix", []string{"--cache-control", "/dynamic/*=no-store"}, "/dynamic/y.css", 200, "y", "no-store"},
		{"the same beneath a mount", []string{"--static", "/m/=" + other, "--cache-control", "/m/*=no-store"}, "/m/z", 200, "z", "no-store"},
		{"a pattern without a slash", []string{"--cache-control", "*.css=no-store"}, "/dynamic/y.css", 200, "y", "no-store"},
		{"an explicit static mount", []string{"--static", "/dynamic/=" + other}, "/dynamic/y.css", 200, "other y", ""},
		{"something else at the root", []string{"--static", "/=" + other}, "/dynamic/y.css", 404, "", ""},
		{"another dynamic mount", []string{"--dynamic", "/d/=" + other}, "/dynamic/y.css", 200, "y", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := harness.StartServe(t, harness.Options{}, root, c.args...)
			response, body := fetchURL(t, server, c.target)
			if response.StatusCode != c.status || c.status == 200 && body != c.body || response.Header.Get("Cache-Control") != c.field {
				t.Errorf("%s: %s, %q, Cache-Control %q", c.target, response.Status, body, response.Header.Get("Cache-Control"))
			}
		})
	}
}

// TestMediaTypePattern sees a pattern with a slash be held against the whole path.
func TestMediaTypePattern(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "dynamic/a"), []byte("a"))
	server := harness.StartServe(t, harness.Options{}, root, "--mime", "/dynamic/*=image/x-test")
	if response, _ := fetchURL(t, server, "/dynamic/a"); response.Header.Get("Content-Type") != "image/x-test" {
		t.Errorf("Content-Type %q", response.Header.Get("Content-Type"))
	}
}

// TestWellKnown sees the directory itself be there, and its own without their slash (RFC 8615).
func TestWellKnown(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, ".well-known/acme/a"), []byte("a"))
	harness.WriteFile(t, filepath.Join(root, ".well-known/.hidden"), []byte("b"))
	harness.WriteFile(t, filepath.Join(root, ".well-knownx"), []byte("c"))
	server := harness.StartServe(t, harness.Options{}, root)
	for target, want := range map[string]int{
		"/.well-known": 301, "/.well-known/acme": 301, "/.well-known/acme/a": 200, "/.well-known/.hidden": 404, "/.well-knownx": 404,
		"/.well-known/": 404, "/x/.well-known": 404,
	} {
		if response, _ := fetchURL(t, server, target); response.StatusCode != want {
			t.Errorf("%s: %s, want %d", target, response.Status, want)
		}
	}
}

// TestInsteadDirectory sees a directory in the place of the file that is sent instead of 404 end in 404, and not in
// one redirection after the other.
func TestInsteadDirectory(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "app/index.html"), []byte("a"))
	server := harness.StartServe(t, harness.Options{}, root, "--spa", "/app/index.html")
	if response, body := fetchURL(t, server, "/none"); response.StatusCode != 200 || body != "a" {
		t.Errorf("/none: %s, %q", response.Status, body)
	}
	if err := os.Remove(filepath.Join(root, "app/index.html")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "app/index.html"), 0o755); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, time.Minute, "the file is missed", func() error {
		if response, _ := fetchURL(t, server, "/none"); response.StatusCode != 404 {
			return harness.Errorf("/none: %s", response.Status)
		}
		return nil
	})
}

// TestRelease changes a symbolic link to the root while the server runs: what it leads to is served, soon, and beneath it
// alone. Landlock allows for that where releases lie side by side.
func TestRelease(t *testing.T) {
	for _, args := range [][]string{nil, {"--landlock=false"}, {"--supervise"}} {
		dir := t.TempDir()
		for _, release := range []string{"1", "2"} {
			harness.WriteFile(t, filepath.Join(dir, "releases", release, "dynamic/version"), []byte(release))
			harness.WriteFile(t, filepath.Join(dir, "releases", release, "version"), []byte(release))
			harness.Symlink(t, "../2/version", filepath.Join(dir, "releases", release, "link"))
		}
		current := filepath.Join(dir, "current")
		harness.Symlink(t, "releases/1", current)
		server := harness.StartServe(t, harness.Options{}, current, args...)
		for _, release := range []string{"1", "2", "1"} {
			harness.Symlink(t, "releases/"+release, current+".new")
			if err := os.Rename(current+".new", current); err != nil {
				t.Fatal(err)
			}
			for _, target := range []string{"/version", "/dynamic/version"} {
				harness.Eventually(t, time.Minute, "the release is served", func() error {
					if response, body := fetchURL(t, server, target); response.StatusCode != 200 || body != release {
						return harness.Errorf("%s: %s %q, want %s", target, response.Status, body, release)
					}
					return nil
				})
			}
			if response, _ := fetchURL(t, server, "/link"); response.StatusCode != 404 {
				t.Errorf("/link: %s", response.Status)
			}
		}
		if status := server.Stop(t); status != 0 {
			t.Errorf("%q: status %d", args, status)
		}
	}
}
