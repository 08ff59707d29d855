package command

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestReadable(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"plain", "releases/1/public"} {
		if err := os.MkdirAll(at(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"current": "releases/1", "root": "/", "tmp": "/tmp"} {
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{
		"plain":          nil,
		"current":        {at("releases")},
		"current/public": {at("releases")},
		"releases/1":     nil,
		"root":           nil,
		"tmp":            nil,
		"none":           nil,
	} {
		if got := Readable(at(name)); !slices.Equal(got, append([]string{at(name)}, want...)) {
			t.Errorf("%s: %q", name, got)
		}
	}
	// A link of the system's, if this one has any: /bin leads to usr/bin.
	if target, err := os.Readlink("/bin"); err == nil && filepath.Base(target) == "bin" {
		if got := Readable("/bin/none"); !slices.Equal(got, []string{"/bin/none"}) {
			t.Errorf("/bin/none: %q", got)
		}
		if got := Readable("/bin"); !slices.Equal(got, []string{"/bin", "/usr"}) { // the root's own link is followed
			t.Errorf("/bin: %q", got)
		}
	}
}
