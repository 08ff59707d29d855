package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// build is one execution of a Dockerfile.
type build struct {
	keep    string // an absolute path
	output  string // likewise: where the files of the last stage go
	args    map[string]string
	stages  []*stage
	modules string // an absolute path, too: this machine's module downloads
	goRoot  string // the installed Go, once a golang stage has been seen
}

// root is the system under construction.
func (b *build) root() string { return filepath.Join(b.keep, "root") }

// Images that something here can stand in for. The release of Debian and the version of Go are what counts.
var (
	debianImage = regexp.MustCompile(`^debian:([a-z]+)(-[0-9]+)?(-slim)?(@.*)?$`)
	golangImage = regexp.MustCompile(`^golang:([0-9.]+)(-[a-z]+)?(@.*)?$`)
)

// run executes the stages: at most one that is Go, one on Debian, and the last from scratch.
func (b *build) run() error {
	for _, s := range b.stages {
		var err error
		debian, golang := debianImage.FindStringSubmatch(s.image), golangImage.FindStringSubmatch(s.image)
		switch {
		case golang != nil:
			b.goRoot, err = installedGo(golang[1])
			if err == nil && len(s.instructions) > 0 {
				err = errors.New("a stage on the Go image can't have steps of its own here")
			}
		case debian != nil:
			err = b.runSteps(s, debian[1])
		case s.image == "scratch":
			err = b.runExport(s)
		default:
			err = errors.New("nothing here can stand in for that image")
		}
		if err != nil {
			return fmt.Errorf("FROM %s: %w", s.image, err)
		}
	}
	return nil
}

// installedGo returns the root of the installed Go if it is of the version wanted.
func installedGo(version string) (string, error) {
	out, err := exec.Command("go", "env", "GOVERSION", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	got, goRoot, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if got != "go"+version {
		return "", fmt.Errorf("the installed Go is %s, so it can't stand in for go%s", got, version)
	}
	return goRoot, nil
}

// runSteps executes a stage on Debian. The steps before the first one that reads the sources depend on
// nothing else, so the system that they make is kept.
func (b *build) runSteps(s *stage, release string) error {
	var v variables
	steady := 0
	for steady < len(s.instructions) && !readsSources(s.instructions[steady]) {
		steady++
	}
	kept := filepath.Join(b.keep, "system-"+b.key(s, steady))
	if _, err := os.Stat(kept); errors.Is(err, os.ErrNotExist) {
		if err := b.makeSystem(s.instructions[:steady], release, kept); err != nil {
			return err
		}
	} else {
		say("the system from the last time: %s", kept)
	}
	if err := replaceTree(kept, b.root()); err != nil {
		return err
	}
	workdir := "/"
	for i, step := range s.instructions {
		// What the kept system has done already leaves its variables and its directory.
		if err := b.step(step, &v, &workdir, i >= steady); err != nil {
			return fmt.Errorf("line %d: %w", step.line, err)
		}
	}
	return nil
}

// makeSystem bootstraps a Debian, executes the steps in it and keeps the whole as kept. What was kept
// before it goes: the steps have changed.
func (b *build) makeSystem(steps []instruction, release, kept string) error {
	if err := os.RemoveAll(b.keep); err != nil {
		return err
	}
	if err := os.MkdirAll(b.keep, 0o755); err != nil {
		return err
	}
	if err := bootstrap(release, b.root()); err != nil {
		return err
	}
	var v variables
	workdir := "/"
	for _, step := range steps {
		if err := b.step(step, &v, &workdir, true); err != nil {
			return fmt.Errorf("line %d: %w", step.line, err)
		}
	}
	return os.Rename(b.root(), kept)
}

// key names all that a kept system came from, but for the mirror's state.
func (b *build) key(s *stage, steady int) string {
	sum := sha256.New()
	fmt.Fprintln(sum, s.image, runtime.Version(), b.goRoot)
	for _, step := range s.instructions[:steady] {
		fmt.Fprintln(sum, step)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

// readsSources tells whether a step depends on the sources or on the command line.
func readsSources(step instruction) bool {
	return step.verb == "ARG" || step.verb == "COPY" && !strings.HasPrefix(step.rest, "--from=")
}

// step executes one step, or, if not effective, takes from it only what later ones need to know.
func (b *build) step(step instruction, v *variables, workdir *string, effective bool) error {
	switch step.verb {
	case "ARG":
		v.setArg(step.rest, b.args)
	case "ENV":
		return v.setEnv(step)
	case "WORKDIR":
		*workdir = resolve(*workdir, v.expand(step.rest))
		return os.MkdirAll(filepath.Join(b.root(), *workdir), 0o755)
	case "COPY":
		if effective {
			say("%v", step)
			return b.copy(v.expand(step.rest), *workdir)
		}
	case "RUN":
		if effective {
			say("%v", step)
			return b.runStep(*workdir, v.environ(), step.rest)
		}
	}
	return nil
}

// copy executes a COPY from the sources or from the stage that is Go.
func (b *build) copy(rest, workdir string) error {
	words := strings.Fields(rest)
	from := "."
	if strings.HasPrefix(words[0], "--from=") {
		if b.goRoot == "" || len(words) != 3 || words[1] != "/usr/local/go" {
			return fmt.Errorf("COPY %s: only /usr/local/go of a golang stage can be had here", rest)
		}
		return replaceTree(b.goRoot, filepath.Join(b.root(), resolve(workdir, words[2])))
	}
	if len(words) < 2 || strings.HasPrefix(words[0], "--") {
		return fmt.Errorf("COPY %s: want sources and a destination", rest)
	}
	sources, target := words[:len(words)-1], words[len(words)-1]
	into := filepath.Join(b.root(), resolve(workdir, target))
	for _, source := range sources {
		info, err := os.Stat(filepath.Join(from, source))
		if err != nil {
			return err
		}
		to := into
		if !info.IsDir() && (strings.HasSuffix(target, "/") || len(sources) > 1) {
			to = filepath.Join(into, filepath.Base(source))
		}
		if err := replaceTree(filepath.Join(from, source), to); err != nil {
			return err
		}
	}
	return nil
}

// runExport executes the stage from scratch, whose files are the output of the whole.
func (b *build) runExport(s *stage) error {
	if err := os.RemoveAll(b.output); err != nil {
		return err
	}
	if err := os.MkdirAll(b.output, 0o755); err != nil {
		return err
	}
	for _, step := range s.instructions {
		words := strings.Fields(step.rest)
		if step.verb != "COPY" || len(words) != 3 || !strings.HasPrefix(words[0], "--from=") {
			return fmt.Errorf("line %d: %v: want COPY --from=stage source destination", step.line, step)
		}
		say("%v", step)
		if err := replaceTree(filepath.Join(b.root(), words[1]), filepath.Join(b.output, words[2])); err != nil {
			return err
		}
	}
	return nil
}

// resolve is the directory that a path means in a step.
func resolve(workdir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(workdir, path)
}

// replaceTree makes to a copy of from, owners and links and all.
func replaceTree(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return quietly(exec.Command("cp", "-a", "--reflink=auto", from, to))
}

// quietly runs a command and tells what it printed only if it failed.
func quietly(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("%s: %w\n%s", cmd.Args[0], err, strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
	return nil
}

func say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(text) > 100 {
		text = text[:97] + "..."
	}
	fmt.Println("  " + text)
}
