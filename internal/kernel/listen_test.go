package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listenAt listens at a path and returns a function that ends that, as the death of the process would.
func listenAt(t *testing.T, path string) func() {
	t.Helper()
	fd, _, err := Listen(Address{Path: path}, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := CloseAll([]int32{fd}); err != nil {
			t.Error(err)
		}
	}
}

// TestUnixSocketFile has a socket at which somebody listens, one that a dead process has left, a file
// that is none, and one that is somebody else's by now.
func TestUnixSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listenAt(t, path)
	if _, _, err := Listen(Address{Path: path}, ListenOptions{}); err == nil || !strings.Contains(err.Error(), "somebody listens there") {
		t.Errorf("a second one: %v", err)
	}
	first()
	second := listenAt(t, path) // in the place of what is left
	mine, err := SocketFileOf(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".moved"); err != nil { // it keeps its number
		t.Fatal(err)
	}
	third := listenAt(t, path)
	if err := mine.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file of another server: %v", err)
	}
	theirs, err := SocketFileOf(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := theirs.Remove(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after Remove: %v", err)
	}
	second()
	third()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Listen(Address{Path: path}, ListenOptions{}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file that is not a socket: %v", err)
	}
}
