package fileserver_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/fileserver"
	"aws/internal/handler/handlertest"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/serveconfig"
	"aws/internal/sites"
)

// TestArchiveOfSite has what an archive leaves out: whatever a request for the file would not get from the same root with the
// access of the directory, and what a route below does not offer.
func TestArchiveOfSite(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, name := range []string{
		"a.txt", "image.iso", "note.secret", "old/x", "auth/x", "nets/x", "nolist/x", "noarchive/x", "respond/x", "root/x", "never/x", "deep/er/x", "deep/er/auth/x",
		".git/config", ".well-known/x", "index/index.html",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"link", "never/link"} {
		if err := os.Symlink(dir+"/a.txt", filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	h := openSites(t, strings.NewReplacer("DIR", dir, "OTHER", other).Replace(`
[[site]]
default = true
root = "DIR"
list = true
archive = ["zip"]

[[site.redirect]]
from = "/old/*"
to = "/new/*"

[[site.route]]
match = "*.iso"
dynamic = true

[[site.route]]
match = "*.secret"
list = false

[[site.route]]
path = "/auth/"
auth = "users"

[[site.route]]
path = "/deep/er/auth/"
auth = "users"

[[site.route]]
path = "/nets/"
allow = ["10.0.0.0/8"]

[[site.route]]
path = "/never/"
symlinks = "never"

[[site.route]]
path = "/nolist/"
list = false

[[site.route]]
path = "/noarchive/"
archive = ["tar.gz"]

[[site.route]]
path = "/respond/"
respond = 404

[[site.route]]
path = "/root/"
root = "OTHER"
`))
	names := archiveNames(t, h, "/?archive=zip")
	want := []string{"files/", "files/.well-known/", "files/.well-known/x", "files/a.txt", "files/deep/", "files/deep/er/", "files/deep/er/x", "files/image.iso", "files/index/", "files/index/index.html", "files/link", "files/never/", "files/never/x"}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if names := archiveNames(t, h, "/deep/?archive=zip"); !slices.Equal(names, []string{"deep/", "deep/er/", "deep/er/x"}) {
		t.Errorf("%q", names)
	}
}

// openSites returns the handler of a configuration with roots that are there. No password is right.
func openSites(t *testing.T, toml string) handler.Handler {
	t.Helper()
	read, err := serveconfig.ReadSites("site.toml", []byte(toml))
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := read.Compile()
	if err != nil {
		t.Fatal(err)
	}
	o := &fileserver.SiteOptions{Table: table, Roots: map[fileserver.RootKey]kernel.Root{}, Users: map[string]*docroot.Passwords{"users": {}}}
	for _, r := range table.Routes() {
		key := fileserver.RootKeyOf(&r.Properties)
		if key.Root == nil || o.Roots[key] != 0 {
			continue
		}
		links := kernel.LinksBeneath
		if key.Symlinks == sites.SymlinksNever {
			links = kernel.LinksNever
		}
		if o.Roots[key], err = kernel.OpenRoot(key.Root.Value.Directory, links); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = kernel.CloseRoot(o.Roots[key]) })
	}
	return fileserver.NewSites(o)
}

// archiveNames returns the names in the archive that a target gets.
func archiveNames(t *testing.T, h handler.Handler, target string) (names []string) {
	t.Helper()
	head := []byte("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")
	var req request.Request
	req.Reset(h.Limits())
	if req.Parse(head) != request.Complete {
		t.Fatal(target)
	}
	var r handler.Response
	if !h.NewResponder().Respond(&r, &req, head, handlertest.NewSite(h).Files()) || r.Generator == nil {
		t.Fatalf("%s: %q", target, r.Head)
	}
	k := &kernel.Linux{}
	defer r.Generator.Close(k)
	var all []byte
	piece := make([]byte, 1000)
	for ended := false; !ended; {
		n, end, class := r.Generator.Next(k, piece)
		if class != kernel.Done {
			t.Fatal(class)
		}
		all, ended = append(all, piece[:n]...), end
	}
	z, err := zip.NewReader(bytes.NewReader(all), int64(len(all)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	return names
}
