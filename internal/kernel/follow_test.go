package kernel

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFollowRoot(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"release1", "release2"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "in"+name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(dir, "current")
	point := func(to string) {
		t.Helper()
		_ = os.Remove(current)
		if to == "" {
			return
		}
		if err := os.Symlink(to, current); err != nil {
			t.Fatal(err)
		}
	}
	point("release1")
	root, err := OpenRoot(current, LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = CloseRoot(root) }()
	want := func(class1, class2 Class) {
		t.Helper()
		if c1, c2 := LookUp(root, "inrelease1"), LookUp(root, "inrelease2"); c1 != class1 || c2 != class2 {
			t.Errorf("release1 %v, release2 %v", c1, c2)
		}
	}
	want(Done, Absent)
	if changed, err := FollowRoot(root, current); changed || err != nil {
		t.Errorf("nothing has changed: %v, %v", changed, err)
	}
	point("release2")
	want(Done, Absent)
	if changed, err := FollowRoot(root, current); !changed || err != nil {
		t.Errorf("the link has changed: %v, %v", changed, err)
	}
	want(Absent, Done)
	point("")
	if changed, err := FollowRoot(root, current); changed || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link is gone: %v, %v", changed, err)
	}
	want(Absent, Done)
	point("release1/inrelease1")
	if changed, err := FollowRoot(root, current); changed || err == nil {
		t.Errorf("the link leads to a file: %v, %v", changed, err)
	}
	want(Absent, Done)
}
