package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadStart reads and opens files beneath a root and through links, and what is not a file or not beneath it.
func TestReadStart(t *testing.T) {
	withoutOpenat2(t, func(t *testing.T) {
		top := t.TempDir()
		dir := filepath.Join(top, "root")
		if err := os.MkdirAll(filepath.Join(dir, "sub/deep"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"root/a": "0123456789", "root/sub/b": "b", "root/empty": "", "secret": "secret"} {
			if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for link, target := range map[string]string{
			"in": "sub/../a", "absolute": dir + "/sub/b", "up": "../secret", "out": top + "/secret", "proc": "/proc/self/status", "loop": "loop",
			"nowhere": "none", "directory": "sub",
		} {
			if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
			t.Fatal(err)
		}
		root, err := OpenRoot(dir, LinksBeneath)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = CloseRoot(root) }()
		for _, c := range []struct {
			name  string
			most  int
			want  string
			class Class
		}{
			{"a", 100, "0123456789", Done},
			{"a", 10, "0123456789", Done},
			{"a", 4, "0123", Done},
			{"a", 0, "", Done},
			{"empty", 100, "", Done},
			{"sub/b", 100, "b", Done},
			{"in", 3, "012", Done},
			{"absolute", 100, "b", Done},
			{"sub", 100, "", Directory},
			{"sub/", 100, "", Directory},
			{"directory", 100, "", Directory},
			{"none", 100, "", Absent},
			{"a/b", 100, "", Absent},
			{"nowhere", 100, "", Absent},
			{"loop", 100, "", Absent},
			{"up", 100, "", Absent},
			{"out", 100, "", Absent},
			{"proc", 100, "", Absent},
			{"../secret", 100, "", Absent},
			{"sub/../../secret", 100, "", Absent},
			{"fifo", 100, "", Absent},
			{"a\x00b", 100, "", Absent},
			{strings.Repeat("x", unix.PathMax), 100, "", Absent},
		} {
			open := len(descriptors(t))
			if got, class := (&Linux{}).ReadStart(root, c.name, c.most); string(got) != c.want || class != c.class {
				t.Errorf("%.20q, at most %d: %q, %v, want %q, %v", c.name, c.most, got, class, c.want, c.class)
			}
			if opened, class := (&Linux{}).OpenFile(root, c.name); class != c.class {
				t.Errorf("%.20q is opened: %v, want %v", c.name, class, c.class)
			} else if class == Done {
				b := make([]byte, c.most)
				n := (&Linux{}).ReadFile(opened.FD, b, 0)
				if n < 0 || string(b[:n]) != c.want {
					t.Errorf("%.20q is read: %d, %q", c.name, n, b)
				}
				(&Linux{}).CloseFile(opened.FD)
			}
			if now := len(descriptors(t)); now != open {
				t.Errorf("%.20q: %d descriptors are open, %d were", c.name, now, open)
			}
		}
		if os.Getuid() == 0 {
			return // who may open everything
		}
		if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
			t.Fatal(err)
		}
		if _, class := (&Linux{}).ReadStart(root, "a", 100); class != Denied {
			t.Errorf("a file that may not be opened: %v", class)
		}
	})
}

// descriptors returns the names of the descriptors that are open.
func descriptors(t *testing.T) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return list
}
