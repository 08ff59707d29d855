package release

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Info is what a release is called.
type Info struct {
	Version string // as git describes it, such as v1.2.0 or v1.2.0-5-gabcdef0
	Commit  string
	Time    time.Time // of the commit, or SOURCE_DATE_EPOCH
}

// Describe asks git about the sources in dir. The variables VERSION, COMMIT and SOURCE_DATE_EPOCH go
// before it, for sources without git.
func Describe(dir string) (Info, error) {
	i := Info{Version: os.Getenv("VERSION"), Commit: os.Getenv("COMMIT")}
	var err error
	if i.Version == "" {
		if i.Version, err = git(dir, "describe", "--tags", "--always", "--dirty"); err != nil {
			return i, fmt.Errorf("%w (set VERSION, COMMIT and SOURCE_DATE_EPOCH for sources without git)", err)
		}
	}
	if i.Commit == "" {
		if i.Commit, err = git(dir, "rev-parse", "HEAD"); err != nil {
			return i, err
		}
	}
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		if epoch, err = git(dir, "log", "-1", "--format=%ct"); err != nil {
			return i, err
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return i, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	i.Time = time.Unix(seconds, 0).UTC()
	return i, nil
}

func git(dir string, args ...string) (string, error) {
	out, err := output(exec.Command("git", append([]string{"-C", dir}, args...)...))
	return strings.TrimSpace(out), err
}

// output runs a command and returns what it prints; the error has what it complains about.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

// Build has the Makefile in dir build the programs, with more variables, and returns where awsd is. DropIn is
// the name of the other one, beside it.
func Build(dir string, i Info, env ...string) (string, error) {
	cmd := exec.Command("make", "-C", dir, "aws", "VERSION="+i.Version, "COMMIT="+i.Commit)
	cmd.Env = append(os.Environ(), env...)
	if _, err := output(cmd); err != nil {
		return "", err
	}
	return filepath.Join(dir, "awsd"), nil
}

// DropIn is the program that becomes awsd for all but the drop-in.
const DropIn = "aws"

// Sources returns the names of the files that belong to the sources in dir, sorted.
func Sources(dir string) ([]string, error) {
	list, err := git(dir, "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(list) {
		name := strings.TrimSuffix(line, "\n")
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil { // one that is deleted is listed, too
			names = append(names, name)
		}
	}
	return names, nil
}

// Pages are what a binary writes about itself.
type Pages struct{ Manual, Bash, Zsh, Fish []byte }

// NewPages has the binary write them. It is called by the name it is installed under, which stands in
// them.
func NewPages(binary, name string) (*Pages, error) {
	dir, err := os.MkdirTemp("", "pages")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, name)
	own, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(own, program); err != nil {
		return nil, err
	}
	p := &Pages{}
	for _, page := range []struct {
		into *[]byte
		args []string
	}{
		{&p.Manual, []string{"man"}},
		{&p.Bash, []string{"completion", "bash"}},
		{&p.Zsh, []string{"completion", "zsh"}},
		{&p.Fish, []string{"completion", "fish"}},
	} {
		text, err := output(exec.Command(program, page.args...))
		if err != nil {
			return nil, err
		}
		*page.into = []byte(text)
	}
	return p, nil
}

// described is what git describe prints: a tag, the commits since then, and whether the tree is changed.
var described = regexp.MustCompile(`^v?([0-9][0-9A-Za-z.~+]*?)(?:-([0-9]+)-g([0-9a-f]+))?(-dirty)?$`)

// tag is a version as people write it.
var tag = regexp.MustCompile(`^v?[0-9]+\.[0-9]`)

// PackageVersion returns the version as dpkg and rpm order it: a tag is newer than all commits before it, and
// older than those after it.
func (i Info) PackageVersion() string {
	version := ""
	m := described.FindStringSubmatch(i.Version)
	switch {
	case m == nil || !tag.MatchString(i.Version): // no tag yet: a commit
		commit := strings.TrimSuffix(i.Version, "-dirty")
		version = "0~git" + i.Time.Format("20060102150405") + "." + notInVersions.ReplaceAllString(commit, ".")
	case m[2] != "":
		version = m[1] + "+" + m[2] + ".g" + m[3]
	default:
		version = m[1]
	}
	if strings.HasSuffix(i.Version, "-dirty") {
		version += "+dirty"
	}
	return version
}

var notInVersions = regexp.MustCompile(`[^0-9A-Za-z.+~]+`)
