package goloop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler/fileserver"

	"golang.org/x/crypto/bcrypt"
)

// TestListingsBesideOthers lists directories that nobody has listed before while the loop responds to other requests: what a
// worker thread renders depends on nothing that these change. The race detector would find it.
func TestListingsBesideOthers(t *testing.T) {
	const directories = 60
	s := newSite(t)
	for i := range directories {
		dir := filepath.Join(s.dir, "static", fmt.Sprint("list", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "entry"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := startServe(t, s, func(o *fileserver.Options, _ *ServerConfig) { o.List = true })
	var group sync.WaitGroup
	for client := range 6 {
		group.Go(func() {
			for i := range directories {
				target, want := fmt.Sprintf("/list%d/", i), `href="entry"`
				if client%2 == 1 {
					target, want = "/k", "200 OK"
				}
				if response := roundTrip(t, server, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !bytes.Contains(response, []byte(want)) {
					t.Errorf("%s: %.200q", target, response)
				}
			}
		})
	}
	group.Wait()
}

// TestReadmeOfListing has a README shown below the listing in HTML only, and only if the client may have it.
func TestReadmeOfListing(t *testing.T) {
	s := newSite(t)
	for name, text := range map[string]string{
		"static/list/README.txt": "first <b>text</b>", "static/list/readme": "second text", "static/list/z": "",
		"static/private/README.md": "secret text", "static/private/README": "public text", "static/outside/z": "",
	} {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(s.dir, "static/outside/README")); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, err := docroot.ParsePasswords(fmt.Appendf(nil, "ann:%s\n", hash))
	if err != nil {
		t.Fatal(err)
	}
	server := startServe(t, s, func(o *fileserver.Options, _ *ServerConfig) {
		o.List, o.Access = true, []*docroot.AccessRule{{Prefix: "/private/README.md/", Users: users}}
	})
	for _, c := range []struct{ target, accept, mediaType, with, without string }{
		{"/list/", "*/*", "text/html", "<pre>\nfirst &lt;b&gt;text&lt;/b&gt;</pre>", "second text"},
		{"/list/", "text/plain", "text/plain", "\r\n\r\nreadme\nREADME.txt\nz\n", "text</"},
		{"/list/", "application/json", "application/json", `"name":"README.txt"`, "text</"},
		{"/private/", "text/html", "text/html", "<pre>\npublic text</pre>", "secret text"},
		{"/private/", "text/plain, */*;q=0.1", "text/plain", "\r\n\r\nREADME\n", "README.md"},
		{"/outside/", "text/html", "text/html", `href="z"`, "README"},
	} {
		response := roundTrip(t, server, "GET "+c.target+" HTTP/1.1\r\nHost: x\r\nAccept: "+c.accept+"\r\nConnection: close\r\n\r\n")
		for _, part := range []string{"200 OK", "Vary: Accept\r\n", "Content-Type: " + c.mediaType, c.with} {
			if !bytes.Contains(response, []byte(part)) {
				t.Errorf("%s as %s: no %q in %q", c.target, c.accept, part, response)
			}
		}
		if bytes.Contains(response, []byte(c.without)) {
			t.Errorf("%s as %s: %q in %q", c.target, c.accept, c.without, response)
		}
	}
}
