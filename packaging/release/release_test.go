package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

func TestPackageVersion(t *testing.T) {
	for _, c := range []struct{ version, want string }{
		{"v1.2.0", "1.2.0"},
		{"v1.2.0-dirty", "1.2.0+dirty"},
		{"v1.2.0-5-gabcdef0", "1.2.0+5.gabcdef0"},
		{"v1.2.0-5-gabcdef0-dirty", "1.2.0+5.gabcdef0+dirty"},
		{"abcdef0", "0~git20260203120000.abcdef0"},
		{"1234567", "0~git20260203120000.1234567"},
		{"1234567-dirty", "0~git20260203120000.1234567+dirty"},
		{"unknown", "0~git20260203120000.unknown"},
	} {
		if got := (Info{Version: c.version, Time: noon}).PackageVersion(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.version, got, c.want)
		}
	}
}

// TestDebianOrder has dpkg order versions as time does.
func TestDebianOrder(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("dpkg is not installed")
	}
	versions := []Info{
		{Version: "fffffff", Time: noon},
		{Version: "0000000", Time: noon.Add(time.Second)},
		{Version: "v0.1.0", Time: noon},
		{Version: "v0.1.0-2-gfffffff", Time: noon},
		{Version: "v0.1.0-10-g0000000", Time: noon},
		{Version: "v0.1.1", Time: noon},
		{Version: "v1.0.0", Time: noon},
	}
	for i := range versions[1:] {
		older, newer := versions[i].PackageVersion(), versions[i+1].PackageVersion()
		if err := exec.Command("dpkg", "--compare-versions", older, "lt", newer).Run(); err != nil {
			t.Errorf("dpkg: %s is not older than %s", older, newer)
		}
	}
}

func TestDescribeWithoutGit(t *testing.T) {
	t.Setenv("VERSION", "v3.2.1")
	t.Setenv("COMMIT", "abc")
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	got, err := Describe(t.TempDir())
	if want := (Info{"v3.2.1", "abc", time.Unix(86400, 0).UTC()}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// TestArchive writes files in two orders and gets the same bytes, with nothing of this machine's in them.
func TestArchive(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	run, err := FileOf(filepath.Join(dir, "run"), "a/bin/run")
	if err != nil {
		t.Fatal(err)
	}
	files := []File{{Name: "a/b/c.txt", Mode: 0o644, Data: []byte("c")}, run, {Name: "a/link", Mode: 0o777, Target: "b/c.txt"}}
	var first, second bytes.Buffer
	if err := WriteArchive(&first, files, noon); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	if err := WriteArchive(&second, files, noon); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the order matters")
	}
	z, err := gzip.NewReader(&first)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if h.Uid != 0 || !h.ModTime.Equal(noon) || (h.Name == "a/bin/run" && h.Mode != 0o755) {
			t.Errorf("%s: %+v", h.Name, h)
		}
	}
	if want := []string{"a/", "a/b/", "a/b/c.txt", "a/bin/", "a/bin/run", "a/link"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
