package kernel

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// withoutOpenat2 runs a test as it is, and on a kernel that has no openat2(2).
func withoutOpenat2(t *testing.T, test func(t *testing.T)) {
	t.Run("openat2", test)
	t.Run("os.Root", func(t *testing.T) {
		real := missing
		missing = func() missingCalls { return missingCalls{openat2: unix.ENOSYS, cached: unix.ENOSYS} }
		defer func() { missing = real }()
		test(t)
	})
}

// TestAbsoluteLinks opens files and directories through symbolic links as people make them: with the path of the root in them,
// as it was given and as it is, and with one that leads elsewhere.
func TestAbsoluteLinks(t *testing.T) {
	withoutOpenat2(t, func(t *testing.T) {
		top, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		real, given := filepath.Join(top, "releases", "1"), filepath.Join(top, "current")
		for _, dir := range []string{"a/b", "c"} {
			if err := os.MkdirAll(filepath.Join(real, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range map[string]string{
			"releases/1/file": "file", "releases/1/a/b/deep": "deep", "releases/1x": "not in the root", "secret": "not in the root",
		} {
			if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		links := map[string]string{
			"c/absolute":   real + "/file",
			"c/given":      given + "/file",
			"c/dots":       real + "/a/../file",
			"c/here":       real + "/./a//b/deep",
			"c/dir":        given + "/a",
			"c/root":       given,
			"c/slash":      given + "/",
			"c/twice":      real + "/c/dir/b/deep",
			"c/relative":   "../c/absolute",
			"c/loop":       real + "/c/loop",
			"c/none":       real + "/none",
			"c/prefix":     real + "x",
			"c/other":      top + "/secret",
			"c/up":         real + "/../../secret",
			"c/way":        real + "/c/out/secret",
			"c/out":        "../../..",
			"c/etc":        "/etc/passwd",
			"c/top":        "/",
			"c/proc":       "/proc/self/root" + real + "/file",
			"c/indirectly": real + "/c/etc",
		}
		for link, target := range links {
			if err := os.Symlink(target, filepath.Join(real, link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("releases/1", given); err != nil {
			t.Fatal(err)
		}
		root, err := OpenRoot(given, LinksBeneath)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = CloseRoot(root) }()
		var reported []string
		OnOutside(root, func(link, target string) { reported = append(reported, link+" -> "+target) })
		for name, want := range map[string]string{
			"c/absolute": "file", "c/given": "file", "c/dots": "file", "c/here": "deep", "c/dir/b/deep": "deep", "c/root/c/root/file": "file",
			"c/slash/file": "file", "c/twice": "deep", "c/relative": "file", "c/dir/b/../../file": "file",
			"c/dir": "directory", "c/dir/": "directory", "c/root": "directory", "c/slash/": "directory",
			"c/loop": "absent", "c/none": "absent", "c/prefix": "absent", "c/other": "absent", "c/up": "absent", "c/way": "absent",
			"c/etc": "absent", "c/out": "absent", "c/out/releases/1/file": "absent", "c/top": "absent", "c/proc": "absent",
			"c/indirectly": "absent", "c/absolute/": "absent", "c/absolute/x": "absent",
		} {
			if got := contentOf(root, name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if got := contentOf(root, name); got != want {
				t.Errorf("%s, again: %s, want %s", name, got, want)
			}
		}
		entries, _, class := (&Linux{}).ReadDirectory(root, "c/", 100, func(string) (Root, bool) { return root, true })
		var names []string
		for _, e := range entries {
			names = append(names, e.Name)
		}
		slices.Sort(names)
		if want := []string{"absolute", "dir", "dots", "given", "here", "relative", "root", "slash", "twice"}; class != Done || !slices.Equal(names, want) {
			t.Errorf("%v, entries %q, want %q", class, names, want)
		}
		slices.Sort(reported)
		var want []string
		for _, link := range []string{"c/etc", "c/other", "c/out", "c/prefix", "c/proc", "c/top", "c/up"} {
			want = append(want, link+" -> "+links[link])
		}
		if !slices.Equal(reported, want) {
			t.Errorf("reported %q, want %q", reported, want)
		}
	})
}

// contentOf returns what is in a file beneath a root, or what there is instead.
func contentOf(root Root, name string) string {
	fd, class := openSurely(root, name)
	if class != Done {
		return class.String()
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return "directory"
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}
