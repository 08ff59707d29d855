// Package scripts_test holds scripts/need against those who need something.
package scripts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNeedKnowsAll looks up, in the tables of scripts/need, every program that a test looks for and every package
// that a test, a script or the Makefile asks people to install.
func TestNeedKnowsAll(t *testing.T) {
	need, err := os.ReadFile("need")
	if err != nil {
		t.Fatal(err)
	}
	var programs, packages []string
	for _, m := range regexp.MustCompile(`[\s']([a-z0-9.-]+):([a-z0-9.,-]+)`).FindAllStringSubmatch(string(need), -1) {
		programs = append(programs, m[1])
		packages = append(packages, strings.Split(m[2], ",")...)
	}
	// Of whatever is needed to get here, and of the system itself; the benchmark installs its own peers.
	programs = append(programs, "go", "apt-get", "sh", "sudo")
	packages = append(packages, "make", "libaio-dev")
	looked := regexp.MustCompile(`LookPath\("([^"]+)"\)|\b(?:formatter|need)\(t, "([^"]+)"`)
	reported := regexp.MustCompile(`(?:apt-get install|Debian:|\(package) ((?:[a-z][a-z0-9.+-]*[ )])+)`)
	err = filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if base := entry.Name(); base == "build" || base == "bench" || base == "dist" || len(base) > 2 && base[0] == '.' {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") && entry.Name() != "Makefile":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range looked.FindAllStringSubmatch(string(text), -1) {
			if program := m[1] + m[2]; !slices.Contains(programs, program) {
				t.Errorf("%s: scripts/need does not know %s", name, program)
			}
		}
		for _, m := range reported.FindAllStringSubmatch(string(text), -1) {
			for _, pkg := range strings.Fields(strings.ReplaceAll(m[1], ")", " ")) {
				if !slices.Contains(packages, pkg) {
					t.Errorf("%s: scripts/need does not know the package %s", name, pkg)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
