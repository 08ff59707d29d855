package sbom

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Notices returns the licenses and notices of everything that is linked into a binary, which most of
// them ask to be passed on. It fails if a module has none.
func Notices(binary, dir string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	dirs, err := moduleDirs(dir)
	if err != nil {
		return nil, err
	}
	goRoot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("What is linked into this program, and on which terms.\n")
	if err := appendNotices(&b, "Go "+strings.TrimPrefix(info.GoVersion, "go"), strings.TrimSpace(string(goRoot))); err != nil {
		return nil, err
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if err := appendNotices(&b, m.Path+" "+m.Version, dirs[m.Path]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// appendNotices appends the files of a directory that are licenses or notices.
func appendNotices(b *bytes.Buffer, title, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	found := false
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if !e.Type().IsRegular() || strings.HasSuffix(name, ".GO") {
			continue
		}
		for _, begin := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"} {
			if !strings.HasPrefix(name, begin) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			found = found || begin != "NOTICE" && begin != "PATENTS"
			fmt.Fprintf(b, "\n%s\n%s: %s\n%s\n\n%s\n", strings.Repeat("=", 80), title, e.Name(), strings.Repeat("=", 80), bytes.TrimSpace(text))
			break
		}
	}
	if !found {
		return fmt.Errorf("%s: there is no license in %s", title, dir)
	}
	return nil
}
