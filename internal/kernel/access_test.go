package kernel

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMayWrite compares what is foreseen with what happens. Root may write everything, so the tests of another user have more of it.
func TestMayWrite(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, make := range []func() error{
		func() error { return os.WriteFile(at("file"), nil, 0o600) },
		func() error { return os.WriteFile(at("read-only"), nil, 0o400) },
		func() error { return os.Mkdir(at("closed"), 0o500) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	for _, name := range []string{"file", "read-only", "new", "closed", "closed/new", "absent/new", "file/new"} {
		foreseen := text(MayWrite(at(name)))
		_, err := os.Stat(at(name))
		f, opened := os.OpenFile(at(name), os.O_WRONLY|os.O_CREATE, 0o600)
		if foreseen != text(opened) {
			t.Errorf("%s: %q is foreseen, and it is %q", name, foreseen, text(opened))
		}
		if opened == nil {
			_ = f.Close()
			if err != nil {
				_ = os.Remove(at(name))
			}
		}
	}
	for _, name := range []string{"new", "closed/new", "absent/new", "file/new"} {
		foreseen := text(MayMakeDirectory(at(name)))
		if made := text(os.Mkdir(at(name), 0o700)); foreseen != made {
			t.Errorf("%s: %q is foreseen, and it is %q", name, foreseen, made)
		}
	}
}
