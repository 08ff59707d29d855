package confine

import (
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

// TestAbsoluteLinks asks for files through links that hold absolute paths, as `ln -s "$PWD/file" link` makes them. Those into
// the root are followed and listed; of those out of it each is reported once.
func TestAbsoluteLinks(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			root := newRoot(t)
			at := func(name string) string { return filepath.Join(root, name) }
			harness.WriteFile(t, at("static/sub/file"), []byte("file\n"))
			harness.WriteFile(t, filepath.Join(filepath.Dir(root), "outside"), []byte(secret))
			for _, mount := range []string{"static", "dynamic"} {
				harness.Symlink(t, at("static/sub/file"), at(mount+"/links/file"))
				harness.Symlink(t, at("static/sub"), at(mount+"/links/dir"))
				harness.Symlink(t, filepath.Join(filepath.Dir(root), "outside"), at(mount+"/links/out"))
			}
			var args []string
			if mode == "serve" {
				args = []string{"--list"}
			}
			server := start(t, mode, root, harness.Options{}, args...)
			get := func(target string) string {
				response, err := raw(server.Address, "GET "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
				if err != nil {
					t.Fatal(err)
				}
				return string(response)
			}
			for range 3 {
				for _, mount := range []string{"static", "dynamic"} {
					for _, name := range []string{"file", "dir/file"} {
						if got := get("/" + mount + "/links/" + name); !strings.Contains(got, " 200 OK\r\n") || !strings.HasSuffix(got, "\r\n\r\nfile\n") {
							t.Errorf("%s, %s: %q", mount, name, got)
						}
					}
					if got := get("/" + mount + "/links/out"); !strings.Contains(got, " 404 ") || strings.Contains(got, secret) {
						t.Errorf("%s, out: %q", mount, got)
					}
				}
			}
			if mode == "serve" {
				if got := get("/static/links/"); !strings.Contains(got, `href="file"`) || !strings.Contains(got, `href="dir/"`) || strings.Contains(got, `href="out"`) {
					t.Errorf("the listing: %q", got)
				}
			}
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d", status)
			}
			for _, mount := range []string{"static", "dynamic"} {
				line := at(mount+"/links/out") + " is a symbolic link to " + filepath.Join(filepath.Dir(root), "outside") + ", which is not in " + root
				if n := strings.Count(server.Output(), line); n != 1 {
					t.Errorf("%d times %q", n, line)
				}
			}
		})
	}
}
