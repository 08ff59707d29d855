package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/packaging/release"
)

// TestPackage packs the program twice, and looks at what dpkg-deb and lintian see.
func TestPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed (apt-get install dpkg)")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "aws")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "../../cmd/awsd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info := release.Info{Version: "v1.2.3", Commit: "abc", Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	var debs [2][]byte
	name := ""
	for i := range debs {
		p, err := newPackage("../..", binary, info)
		if err != nil {
			t.Fatal(err)
		}
		p.level = "0" // a test has no time
		name = filepath.Join(dir, p.fileName())
		if err := p.write(name); err != nil {
			t.Fatal(err)
		}
		if debs[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(debs[0], debs[1]) {
		t.Error("two packages of the same files differ")
	}
	if !strings.HasPrefix(filepath.Base(name), "awsd_1.2.3_") {
		t.Errorf("it is called %s", name)
	}
	control, err := exec.Command("dpkg-deb", "--field", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Package: awsd\n", "Version: 1.2.3\n", "libc6 (>= 2.", "libaio1 (>= 0.3.93) | libaio1t64", "adduser"} {
		if !strings.Contains(string(control), want) {
			t.Errorf("there is no %q in\n%s", want, control)
		}
	}
	contents, err := exec.Command("dpkg-deb", "--contents", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(contents)) {
		if !strings.Contains(line, " root/root ") || !strings.Contains(line, " 2026-02-03 ") {
			t.Errorf("its owner or time: %s", line)
		}
		if strings.HasSuffix(line, "/bin/aws\n") {
			t.Error("it takes the name of somebody else's command")
		}
	}
	t.Run("lintian", func(t *testing.T) {
		if _, err := exec.LookPath("lintian"); err != nil {
			t.Skip("lintian is not installed (apt-get install lintian)")
		}
		out, _ := exec.Command("lintian", "--allow-root", "--fail-on=none", name).Output()
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "E:") {
				t.Errorf("lintian: %s", line)
			} else {
				t.Logf("lintian: %s", line)
			}
		}
	})
}

// TestScripts has a shell read the maintainer's scripts.
func TestScripts(t *testing.T) {
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		if out, err := exec.Command("sh", "-n", filepath.Join("files", name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestGlibcVersion(t *testing.T) {
	for _, c := range []struct {
		s    string
		want [2]int
		ok   bool
	}{
		{"GLIBC_2.34", [2]int{2, 34}, true}, {"GLIBC_2.2.5", [2]int{2, 2}, true}, {"GLIBC_PRIVATE", [2]int{}, false}, {"LIBAIO_0.4", [2]int{}, false},
	} {
		if got, ok := glibcVersion(c.s); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %v, %v", c.s, got, ok)
		}
	}
}

func TestNoLibraryIsUnknown(t *testing.T) {
	if _, err := dependencies([]byte("no program")); err == nil {
		t.Error("a text has dependencies")
	}
}
