package kernel

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTryLock has two open files of one name: the second gets the lock when the first is closed.
func TestTryLock(t *testing.T) {
	var files [2]*os.File
	name := filepath.Join(t.TempDir(), "lock")
	for i := range files {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // the first is closed twice
		files[i] = f
	}
	for i, want := range []bool{true, false} {
		if locked, err := TryLock(files[i]); err != nil || locked != want {
			t.Errorf("file %d: %v, %v", i, locked, err)
		}
	}
	if err := files[0].Close(); err != nil {
		t.Fatal(err)
	}
	if locked, err := TryLock(files[1]); err != nil || !locked {
		t.Errorf("after the close: %v, %v", locked, err)
	}
}
