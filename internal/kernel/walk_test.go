package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// linkTree makes files and links of two owners, and returns the directory. Owners are by the first letter of a name: a is
// another user, everything else is the user who runs the test.
func linkTree(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(top, "root")
	for _, dir := range []string{"dir/sub", "adir"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "afile", "dir/file", "dir/sub/file", "adir/file", "adir/afile"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"own": "file", "own-dir": "dir", "own-deep": "dir/sub/../file", "own-slash": "dir/", "own-up": "dir/sub/..", "own-root": ".",
		"own-absolute": root + "/dir/file", "own-absolute-slash": root + "/dir/", "own-twice": "own", "other": "afile", "other-dir": "adir", "other-twice": "alink",
		"alink": "afile", "a-to-own": "file", "a-to-dir": "dir", "a-chain": "own", "adir/a-up": "../file", "adir/alink": "afile",
		"out": "../secret", "out-absolute": top + "/secret", "loop": "loop", "none": "nothing", "file-slash": "file/", "file-dot": "file/.", "file-up": "file/../file",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(top, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Name()[0] == 'a' {
			err = os.Lchown(path, 12345, 12345)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// linkCases are what names lead to under each policy.
var linkCases = []struct{ name, beneath, sameOwner, never string }{
	{"file", "file", "file", "file"},
	{"adir/afile", "adir/afile", "adir/afile", "adir/afile"},
	{"adir/file", "adir/file", "adir/file", "adir/file"},
	{"dir", "directory", "directory", "directory"},
	{"dir/", "directory", "directory", "directory"},
	{".", "directory", "directory", "directory"},
	{"file/", "absent", "absent", "absent"},
	{"own", "file", "file", "absent"},
	{"own/", "absent", "absent", "absent"},
	{"own-dir", "directory", "directory", "absent"},
	{"own-dir/", "directory", "directory", "absent"},
	{"own-dir/sub/file", "dir/sub/file", "dir/sub/file", "absent"},
	{"own-dir/nothing", "absent", "absent", "absent"},
	{"own-deep", "dir/file", "dir/file", "absent"},
	{"own-slash/file", "dir/file", "dir/file", "absent"},
	{"own-up/file", "dir/file", "dir/file", "absent"},
	{"own-root/own-root/file", "file", "file", "absent"},
	{"own-root/other", "afile", "absent", "absent"},
	{"own-absolute", "dir/file", "dir/file", "absent"},
	{"own-absolute-slash/file", "dir/file", "dir/file", "absent"},
	{"own-twice", "file", "file", "absent"},
	{"other", "afile", "absent", "absent"},
	{"other-dir/file", "adir/file", "absent", "absent"},
	{"other-twice", "afile", "absent", "absent"},
	{"alink", "afile", "afile", "absent"},
	{"a-to-own", "file", "absent", "absent"},
	{"a-to-dir/file", "dir/file", "absent", "absent"},
	{"a-chain", "file", "absent", "absent"},
	{"adir/a-up", "file", "absent", "absent"},
	{"adir/alink", "adir/afile", "adir/afile", "absent"},
	{"out", "absent", "absent", "absent"},
	{"out-absolute", "absent", "absent", "absent"},
	{"loop", "absent", "absent", "absent"},
	{"none", "absent", "absent", "absent"},
	{"file-slash", "absent", "absent", "absent"},
	{"file-dot", "absent", "absent", "absent"},
	{"file-up", "absent", "absent", "absent"},
}

// openForLoop returns what a loop finds, and what a worker thread finds where the loop can't.
func openForLoop(t *testing.T, k *Linux, root Root, name string) string {
	var opened Opened
	class := k.Open(root, []byte(name), &opened)
	var info Info
	if class == Again {
		content := contentOf(root, name)
		if content == "absent" && k.Stat(root, []byte(name), &info) == Done {
			t.Errorf("%s: a name that is refused is valid", name)
		}
		return content
	}
	again := k.Stat(root, []byte(name), &info)
	for range 100 {
		if again != Again {
			break
		}
		// A link whose access time is due to be set, as the clock has gone on since it was made, is not followed without waiting. A worker sets it.
		contentOf(root, name)
		again = k.Stat(root, []byte(name), &info)
	}
	if class == Done && (again != Done || !info.Same(&opened.Info)) {
		t.Errorf("%s: the name of an open file is %v", name, again)
	}
	if class != Done {
		return class.String()
	}
	defer func() { _ = unix.Close(int(opened.FD)) }()
	content := make([]byte, opened.Size)
	if n, err := unix.Pread(int(opened.FD), content, 0); err != nil || int64(n) != opened.Size {
		t.Errorf("%s: %d, %v", name, n, err)
	}
	return string(content)
}

// TestLinkPolicies opens names under each policy, as loops and worker threads do, and lists a directory.
func TestLinkPolicies(t *testing.T) {
	withoutOpenat2(t, func(t *testing.T) {
		dir := linkTree(t)
		k, _, err := NewLinux(Config{EventsMax: 8, WorkersMax: 1, JobsMax: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = k.Close() }()
		for links, want := range map[Links]func(i int) string{
			LinksBeneath:     func(i int) string { return linkCases[i].beneath },
			LinksOfSameOwner: func(i int) string { return linkCases[i].sameOwner },
			LinksNever:       func(i int) string { return linkCases[i].never },
		} {
			root, err := OpenRoot(dir, links)
			if err != nil {
				t.Fatal(err)
			}
			var reported []string
			OnOutside(root, func(link, _ string) { reported = append(reported, link) })
			wanted := map[string]bool{}
			for i, c := range linkCases {
				wanted[c.name] = want(i) != "absent"
				for range 2 {
					if got := contentOf(root, c.name); got != want(i) {
						t.Errorf("policy %d, %s: %s, want %s", links, c.name, got, want(i))
					}
					if got := openForLoop(t, k, root, c.name); got != want(i) {
						t.Errorf("policy %d, %s, by a loop: %s, want %s", links, c.name, got, want(i))
					}
				}
			}
			entries, _, class := k.ReadDirectory(root, "", 100, func(string) (Root, bool) { return root, true })
			for _, e := range entries {
				if shown, ok := wanted[e.Name]; ok && !shown {
					t.Errorf("policy %d: %s is listed", links, e.Name)
				}
				delete(wanted, e.Name)
			}
			for name, shown := range wanted {
				if shown && !slices.Contains([]byte(name), '/') && name != "." {
					t.Errorf("policy %d: %s is not listed", links, name)
				}
			}
			slices.Sort(reported)
			if want := []string{"out", "out-absolute"}; class != Done || links != LinksNever && !slices.Equal(reported, want) || links == LinksNever && len(reported) > 0 {
				t.Errorf("policy %d: %v, reported %q", links, class, reported)
			}
			if err := CloseRoot(root); err != nil {
				t.Error(err)
			}
			if root.links() != LinksBeneath {
				t.Error("a closed root has a policy of links")
			}
		}
	})
}

// TestWalkLeavesNothingOpen counts descriptors.
func TestWalkLeavesNothingOpen(t *testing.T) {
	root, err := OpenRoot(linkTree(t), LinksOfSameOwner)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = CloseRoot(root) }()
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := count()
	for _, c := range linkCases {
		if fd, errno := walkTo(root, c.name, LinksOfSameOwner); errno == 0 {
			_ = unix.Close(int(fd))
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, and %d before", after, before)
	}
}

// TestWalkRace exchanges links with links, and what they lead to with files and directories of another owner, while the names are
// opened: what has another owner than the link is never opened.
func TestWalkRace(t *testing.T) {
	dir := linkTree(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, link := range [][2]string{{"file", "x"}, {"afile", "x-evil"}, {"dir", "y"}, {"adir", "y-evil"}} {
		if err := os.Symlink(link[0], at(link[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("adir/file"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("afile"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(dir, LinksOfSameOwner)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = CloseRoot(root) }()
	var over atomic.Bool
	ended := make(chan error, 1)
	go func() {
		for i := 0; !over.Load(); i++ {
			pair := [][2]string{{"x", "x-evil"}, {"y", "y-evil"}, {"file", "afile"}, {"dir", "adir"}}[i/2%4]
			if err := unix.Renameat2(unix.AT_FDCWD, at(pair[0]), unix.AT_FDCWD, at(pair[1]), unix.RENAME_EXCHANGE); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	found := map[string]int{}
	for i := range 20_000 {
		name := []string{"x", "y/file", "x-evil", "y-evil/file"}[i%4]
		fd, class := openSurely(root, name)
		if class != Done {
			found[class.String()]++
			continue
		}
		var stat unix.Stat_t
		if err := unix.Fstat(int(fd), &stat); err != nil {
			t.Fatal(err)
		}
		var content [16]byte
		n, _ := unix.Pread(int(fd), content[:], 0)
		_ = unix.Close(int(fd))
		found[string(content[:n])]++
	}
	over.Store(true)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	t.Log(found)
	if found["file"] == 0 || found["absent"] == 0 {
		t.Error("it was not a race")
	}
	if found["secret"] > 0 {
		t.Error("a link has led to a file of another owner")
	}
}
