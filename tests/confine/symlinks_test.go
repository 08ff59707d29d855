package confine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// policies are the values of symlinks. Each is the host of a site, and all sites have the same root.
var policies = []string{"within-root", "same-owner", "never"}

// startPolicies starts a server that serves a directory under each policy, below /static/ by sendfile and below /dynamic/ with
// asynchronous reads.
func startPolicies(t *testing.T, root string, args ...string) *harness.Server {
	t.Helper()
	var toml strings.Builder
	for _, p := range policies {
		fmt.Fprintf(&toml, `
[[site]]
hosts = [%[1]q]
root = %[2]q
symlinks = %[1]q
list = true
[[site.route]]
path = "/dynamic/"
dynamic = true
[[site.route]]
path = "/static/try/"
try = ["{path}.html", "/static/other"]
[[site.route]]
path = "/static/mixed/"
symlinks = "within-root"
[[site.route]]
path = "/static/mixed/"
match = "*.strict"
symlinks = "never"
`, p, root)
	}
	return harness.StartConfig(t, harness.Options{}, toml.String(), args...)
}

// other is a user who owns files of the tests, and does not run the server.
const other = 12345

func chown(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Lchown(name, other, other); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSymlinkPolicies asks for files through links of every kind.
func TestSymlinkPolicies(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	at := func(name string) string { return filepath.Join(root, name) }
	for _, name := range []string{"own/file", "own/file.html", "own/index.html", "own/plain", "theirs/file", "theirs/index.html"} {
		harness.WriteFile(t, at("static/"+name), []byte("text of "+name))
		harness.WriteFile(t, at("dynamic/"+name), []byte("text of "+name))
	}
	harness.WriteFile(t, at("static/coded"), []byte("plain"))
	harness.WriteFile(t, at("static/theirs/README"), []byte("words of theirs"))
	harness.WriteFile(t, at("static/theirs/packed.gz"), []byte("packed by them"))
	for _, m := range []string{"static/", "dynamic/"} {
		harness.Symlink(t, "own/file", at(m+"good"))
		harness.Symlink(t, "theirs/file", at(m+"bad"))
		harness.Symlink(t, at(m+"own"), at(m+"good-dir"))
		harness.Symlink(t, "theirs", at(m+"bad-dir"))
		harness.Symlink(t, "../own/index.html", at(m+"index-good/index.html"))
		harness.Symlink(t, "../theirs/index.html", at(m+"index-bad/index.html"))
	}
	harness.Symlink(t, "../own/file.html", at("static/try/good.html"))
	harness.Symlink(t, "../theirs/file", at("static/try/bad.html"))
	harness.Symlink(t, "theirs/file", at("static/other"))
	harness.Symlink(t, "theirs/packed.gz", at("static/coded.gz"))
	harness.Symlink(t, "../theirs/README", at("static/readme/README"))
	harness.WriteFile(t, at("static/readme/entry"), nil)
	harness.Symlink(t, "../own/file", at("static/mixed/link"))
	harness.Symlink(t, "../own/file", at("static/mixed/link.strict"))
	harness.WriteFile(t, at("static/mixed/file.strict"), nil)
	for _, m := range []string{"static/", "dynamic/"} {
		for _, name := range []string{"theirs", "theirs/file", "theirs/index.html"} {
			chown(t, at(m+name))
		}
	}
	chown(t, at("static/theirs/README"), at("static/theirs/packed.gz"))
	server := startPolicies(t, root)
	get := func(host, path, fields string) string {
		response, err := raw(server.Address, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+fields+"\r\n")
		if err != nil {
			t.Fatal(err)
		}
		return string(response)
	}
	type want struct{ path, withinRoot, sameOwner, never string } // the end of the body, or the status
	var cases []want
	for _, m := range []string{"/static/", "/dynamic/"} {
		cases = append(
			cases,
			want{m + "own/file", "text of own/file", "text of own/file", "text of own/file"},
			want{m + "theirs/file", "text of theirs/file", "text of theirs/file", "text of theirs/file"},
			want{m + "good", "text of own/file", "text of own/file", "404"},
			want{m + "bad", "text of theirs/file", "404", "404"},
			want{m + "good-dir/file", "text of own/file", "text of own/file", "404"},
			want{m + "bad-dir/file", "text of theirs/file", "404", "404"},
			want{m + "good-dir", "301", "301", "404"},
			want{m + "bad-dir", "301", "404", "404"},
			want{m + "bad-dir/", "text of theirs/index.html", "404", "404"},
			want{m + "index-good/", "text of own/index.html", "text of own/index.html", "listing"},
			want{m + "index-bad/", "text of theirs/index.html", "listing", "listing"},
		)
	}
	cases = append(
		cases,
		want{"/static/try/good", "text of own/file.html", "text of own/file.html", "404"},
		want{"/static/try/bad", "text of theirs/file", "404", "404"},
		want{"/static/try/nothing", "text of theirs/file", "404", "404"},
		want{"/static/mixed/link", "text of own/file", "text of own/file", "text of own/file"},
		want{"/static/mixed/link.strict", "404", "404", "404"},
	)
	for range 2 { // the second time from the cache
		for _, c := range cases {
			for i, want := range []string{c.withinRoot, c.sameOwner, c.never} {
				got := get(policies[i], c.path, "Accept: text/html\r\n")
				head, body, _ := strings.Cut(got, "\r\n\r\n")
				switch {
				case len(want) == 3 && strings.HasPrefix(head, "HTTP/1.1 "+want):
				case want == "listing" && strings.HasPrefix(head, "HTTP/1.1 200") && strings.Contains(body, "<html") && !strings.Contains(body, `href="index.html"`):
				case len(want) > 3 && body == want:
				default:
					t.Errorf("%s%s: %q, want %s", policies[i], c.path, got, want)
				}
			}
		}
		for i, coded := range []bool{true, false, false} {
			got := get(policies[i], "/static/coded", "Accept-Encoding: gzip\r\n")
			if strings.HasSuffix(got, "\r\n\r\npacked by them") != coded || strings.HasSuffix(got, "\r\n\r\nplain") == coded {
				t.Errorf("%s, a sibling: %q", policies[i], got)
			}
			if got := get(policies[i], "/static/readme/", "Accept: text/html\r\n"); strings.Contains(got, "words of theirs") != coded || !strings.Contains(got, `href="entry"`) {
				t.Errorf("%s, a README: %q", policies[i], got)
			}
			names := get(policies[i], "/static/", "Accept: text/plain\r\n")
			for name, shown := range map[string]bool{
				"own/": true, "theirs/": true, "good": i < 2, "good-dir/": i < 2, "bad": i < 1, "bad-dir/": i < 1, "coded.gz": i < 1, "other": i < 1,
			} {
				if strings.Contains(names, "\n"+name+"\n") != shown {
					t.Errorf("%s: %s is listed: %v\n%s", policies[i], name, !shown, names)
				}
			}
			if names := get(policies[i], "/static/mixed/", "Accept: text/plain\r\n"); !strings.HasSuffix(names, "\r\n\r\nfile.strict\nlink\n") {
				t.Errorf("%s, entries with a policy of their own: %q", policies[i], names)
			}
		}
	}
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestSymlinkPolicyRace exchanges links with files and with other links, 50,000 times, while their names are asked for under all
// policies at once. What only a refused link leads to is never sent, though the same names, and the same descriptors, are those of a
// site that follows them all.
func TestSymlinkPolicyRace(t *testing.T) {
	needRoot(t)
	const swaps = 50_000
	root := newRoot(t)
	type pair struct{ a, b string }
	var pairs []pair
	for _, directory := range []string{"static", "dynamic"} {
		at := func(name string) string { return filepath.Join(root, directory, name) }
		// What belongs to the other user is secret for links of this one.
		harness.WriteFile(t, at("vault/file"), []byte(secret))
		harness.WriteFile(t, at("house/file"), []byte("inside\n"))
		harness.WriteFile(t, at("plain/file"), []byte("inside\n"))
		chown(t, at("vault/file"), at("vault"))
		harness.WriteFile(t, at("real"), []byte("inside\n"))
		harness.Symlink(t, "house/file", at("link"))
		harness.Symlink(t, "vault/file", at("link.evil"))
		harness.Symlink(t, "vault/file", at("real.evil"))
		harness.Symlink(t, "house", at("dir"))
		harness.Symlink(t, "vault", at("dir.evil"))
		harness.Symlink(t, at("vault"), at("plain.evil"))
		pairs = append(pairs, pair{at("link"), at("link.evil")}, pair{at("real"), at("real.evil")}, pair{at("dir"), at("dir.evil")}, pair{at("plain"), at("plain.evil")})
	}
	server := startPolicies(t, root, "--landlock=false") // this is about the server's own resolution
	var over atomic.Bool
	var found, absent, secrets [3]atomic.Int64
	var broken atomic.Int64
	var group sync.WaitGroup
	for worker := range 6 {
		group.Go(func() {
			for i := worker; !over.Load(); i++ {
				policy := i % 3
				path := []string{"static/", "dynamic/"}[i/3%2] + []string{"link", "real", "dir/file", "plain/file", "link.evil", "real.evil", "dir.evil/file", "plain.evil/file"}[i/6%8]
				response, err := raw(server.Address, "GET /"+path+" HTTP/1.1\r\nHost: "+policies[policy]+"\r\nConnection: close\r\n\r\n")
				head, body, _ := bytes.Cut(response, []byte("\r\n\r\n"))
				switch {
				case err != nil || len(head) == 0:
					broken.Add(1)
				case bytes.Contains(body, []byte(secret)):
					secrets[policy].Add(1)
				case string(body) == "inside\n":
					found[policy].Add(1)
				case bytes.HasPrefix(head, []byte("HTTP/1.1 404 ")):
					absent[policy].Add(1)
				default:
					t.Errorf("%s: %q", path, response)
					return
				}
			}
		})
	}
	begin := time.Now()
	done := 0
	for ; (done < swaps || found[2].Load()+absent[2].Load() < 2000) && time.Since(begin) < 25*time.Second && !t.Failed(); done++ {
		p := pairs[done%len(pairs)]
		if err := unix.Renameat2(unix.AT_FDCWD, p.a, unix.AT_FDCWD, p.b, unix.RENAME_EXCHANGE); err != nil {
			t.Errorf("renameat2: %v", err)
		}
	}
	over.Store(true)
	group.Wait()
	for i, policy := range policies {
		t.Logf("%s: %d times inside, %d times not found, %d times the secret", policy, found[i].Load(), absent[i].Load(), secrets[i].Load())
		if secrets[i].Load() > 0 != (i == 0) || found[i].Load() == 0 || absent[i].Load() == 0 && i > 0 {
			t.Errorf("%s: a secret was sent, or it was not a race", policy)
		}
	}
	t.Logf("%d exchanges in %v, %d broken", done, time.Since(begin).Round(time.Millisecond), broken.Load())
	if broken.Load() > 0 || done < swaps {
		t.Error("responses were broken, or there were few exchanges")
	}
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
}
