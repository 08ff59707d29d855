package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/kernel"
)

// at is the modification time of the files of a test.
var at = time.Date(2021, 3, 4, 5, 6, 8, 0, time.UTC)

// tree makes files below a new root. A name that ends with a slash is a directory.
func tree(t *testing.T, files map[string]string) (kernel.Root, string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		parent := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		if parent == path {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	root, err := kernel.OpenRoot(dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	return root, dir
}

// all chooses everything.
func all(root kernel.Root) func(string) (kernel.Root, bool) {
	return func(string) (kernel.Root, bool) { return root, true }
}

// read makes an archive in pieces, and returns it with the class that it ended with.
func read(k kernel.Directories, a *Archive, pieceBytes int) ([]byte, kernel.Class) {
	defer a.Close(k)
	var all []byte
	piece := make([]byte, pieceBytes)
	for {
		n, ended, class := a.Next(k, piece)
		all = append(all, piece[:n]...)
		if ended || class != kernel.Done && class != kernel.Exhausted {
			return all, class
		}
	}
}

// content returns what is in an archive, and the names in their order.
func content(t *testing.T, f Format, archive []byte) (files map[string]string, names []string) {
	t.Helper()
	files = map[string]string{}
	if f == Zip {
		r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.File {
			in, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name], names = string(b), append(names, e.Name)
			if !e.FileInfo().IsDir() && !e.Modified.Equal(at) {
				t.Errorf("%s is of %v", e.Name, e.Modified)
			}
		}
		return files, names
	}
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name], names = string(b), append(names, h.Name)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.Typeflag == tar.TypeReg && !h.ModTime.Equal(at) {
			t.Errorf("%+v", h)
		}
	}
	if _, err := z.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err) // the checksum has been compared
	}
	return files, names
}

// TestContent has the same content in both formats, whatever the size of a piece is.
func TestContent(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 20000)
	long := strings.Repeat("long", 60) // more than a tar header holds
	root, dir := tree(t, map[string]string{
		"d/b.txt": "two", "d/a/large": large, "d/empty": "", "d/none/": "", "d/größe.txt": "three", "d/" + long + "/x": "four", "e": "outside", "d/back\\slash": "",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "d/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"d/inside": "b.txt", "d/loop": ".", "d/up": "..", "d/outside": "/etc/hostname"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"top/": "", "top/a/": "", "top/a/large": large, "top/b.txt": "two", "top/empty": "", "top/größe.txt": "three", "top/inside": "two",
		"top/" + long + "/": "", "top/" + long + "/x": "four", "top/none/": "",
	}
	k := &kernel.Linux{}
	for _, f := range []Format{TarGz, Zip} {
		var first []byte
		for _, pieceBytes := range []int{1, 1000, 64 << 10} {
			b, class := read(k, New(f, Tree{Root: root, Directory: "d/", Top: "top", Choose: all(root)}), pieceBytes)
			if class != kernel.Done {
				t.Fatal(class)
			}
			if first == nil {
				first = b
			} else if !bytes.Equal(first, b) {
				t.Errorf("%v in pieces of %d bytes differs", f, pieceBytes)
			}
		}
		files, names := content(t, f, first)
		if len(files) != len(want) || !slices.IsSorted(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasSuffix(n, "/") || strings.Contains(n[4:], "/") })) {
			t.Errorf("%v has %q", f, names)
		}
		for name, content := range want {
			if files[name] != content {
				t.Errorf("%v: %q has %.20q, want %.20q", f, name, files[name], content)
			}
		}
		t.Run("extract "+f.String(), func(t *testing.T) { extract(t, f, first, want) })
	}
}

// extract compares what the usual programs make of an archive.
func extract(t *testing.T, f Format, archive []byte, want map[string]string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "archive")
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	command := []string{"tar", "-xzf", path, "-C", dir}
	if f == Zip {
		command = []string{"unzip", "-q", path, "-d", dir}
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip(command[0] + " is not installed")
	}
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, output)
	}
	count := 0
	err := filepath.WalkDir(filepath.Join(dir, "top"), func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		count++
		name := strings.TrimPrefix(at, dir+"/")
		if e.IsDir() {
			return nil
		}
		b, err := os.ReadFile(at)
		if err != nil || string(b) != want[name] {
			t.Errorf("%s makes %q of %.20q: %v", command[0], name, b, err)
		}
		return nil
	})
	if err != nil || count != len(want) {
		t.Errorf("%s has made %d files of %d: %v", command[0], count, len(want), err)
	}
}

// changing is a Linux kernel that calls before when a directory is read or a file is opened or read.
type changing struct {
	*kernel.Linux
	open   int
	before func(what, name string) kernel.Class
}

func (c *changing) ReadDirectory(root kernel.Root, name string, most int, choose func(string) (kernel.Root, bool)) ([]kernel.DirectoryEntry, int, kernel.Class) {
	if class := c.before("directory", name); class != kernel.Done {
		return nil, 0, class
	}
	return c.Linux.ReadDirectory(root, name, most, choose)
}

func (c *changing) OpenFile(root kernel.Root, name string) (kernel.Opened, kernel.Class) {
	if class := c.before("open", name); class != kernel.Done {
		return kernel.Opened{}, class
	}
	o, class := c.Linux.OpenFile(root, name)
	if class == kernel.Done {
		c.open++
	}
	return o, class
}

func (c *changing) ReadFile(fd int32, b []byte, offset int64) int64 {
	if class := c.before("read", ""); class != kernel.Done {
		return -int64(syscall.EIO)
	}
	return c.Linux.ReadFile(fd, b, offset)
}

func (c *changing) CloseFile(fd int32) {
	c.open--
	c.Linux.CloseFile(fd)
}

// TestChanges changes the tree while an archive is made: what is gone is left out, and what has been promised and can't be read
// ends the archive.
func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		what, of string
		change   func(dir string) kernel.Class
		want     kernel.Class
		files    int // of 5
	}{
		"nothing":            {"open", "d/a", func(string) kernel.Class { return kernel.Done }, kernel.Done, 5},
		"file removed":       {"open", "d/a", func(dir string) kernel.Class { return class(os.Remove(filepath.Join(dir, "d/a"))) }, kernel.Done, 4},
		"directory removed":  {"directory", "d/s/", func(dir string) kernel.Class { return class(os.RemoveAll(filepath.Join(dir, "d/s"))) }, kernel.Done, 3},
		"top removed":        {"directory", "d/", func(dir string) kernel.Class { return class(os.RemoveAll(filepath.Join(dir, "d"))) }, kernel.Absent, 0},
		"file replaced":      {"open", "d/a", func(dir string) kernel.Class { return replace(filepath.Join(dir, "d/a")) }, kernel.Done, 4},
		"denied":             {"open", "d/a", func(string) kernel.Class { return kernel.Denied }, kernel.Done, 4},
		"descriptors":        {"open", "d/a", func(string) kernel.Class { return kernel.Exhausted }, kernel.Done, 5},
		"file shrinks":       {"read", "", func(dir string) kernel.Class { return class(os.Truncate(filepath.Join(dir, "d/a"), 1)) }, kernel.Fault, 0},
		"disk":               {"read", "", func(string) kernel.Class { return kernel.Fault }, kernel.Fault, 0},
		"unreadable":         {"open", "d/a", func(string) kernel.Class { return kernel.Fault }, kernel.Fault, 0},
		"directory is fault": {"directory", "d/s/", func(string) kernel.Class { return kernel.Fault }, kernel.Fault, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range []Format{TarGz, Zip} {
				root, dir := tree(t, map[string]string{"d/a": "one and two", "d/b": "two", "d/s/c": "three"})
				done := false
				k := &changing{Linux: &kernel.Linux{}, before: func(what, name string) kernel.Class {
					if done || what != c.what || name != c.of {
						return kernel.Done
					}
					done = true
					return c.change(dir)
				}}
				b, class := read(k, New(f, Tree{Root: root, Directory: "d/", Top: "top", Choose: all(root)}), 4096)
				if class != c.want || !done || k.open != 0 {
					t.Fatalf("%v: %v, want %v; %d files are open", f, class, c.want, k.open)
				}
				if class == kernel.Done {
					if files, names := content(t, f, b); len(files) != c.files {
						t.Errorf("%v has %q", f, names)
					}
				}
			}
		})
	}
}

func class(err error) kernel.Class {
	if err != nil {
		panic(err)
	}
	return kernel.Done
}

// replace puts a directory in the place of a file.
func replace(path string) kernel.Class {
	class(os.Remove(path))
	return class(os.Mkdir(path, 0o755))
}

// TestChoose leaves out what Choose does not include, and what is below it, and opens names below the root that it returns.
func TestChoose(t *testing.T) {
	root, _ := tree(t, map[string]string{"d/a": "", "d/private/key": "secret", "d/s/private": "", "d/s/x": ""})
	other, _ := tree(t, map[string]string{"d/a": "of the other root"})
	choose := func(path string) (kernel.Root, bool) {
		if path == "d/a" {
			return other, true
		}
		return root, path != "d/private" && path != "d/s/x"
	}
	b, _ := read(&kernel.Linux{}, New(TarGz, Tree{Root: root, Directory: "d/", Top: "top", Choose: choose}), 4096)
	if h, err := firstHeader(b); err != nil || !h.ModTime.After(at) { // the directory s is from now
		t.Errorf("%+v, %v", h, err)
	}
	files, names := content(t, TarGz, b)
	if strings.Join(names, " ") != "top/ top/a top/s/ top/s/private" || files["top/a"] != "of the other root" {
		t.Errorf("%q", files)
	}
}

// firstHeader returns the header of the top directory.
func firstHeader(archive []byte) (*tar.Header, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	return tar.NewReader(z).Next()
}

// TestFormatOf has queries.
func TestFormatOf(t *testing.T) {
	for query, want := range map[string]Format{
		"": None, "archive": None, "archive=": None, "archive=zip": Zip, "archive=tar.gz": TarGz, "archive=rar": None,
		"sort=size&archive=zip": Zip, "archive=zip&archive=tar.gz": Zip, "archive=zipx": None, "xarchive=zip": None,
	} {
		if got := FormatOf([]byte(query)); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
	if s := Formats(0).With(Zip); s.Has(TarGz) || !s.Has(Zip) || s.Has(None) {
		t.Error(s)
	}
}

// TestManyEntries ends an archive that has too many entries.
func TestManyEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("a directory with many entries takes seconds")
	}
	k := &endless{}
	if _, class := read(k, New(Zip, Tree{Directory: "", Top: "top", Choose: all(0)}), 64<<10); class != kernel.Fault || k.reads > EntriesMax {
		t.Errorf("%v after %d directories", class, k.reads)
	}
}

// endless has a directory in each directory.
type endless struct {
	kernel.Directories
	reads int
}

func (e *endless) ReadDirectory(kernel.Root, string, int, func(string) (kernel.Root, bool)) ([]kernel.DirectoryEntry, int, kernel.Class) {
	e.reads++
	entries := make([]kernel.DirectoryEntry, 1)
	if e.reads == 1 {
		entries = make([]kernel.DirectoryEntry, listedMax)
	}
	for i := range entries {
		entries[i] = kernel.DirectoryEntry{Name: "a", Directory: e.reads == 1}
	}
	return entries, 0, kernel.Done
}

func (e *endless) OpenFile(kernel.Root, string) (kernel.Opened, kernel.Class) {
	return kernel.Opened{}, kernel.Done
}
func (e *endless) ReadFile(int32, []byte, int64) int64 { return 0 }
func (e *endless) CloseFile(int32)                     {}

// TestLargeFiles has a tar entry of more than 8 GiB, which a ustar header can't have, and a zip entry of more than 4 GiB.
func TestLargeFiles(t *testing.T) {
	var out bytes.Buffer
	w := newWriter(TarGz, &out)
	if err := w.begin(&entry{name: "large", size: 9 << 30, modified: at}); err != nil {
		t.Fatal(err)
	}
	_ = w.(*tarWriter).gzip.Close() // without the content
	z, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := tar.NewReader(z).Next(); err != nil || h.Size != 9<<30 {
		t.Errorf("%+v, %v", h, err)
	}
	if testing.Short() {
		t.Skip("4 GiB take seconds")
	}
	const size = 4<<30 + 5
	b, class := read(&sparse{size: size}, New(Zip, Tree{Top: "top", Choose: all(0)}), 64<<10)
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || class != kernel.Done || len(r.File) != 2 || r.File[1].UncompressedSize64 != size {
		t.Errorf("%v, %v: %+v", class, err, r)
	}
}

// sparse has one file of zeros.
type sparse struct {
	endless
	size int64
}

func (s *sparse) ReadDirectory(kernel.Root, string, int, func(string) (kernel.Root, bool)) ([]kernel.DirectoryEntry, int, kernel.Class) {
	return []kernel.DirectoryEntry{{Name: "zeros"}}, 0, kernel.Done
}

func (s *sparse) OpenFile(kernel.Root, string) (kernel.Opened, kernel.Class) {
	return kernel.Opened{Info: kernel.Info{Size: s.size}}, kernel.Done
}

func (*sparse) ReadFile(_ int32, b []byte, _ int64) int64 { return int64(len(b)) }
