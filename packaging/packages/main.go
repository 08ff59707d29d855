package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"aws/packaging/release"
	"aws/packaging/sbom"
)

func main() {
	out := flag.String("out", "dist", "the `DIR` that gets the packages")
	version := flag.String("version", "", "the packages' `VERSION`, if not that of the sources")
	formats := flag.String("formats", "deb,rpm", "the `FORMATS` to make, between commas")
	flag.Parse()
	if err := run(*out, *version, strings.Split(*formats, ","), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(out, version string, formats []string, stdout io.Writer) error {
	info, err := release.Describe(".")
	if err != nil {
		return err
	}
	if version != "" {
		info.Version = version
	}
	binary, err := release.Build(".", info)
	if err != nil {
		return err
	}
	s, err := newStage(".", binary, info)
	if err != nil {
		return err
	}
	defer s.remove()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, format := range formats {
		name, err := s.pack(format, out)
		if err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		fmt.Fprintf(stdout, "packages: %s\n", name)
	}
	return nil
}

// description is the name of the packages' description, below packaging and in a stage.
const description = "nfpm.yaml"

// stage is a directory with packaging/nfpm.yaml and all that it names.
type stage struct {
	dir string
	env []string // the variables of nfpm.yaml
}

func (s *stage) remove() { _ = os.RemoveAll(s.dir) }

// newStage makes the stage of a binary and the sources in dir.
func newStage(dir, binary string, info release.Info) (_ *stage, err error) {
	s := &stage{}
	if s.dir, err = os.MkdirTemp("", "awsd-package"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.remove()
		}
	}()
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	libraries, err := libraryVariables(program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", binary, err)
	}
	files, err := generated(dir, binary, info)
	if err != nil {
		return nil, err
	}
	files["awsd"] = program
	if files[description], err = os.ReadFile(filepath.Join(dir, "packaging", description)); err != nil {
		return nil, err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	sources, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(sources, filepath.Join(s.dir, "sources")); err != nil {
		return nil, err
	}
	if err := s.buildTool(sources); err != nil {
		return nil, err
	}
	s.env = append(libraries, "VERSION="+info.PackageVersion(), "ARCH="+architecture(),
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", info.Time.Unix()))
	return s, nil
}

// architecture is nfpm's name of what is built for: Go's, but for the version of ARM.
func architecture() string {
	if runtime.GOARCH == "arm" {
		return "arm7"
	}
	return runtime.GOARCH
}

// generated returns the files that are made for the package, by their names in nfpm.yaml.
func generated(dir, binary string, info release.Info) (map[string][]byte, error) {
	pages, err := release.NewPages(binary, "awsd")
	if err != nil {
		return nil, err
	}
	notices, err := sbom.Notices(binary, dir)
	if err != nil {
		return nil, err
	}
	bill, err := sbom.JSON(sbom.Subject{
		Binary: binary, Name: "aws", Version: info.Version, Commit: info.Commit, License: "MIT", Time: info.Time, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	changes, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"awsd.1.gz": packed(pages.Manual), "awsd.bash": pages.Bash, "awsd.zsh": pages.Zsh, "awsd.fish": pages.Fish,
		"NOTICES.gz": packed(notices), "changelog.gz": packed(changes), "awsd.cdx.json": bill,
		"changelog.yaml": changelog(info),
	}, nil
}

// packed returns data as distributions keep documents: gzip without a name or a time.
func packed(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that there is
	_, _ = z.Write(data)                                  // to memory
	_ = z.Close()
	return b.Bytes()
}

// changelog returns the package's own changes, apart from the program's: that it was made.
func changelog(info release.Info) []byte {
	return fmt.Appendf(nil, `- semver: %s
  date: %s
  packager: The aws authors <aws@example.org>
  deb: {urgency: medium, distributions: [unstable]}
  changes:
    - note: Made from commit %s.
    - note: changelog.gz has what has changed.
`, info.PackageVersion(), info.Time.Format(time.RFC3339), info.Commit)
}

// buildTool builds nfpm with the sums of its own go.sum.
func (s *stage) buildTool(sources string) error {
	cmd := exec.Command("go", "build", "-C", filepath.Join(sources, "packaging", "nfpm"), "-o", filepath.Join(s.dir, "nfpm"),
		"github.com/goreleaser/nfpm/v2/cmd/nfpm")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building nfpm: %w: %s", err, bytes.TrimSpace(text))
	}
	return nil
}

// pack has nfpm write a package into the directory out, and returns the package's path.
func (s *stage) pack(format, out string) (string, error) {
	target, err := filepath.Abs(out)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("./nfpm", "package", "--config", description, "--packager", format, "--target", target)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nfpm: %w: %s", err, bytes.TrimSpace(text))
	}
	_, name, ok := strings.Cut(string(text), "created package: ")
	if !ok {
		return "", fmt.Errorf("nfpm names no package: %s", text)
	}
	return filepath.Join(out, filepath.Base(strings.TrimSpace(name))), nil
}
