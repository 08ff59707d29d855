// Command dist makes what is released: an archive with the program, one with its sources, a bill of
// materials and the sums of all three.
//
//	go run ./packaging/dist [-out dist] [-twice=false]
//
// It is run in the root of the sources. unless stated otherwise it makes everything a second time, from a
// copy of the sources in another directory and without the build cache, and fails if one byte differs.
// C is compiled for this machine's architecture only.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"aws/packaging/release"
	"aws/packaging/sbom"
)

func main() {
	out := flag.String("out", "dist", "the `DIR` that gets the files")
	twice := flag.Bool("twice", true, "make everything twice and compare")
	flag.Parse()
	if err := run(*out, *twice, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(out string, twice bool, stdout io.Writer) error {
	info, err := release.Describe(".")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "dist: version %s, time %s\n", info.Version, info.Time.Format("2006-01-02 15:04:05 MST"))
	if strings.HasSuffix(info.Version, "-dirty") {
		fmt.Fprintln(stdout, "dist: warning: the tree has changes that are in no commit")
	}
	names, err := makeAll(".", out, info)
	if err != nil {
		return err
	}
	if twice {
		if err := again(out, names, info, stdout); err != nil {
			return err
		}
	}
	for _, name := range names {
		stat, err := os.Stat(filepath.Join(out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "dist: %s (%d bytes)\n", filepath.Join(out, name), stat.Size())
	}
	return nil
}

// makeAll makes the files of the sources in dir, and returns their names.
func makeAll(dir, out string, info release.Info, env ...string) ([]string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	binary, err := release.Build(dir, info, env...)
	if err != nil {
		return nil, err
	}
	bill, err := sbom.JSON(sbom.Subject{
		Binary: binary, Name: "aws", Version: info.Version, Commit: info.Commit, License: "MIT", Time: info.Time, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	program, err := programFiles(dir, binary, bill, info)
	if err != nil {
		return nil, err
	}
	sources, err := sourceFiles(dir, info)
	if err != nil {
		return nil, err
	}
	base := "aws-" + info.Version
	platform := base + "-" + runtime.GOOS + "-" + runtime.GOARCH
	contents := map[string][]byte{platform + ".cdx.json": bill}
	for name, files := range map[string][]release.File{platform + ".tar.gz": program, base + "-source.tar.gz": sources} {
		var b bytes.Buffer
		if err := release.WriteArchive(&b, files, info.Time); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		contents[name] = b.Bytes()
	}
	var names []string
	for name, data := range contents {
		names = append(names, name)
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	sort.Strings(names)
	var sums bytes.Buffer
	for _, name := range names {
		sum, err := release.Sum(filepath.Join(out, name))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, name)
	}
	return append(names, sumsFile), os.WriteFile(filepath.Join(out, sumsFile), sums.Bytes(), 0o644)
}

// sumsFile is what sha256sum -c reads.
const sumsFile = "SHA256SUMS"

// programFiles returns what somebody needs who does not build.
func programFiles(dir, binary string, bill []byte, info release.Info) ([]release.File, error) {
	pages, err := release.NewPages(binary, "aws")
	if err != nil {
		return nil, err
	}
	notices, err := sbom.Notices(binary, dir)
	if err != nil {
		return nil, err
	}
	top := "aws-" + info.Version + "/"
	dropIn, err := release.FileOf(filepath.Join(dir, release.DropIn), top+release.DropIn)
	if err != nil {
		return nil, err
	}
	program, err := release.FileOf(binary, top+"awsd")
	if err != nil {
		return nil, err
	}
	files := []release.File{
		dropIn,
		program,
		{Name: top + "sbom.cdx.json", Mode: 0o644, Data: bill},
		{Name: top + "NOTICES", Mode: 0o644, Data: notices},
		{Name: top + "man/man1/aws.1", Mode: 0o644, Data: pages.Manual},
		{Name: top + "completions/aws.bash", Mode: 0o644, Data: pages.Bash},
		{Name: top + "completions/_aws", Mode: 0o644, Data: pages.Zsh},
		{Name: top + "completions/aws.fish", Mode: 0o644, Data: pages.Fish},
	}
	names, err := release.Sources(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !forUsers(name) {
			continue
		}
		f, err := release.FileOf(filepath.Join(dir, name), top+name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// forUsers reports whether a file of the sources is of use without them.
func forUsers(name string) bool {
	if strings.HasSuffix(name, ".go") {
		return false
	}
	for _, top := range []string{"docs/", "contrib/", "README.md", "CHANGELOG.md", "LICENSE"} {
		if strings.HasPrefix(name, top) {
			return true
		}
	}
	return false
}

// sourceFiles returns the sources.
func sourceFiles(dir string, info release.Info) ([]release.File, error) {
	names, err := release.Sources(dir)
	if err != nil {
		return nil, err
	}
	var files []release.File
	for _, name := range names {
		f, err := release.FileOf(filepath.Join(dir, name), "aws-"+info.Version+"-source/"+name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// again makes everything from a copy of the sources elsewhere, and compares.
func again(out string, names []string, info release.Info, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "aws-dist")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	copied := filepath.Join(dir, "elsewhere", "sources")
	if err := copySources(copied); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "dist: once more, in another directory and without the build cache")
	second := filepath.Join(dir, "out")
	if _, err := makeAll(copied, second, info, "GOCACHE="+filepath.Join(dir, "cache")); err != nil {
		return err
	}
	differ := false
	for _, name := range names {
		a, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(second, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			differ = true
			fmt.Fprintf(stdout, "dist: %s differs\n", name)
		}
	}
	if differ {
		return fmt.Errorf("the same sources gave other bytes")
	}
	fmt.Fprintln(stdout, "dist: both times the same bytes")
	return nil
}

// copySources copies the sources into a new directory, which gets a git of its own to list them.
func copySources(to string) error {
	names, err := release.Sources(".")
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := release.FileOf(name, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if f.Target != "" {
			err = os.Symlink(f.Target, target)
		} else {
			err = os.WriteFile(target, f.Data, os.FileMode(f.Mode))
		}
		if err != nil {
			return err
		}
	}
	if out, err := exec.Command("git", "-C", to, "init", "-q").CombinedOutput(); err != nil {
		return fmt.Errorf("git init: %w: %s", err, out)
	}
	return nil
}
