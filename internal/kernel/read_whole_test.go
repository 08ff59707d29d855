package kernel

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestReadWhole reads files that stay as they are, and files that change.
func TestReadWhole(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 50_000)
	for _, test := range []struct {
		name   string
		change func(path string) error
		want   Class
	}{
		{"the same", func(string) error { return nil }, Done},
		{"written in place", func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("x"), 400_000)
				_ = f.Close()
			}
			return err
		}, Absent},
		{"shorter", func(path string) error { return os.Truncate(path, 10) }, Absent},
		{"the time is set back", func(path string) error {
			if err := os.WriteFile(path, bytes.ToUpper(content), 0o600); err != nil {
				return err
			}
			return os.Chtimes(path, time.Time{}, time.Unix(1_700_000_000, 0))
		}, Absent},
		{"replaced", func(path string) error {
			if err := os.WriteFile(path+"2", content, 0o600); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		}, Absent},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil {
				t.Fatal(err)
			}
			root, err := OpenRoot(dir, LinksBeneath)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = CloseRoot(root) }()
			var file Opened
			if class := OpenFile(root, "f", &file); class != Done {
				t.Fatal(class)
			}
			defer func() { _ = CloseAll([]int32{file.FD}) }()
			time.Sleep(20 * time.Millisecond) // more than the resolution of the filesystem's clock
			if err := test.change(path); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, file.Size)
			class := (&Linux{}).ReadWhole(file.FD, &file.Info, b)
			if class != test.want || class == Done && !bytes.Equal(b, content) {
				t.Errorf("%v, want %v", class, test.want)
			}
		})
	}
}
