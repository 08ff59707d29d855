package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/packaging/release"
)

// TestPackages packs the program twice, and looks at what the tools of the distributions see.
func TestPackages(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "awsd")
	// Without symbols, and below with less compression: a test has no time.
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "../../cmd/awsd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info := release.Info{Version: "v1.2.3", Commit: "abc", Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	s, err := newStage("../..", binary, info)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	file := filepath.Join(s.dir, description)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fast := strings.NewReplacer("compression: xz", "compression: gzip:1", "compression: zstd:19", "compression: zstd:1").Replace(string(text))
	if err := os.WriteFile(file, []byte(fast), 0o644); err != nil {
		t.Fatal(err)
	}
	for format, see := range map[string]func(t *testing.T, name, binary string){"deb": seeDeb, "rpm": seeRPM} {
		t.Run(format, func(t *testing.T) {
			var contents [2][]byte
			name := ""
			for i := range contents {
				if name, err = s.pack(format, t.TempDir()); err != nil {
					t.Fatal(err)
				}
				if contents[i], err = os.ReadFile(name); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(contents[0], contents[1]) {
				t.Error("two packages of the same files differ")
			}
			see(t, name, binary)
		})
	}
}

// prints returns what a command of a Debian package prints.
func prints(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed (apt-get install %s)", name, pkg)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}

func seeDeb(t *testing.T, name, _ string) {
	if !strings.HasPrefix(filepath.Base(name), "awsd_1.2.3_") {
		t.Errorf("it is called %s", name)
	}
	control := prints(t, "dpkg", "dpkg-deb", "--field", name)
	for _, want := range []string{
		"Package: awsd\n", "Version: 1.2.3\n", "libc6 (>= 2.", "libaio1 (>= 0.3.93) | libaio1t64", "adduser",
		"\n .\n The program is called awsd here",
	} {
		if !strings.Contains(control, want) {
			t.Errorf("there is no %q in\n%s", want, control)
		}
	}
	files := prints(t, "dpkg", "dpkg-deb", "--contents", name)
	for line := range strings.Lines(files) {
		root := strings.Contains(line, " root/root ") || strings.Contains(line, " 0/0 ")
		if !root || !strings.Contains(line, " 2026-02-03 ") {
			t.Errorf("its owner or time: %s", line)
		}
		if strings.HasSuffix(line, "/bin/aws\n") {
			t.Error("it takes the name of somebody else's command")
		}
	}
	for _, want := range []string{"-rwxr-xr-x root/root", "./usr/share/man/man1/awsd.1.gz", "./usr/share/doc/awsd/NOTICES.gz", "./usr/share/doc/awsd/copyright"} {
		if !strings.Contains(files, want) {
			t.Errorf("there is no %q in\n%s", want, files)
		}
	}
	if conf := prints(t, "dpkg", "dpkg-deb", "--info", name, "conffiles"); conf != "/etc/awsd/awsd.toml\n/etc/logrotate.d/awsd\n" {
		t.Errorf("conffiles: %s", conf)
	}
	t.Run("lintian", func(t *testing.T) {
		for line := range strings.Lines(prints(t, "lintian", "lintian", "--allow-root", "--fail-on=none", name)) {
			if strings.HasPrefix(line, "E:") {
				t.Errorf("lintian: %s", line)
			} else {
				t.Logf("lintian: %s", line)
			}
		}
	})
}

func seeRPM(t *testing.T, name, binary string) {
	if !strings.HasPrefix(filepath.Base(name), "awsd-1.2.3-1.") {
		t.Errorf("it is called %s", name)
	}
	ask := func(args ...string) string {
		return prints(t, "rpm", "rpm", append([]string{"--dbpath", t.TempDir(), "-qp"}, append(args, name)...)...)
	}
	prints(t, "rpm", "rpm", "--dbpath", t.TempDir(), "-K", "--nosignature", name)
	for line := range strings.Lines(ask("--list", "--verbose")) {
		if !strings.Contains(line, " root     root ") || !strings.Contains(line, " Feb  3 ") {
			t.Errorf("its owner or time: %s", line)
		}
		if strings.HasSuffix(line, "/bin/aws\n") {
			t.Error("it takes the name of somebody else's command")
		}
	}
	if conf := ask("--configfiles"); conf != "/etc/awsd/awsd.toml\n/etc/logrotate.d/awsd\n" {
		t.Errorf("configuration: %s", conf)
	}
	scripts := ask("--scripts")
	for _, want := range []string{"postinstall scriptlet (using /bin/sh)", "systemd-sysusers awsd.conf", "preuninstall scriptlet", "postuninstall scriptlet"} {
		if !strings.Contains(scripts, want) {
			t.Errorf("there is no %q in\n%s", want, scripts)
		}
	}
	// rpm's own tool finds what the package asks for, and in no library that it does not ask for.
	t.Run("elfdeps", func(t *testing.T) {
		requires := strings.Fields(ask("--requires"))
		var asked []string
		for _, found := range strings.Fields(prints(t, "rpm", "/usr/lib/rpm/elfdeps", "--requires", binary)) {
			if slices.Contains(requires, found) {
				asked = append(asked, found[:strings.IndexByte(found, '(')])
			}
		}
		for _, found := range strings.Fields(prints(t, "rpm", "/usr/lib/rpm/elfdeps", "--requires", binary)) {
			library, _, _ := strings.Cut(found, "(")
			if library != "rtld" && !slices.Contains(asked, library) {
				t.Errorf("it needs %s and asks for %v", found, requires)
			}
		}
	})
}

// TestScripts has a shell read the scripts of the packages.
func TestScripts(t *testing.T) {
	for _, name := range []string{
		"deb/files/postinst", "deb/files/prerm", "deb/files/postrm", "rpm/files/post", "rpm/files/preun", "rpm/files/postun",
	} {
		if out, err := exec.Command("sh", "-n", filepath.Join("..", name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestSymbolVersion(t *testing.T) {
	for _, c := range []struct {
		s, library string
		version    []int
		ok         bool
	}{
		{"GLIBC_2.34", "GLIBC", []int{2, 34}, true},
		{"GLIBC_2.2.5", "GLIBC", []int{2, 2, 5}, true},
		{"LIBAIO_0.4", "LIBAIO", []int{0, 4}, true},
		{"GLIBC_PRIVATE", "", nil, false},
		{"", "", nil, false},
	} {
		if library, version, ok := symbolVersion(c.s); library != c.library || !slices.Equal(version, c.version) || ok != c.ok {
			t.Errorf("%s: got %s, %v, %v", c.s, library, version, ok)
		}
	}
}

func TestNoLibraryIsUnknown(t *testing.T) {
	if _, err := libraryVariables([]byte("no program")); err == nil {
		t.Error("a text has dependencies")
	}
}
