package compression

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openDirectory opens a directory that is closed at the end of the test.
func openDirectory(t *testing.T, path string, bytesMax int64) *Directory {
	t.Helper()
	d, err := OpenDirectory(path, bytesMax, 3, func(err error) { t.Logf("warning: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestRestart has forms of an earlier process loaded, and not made again.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	key := keyOf(1, 1000)
	d := &disk{}
	for i, stats := range []Stats{{Made: 1}, {Loaded: 1}} {
		c := NewCache(limits(), halves, openDirectory(t, path, 1<<20))
		begin(t, c, key, Soon)
		c.Make(d, 3, key)
		want(t, c, key, 0, Ready)
		if s := c.Stats(); s.Made != stats.Made || s.Loaded != stats.Loaded || s.DirectoryBytes != int64(formHeadBytes)+500 {
			t.Errorf("start %d: %+v", i, s)
		}
	}
	if d.read.Load() != 1 {
		t.Error("the file is read again")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the mode of the directory is %v, %v", info.Mode(), err)
	}
	files, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the file is %v, %v", info.Mode(), err)
	}
	other, err := OpenDirectory(path, 1<<20, 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, ok := other.load(key); ok {
		t.Error("a form of another version is loaded")
	}
}

// TestForeignFiles replaces the file of a form by others, none of which is loaded.
func TestForeignFiles(t *testing.T) {
	form := bytes.Repeat([]byte("form"), 100)
	key, other := keyOf(1, 1000), keyOf(2, 1000)
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path string, content []byte) // of the file
	}{
		{"no file", func(t *testing.T, path string, _ []byte) { must(t, os.Remove(path)) }},
		{"empty", func(t *testing.T, path string, _ []byte) { must(t, os.WriteFile(path, nil, 0o600)) }},
		{"cut", func(t *testing.T, path string, b []byte) { must(t, os.WriteFile(path, b[:len(b)-1], 0o600)) }},
		{"cut in the head", func(t *testing.T, path string, b []byte) { must(t, os.WriteFile(path, b[:10], 0o600)) }},
		{"longer", func(t *testing.T, path string, b []byte) { must(t, os.WriteFile(path, append(b, 0), 0o600)) }},
		{"a bit of the form", func(t *testing.T, path string, b []byte) {
			b[len(b)-1] ^= 1
			must(t, os.WriteFile(path, b, 0o600))
		}},
		{"a bit of the head", func(t *testing.T, path string, b []byte) {
			b[0] ^= 1
			must(t, os.WriteFile(path, b, 0o600))
		}},
		{"the form of another file", func(t *testing.T, path string, _ []byte) {
			d := openDirectory(t, filepath.Dir(path), 1<<20)
			d.store(other, form)
			must(t, os.Rename(filepath.Join(filepath.Dir(path), d.name(other)), path))
		}},
		{"as large as the content", func(t *testing.T, path string, _ []byte) {
			must(t, os.WriteFile(path, make([]byte, 1000+formHeadBytes), 0o600))
		}},
		{"a link to a file", func(t *testing.T, path string, b []byte) {
			must(t, os.WriteFile(path+".other", b, 0o600))
			must(t, os.Remove(path))
			must(t, os.Symlink(filepath.Base(path)+".other", path))
		}},
		{"a directory", func(t *testing.T, path string, _ []byte) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := openDirectory(t, filepath.Join(t.TempDir(), "cache"), 1<<20)
			d.store(key, form)
			if !sameForm(d, key, form) {
				t.Fatal("the form is not loaded")
			}
			path := filepath.Join(d.root.Name(), d.name(key))
			content, err := os.ReadFile(path)
			must(t, err)
			test.change(t, path, content)
			if _, ok := d.load(key); ok {
				t.Error("it is loaded")
			}
			if test.name != "no file" {
				if _, _, bad := d.stats(); bad != 1 {
					t.Errorf("%d files are counted", bad)
				}
			}
			d.store(key, form)
			if !sameForm(d, key, form) {
				t.Error("the form can't be stored again")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDirectoryIsBounded stores more than fits: what was not used for the longest time goes, and other files stay.
func TestDirectoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	form := make([]byte, 1000)
	each := int64(formHeadBytes + len(form))
	bound := 16 * each
	d := openDirectory(t, path, bound)
	must(t, os.WriteFile(filepath.Join(path, "README"), make([]byte, 100_000), 0o600))
	must(t, os.WriteFile(filepath.Join(path, "new"+temporary), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(path, "old"+temporary), nil, 0o600))
	old := time.Now().Add(-2 * abandonedFor)
	must(t, os.Chtimes(filepath.Join(path, "old"+temporary), old, old))
	for i := range 16 {
		d.store(keyOf(i, 2000), form)
		at := time.Now().Add(time.Duration(i-100) * time.Second)
		must(t, os.Chtimes(filepath.Join(path, d.name(keyOf(i, 2000))), at, at))
	}
	if !sameForm(d, keyOf(0, 2000), form) { // which uses it
		t.Fatal("the first form is not there")
	}
	for i := 16; i < 40; i++ {
		d.store(keyOf(i, 2000), form)
		if n := sizeOf(t, path); n > bound {
			t.Fatalf("the forms have %d bytes", n)
		}
		if i == 16 {
			for k, there := range map[int]bool{0: true, 1: false, 2: false, 16: true, 15: true} {
				if _, ok := d.load(keyOf(k, 2000)); ok != there {
					t.Errorf("form %d is there: %v", k, ok)
				}
			}
		}
	}
	for name, there := range map[string]bool{"README": true, "new" + temporary: true, "old" + temporary: false} {
		if _, err := os.Stat(filepath.Join(path, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.store(keyOf(99, 1<<20), make([]byte, bound))
	if _, failed, _ := d.stats(); failed != 1 || sizeOf(t, path) > bound {
		t.Errorf("a form that does not fit: %d failed", failed)
	}
	smaller := openDirectory(t, path, 4*each)
	if n := sizeOf(t, path); n > 4*each {
		t.Errorf("after a start with a smaller bound, the forms have %d bytes", n)
	}
	if n, _, _ := smaller.stats(); n != sizeOf(t, path) {
		t.Errorf("%d bytes are counted", n)
	}
}

// sizeOf returns the size of all forms in a directory.
func sizeOf(t *testing.T, path string) (sum int64) {
	t.Helper()
	entries, err := os.ReadDir(path)
	must(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), formSuffix) {
			info, err := e.Info()
			must(t, err)
			sum += info.Size()
		}
	}
	return sum
}

// TestDirectoryMistakes opens what can't be used.
func TestDirectoryMistakes(t *testing.T) {
	dir := t.TempDir()
	file, open := filepath.Join(dir, "file"), filepath.Join(dir, "open")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Mkdir(open, 0o700))
	must(t, os.Chmod(open, 0o770))
	for path, want := range map[string]string{
		file: "is not a directory", open: "chmod go-w " + open, filepath.Join(dir, "none", "cache"): "create the parent directory",
	} {
		d, err := OpenDirectory(path, 1<<20, 1, nil)
		if err == nil {
			_ = d.Close()
		}
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestWriteFails warns once of a directory that can't be written to, and keeps the forms in memory.
func TestWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	var warnings []error
	d, err := OpenDirectory(path, 1<<20, 1, func(err error) { warnings = append(warnings, err) })
	must(t, err)
	must(t, d.Close()) // so that all calls fail
	c := NewCache(limits(), halves, d)
	for i := range 2 {
		begin(t, c, keyOf(i, 100), Soon)
		c.Make(&disk{}, 3, keyOf(i, 100))
		want(t, c, keyOf(i, 100), 0, Ready)
	}
	if s := c.Stats(); len(warnings) != 1 || !errors.Is(warnings[0], os.ErrClosed) || s.DirectoryFailed != 2 {
		t.Errorf("%v, %+v", warnings, s)
	}
}
