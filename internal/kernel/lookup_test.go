package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLookUp has names opened in order: which are opened, and which are not.
func TestLookUp(t *testing.T) {
	classes := map[string]Class{
		"file": Done, "file.br": Done, "file.gz": Absent, "other": Done, "directory": Directory,
		"denied": Denied, "broken": Fault, "full": Exhausted,
	}
	name := func(name string) LookupName { return LookupName{Name: []byte(name)} }
	sibling := func(name string) LookupName { return LookupName{Name: []byte(name), Sibling: true} }
	known := LookupName{Known: true}
	counts := LookupName{Name: []byte("directory"), DirectoryCounts: true}
	for _, test := range []struct {
		what   string
		names  []LookupName
		opened []string
	}{
		{"one", []LookupName{name("file")}, []string{"file"}},
		{"the first that is there", []LookupName{name("none"), name("file"), name("other")}, []string{"none", "file"}},
		{
			"siblings of what is there, and of nothing else",
			[]LookupName{name("none"), sibling("none.br"), name("file"), sibling("file.br"), sibling("file.gz"), name("other"), sibling("other.br")},
			[]string{"none", "file", "file.br", "file.gz"},
		},
		{"a directory is passed over", []LookupName{name("directory"), sibling("directory.br"), name("file")}, []string{"directory", "file"}},
		{"a directory counts", []LookupName{counts, sibling("directory.br"), name("file")}, []string{"directory"}},
		{"what may not be opened is there", []LookupName{name("denied"), sibling("denied.br"), name("file")}, []string{"denied"}},
		{"so is what can't be read", []LookupName{name("broken"), sibling("broken.br"), name("file")}, []string{"broken"}},
		{"no descriptors", []LookupName{name("none"), name("full"), name("file")}, []string{"none", "full"}},
		{"no descriptors for a sibling", []LookupName{name("file"), sibling("full"), sibling("file.br")}, []string{"file", "full"}},
		{"a sibling fails", []LookupName{name("file"), sibling("broken"), sibling("file.br")}, []string{"file", "broken", "file.br"}},
		{"siblings of what is known", []LookupName{known, sibling("file.br"), name("other")}, []string{"file.br"}},
		{"what is known stands behind", []LookupName{name("none"), sibling("none.br"), known, sibling("file.br")}, []string{"none", "file.br"}},
		{"what is known is not needed", []LookupName{name("other"), sibling("other.br"), known, sibling("file.br")}, []string{"other", "other.br"}},
		{"nothing", []LookupName{name("none"), name("nothing")}, []string{"none", "nothing"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			job := Job{Kind: JobLookUp, Names: test.names}
			var opened []string
			job.LookUp(func(_ Root, name []byte, file *Opened) Class {
				opened = append(opened, string(name))
				class, ok := classes[string(name)]
				if !ok {
					return Absent
				}
				file.FD = int32(len(opened))
				return class
			})
			if !slices.Equal(opened, test.opened) {
				t.Errorf("opened %q, want %q", opened, test.opened)
			}
			for i := range job.Names {
				n := &job.Names[i]
				if isOpened := slices.Contains(opened, string(n.Name)); isOpened == (n.Class == Canceled) {
					t.Errorf("%q: %v", n.Name, n.Class)
				}
			}
			for _, fd := range job.AppendOpened(nil) {
				if classes[opened[fd-1]] != Done {
					t.Errorf("%q has a descriptor", opened[fd-1])
				}
			}
		})
	}
}

// TestLookUpByAWorkerThread has a real job done, and one that nobody fetches: its descriptors are closed with the kernel.
func TestLookUpByAWorkerThread(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "a.br"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := OpenRoot(dir, LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = CloseRoot(root) }()
	k, _, err := NewLinux(Config{EventsMax: 8, WorkersMax: 1, JobsMax: 2})
	if err != nil {
		t.Fatal(err)
	}
	newJob := func() *Job {
		return &Job{Kind: JobLookUp, Names: []LookupName{
			{Root: root, Name: []byte("none")},
			{Root: root, Name: []byte("a")},
			{Root: root, Name: []byte("a.br"), Sibling: true},
			{Root: root, Name: []byte("a.gz"), Sibling: true},
		}}
	}
	fetched, left := newJob(), newJob()
	if !k.Ask(fetched) || !k.Ask(left) {
		t.Fatal("the worker threads have no room")
	}
	for list := make([]*Job, 1); k.FinishedJobs(list) == 0; {
		if _, err := k.Wait(nil, -1); err != nil {
			t.Fatal(err)
		}
	}
	want := []Class{Absent, Done, Done, Absent}
	for i := range fetched.Names {
		if n := &fetched.Names[i]; n.Class != want[i] {
			t.Errorf("%q: %v, want %v", n.Name, n.Class, want[i])
		}
	}
	for _, fd := range fetched.AppendOpened(nil) {
		if err := unix.Close(int(fd)); err != nil {
			t.Error(err)
		}
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	for _, fd := range left.AppendOpened(nil) {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d of a job that nobody has fetched is open: %v", fd, err)
		}
	}
}

// TestLookUpOfAnotherFilesystem looks up a name that leads to another filesystem than that of the root: the job becomes Remote before
// that is asked, and its file is found all the same. What was opened before is closed.
func TestLookUpOfAnotherFilesystem(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "")
	if err != nil {
		t.Skipf("no directory can be made in /dev/shm: %v", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var here, there unix.Stat_t
	if unix.Stat("/", &here) != nil || unix.Stat(dir, &there) != nil || here.Dev == there.Dev {
		t.Skip("/dev/shm is not on another filesystem")
	}
	if err := os.WriteFile(dir+"/f", []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot("/", LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = CloseRoot(root) }()
	name := func(suffix string) []byte { return []byte(strings.TrimPrefix(dir, "/") + suffix) }
	for _, c := range []struct {
		names  []LookupName
		remote bool
		class  Class // of the last one
	}{
		{[]LookupName{{Root: root, Name: name("/f")}}, true, Done},
		{[]LookupName{{Root: root, Name: name("/none")}}, true, Absent},
		{[]LookupName{{Root: root, Name: []byte("none")}}, false, Absent},
		{[]LookupName{{Root: root, Name: []byte("etc/passwd")}}, false, Done},
		{[]LookupName{{Root: root, Name: []byte("etc/passwd")}, {Root: root, Name: name("/f"), Sibling: true}}, true, Done},
	} {
		h := newTestWorkers(t, 1)
		if !h.ask(&Job{Kind: JobLookUp, Names: c.names}) {
			t.Fatal("the job was refused")
		}
		var finished [1]*Job
		for end := time.Now().Add(20 * time.Second); h.takeFinished(finished[:]) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the job is not done")
			}
		}
		j := finished[0]
		last := &j.Names[len(j.Names)-1]
		if j.Remote != c.remote || last.Class != c.class || c.remote && c.class == Done && last.File.Size != int64(len("content")) {
			t.Errorf("%s: Remote %v, class %v, %+v", last.Name, j.Remote, last.Class, last.File)
		}
		for _, fd := range j.AppendOpened(nil) {
			if err := unix.Close(int(fd)); err != nil {
				t.Error(err)
			}
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}
}
