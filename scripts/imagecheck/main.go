// Command imagecheck carries out the steps of Dockerfile.build without a container engine.
//
//	imagecheck [-arg NAME=value]... [-keep DIR] [-output DIR] DOCKERFILE
//
// It reads the Dockerfile itself and executes its RUN, COPY, ENV, ARG and WORKDIR steps in a chroot,
// twice over, and then checks that both times gave the same bytes and that the binary starts. Two
// things stand in for what a registry of images would bring: a Debian from debootstrap and the
// machine's own mirror for `debian:RELEASE-...`, and the installed Go for `golang:VERSION-...`, which
// has to be of that very version. Go modules come from the module cache of this machine.
//
// What does not depend on the sources, the system with its compiler, is kept in the user's cache
// directory, out of the way of anyone who searches the sources, and used again as long as the steps that lead
// to it stay the same. It needs root.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	args := make(map[string]string)
	flag.Func("arg", "a value for an ARG: `NAME=value`", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("want NAME=value")
		}
		args[name] = value
		return nil
	})
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	keep := flag.String("keep", filepath.Join(cache, "aws-build-image"), "where the system is kept for the next time")
	output := flag.String("output", "build/image", "where the files of the last stage go")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := check(flag.Arg(0), *keep, *output, args); err != nil {
		fmt.Fprintln(os.Stderr, "imagecheck:", err)
		os.Exit(1)
	}
}

// check builds twice and compares.
func check(dockerfile, keep, output string, args map[string]string) error {
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return err
	}
	stages, err := parseDockerfile(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", dockerfile, err)
	}
	keep, err = filepath.Abs(keep)
	if err != nil {
		return err
	}
	output, err = filepath.Abs(output)
	if err != nil {
		return err
	}
	cache, err := moduleCache()
	if err != nil {
		return err
	}
	var binaries [2][]byte
	var last *build
	for i := range binaries {
		began := time.Now()
		last = &build{keep: keep, output: output, args: args, stages: stages, modules: cache}
		if err := last.run(); err != nil {
			return fmt.Errorf("%s: %w", dockerfile, err)
		}
		binaries[i], err = os.ReadFile(filepath.Join(output, "awsd"))
		if err != nil {
			return err
		}
		fmt.Printf("build %d: %d bytes in %v\n", i+1, len(binaries[i]), time.Since(began).Round(time.Second))
	}
	if !bytes.Equal(binaries[0], binaries[1]) {
		return fmt.Errorf("two builds of the same sources differ: %d and %d bytes", len(binaries[0]), len(binaries[1]))
	}
	version, err := last.start()
	if err != nil {
		return err
	}
	if want := args["VERSION"]; !strings.Contains(version, want) {
		return fmt.Errorf("awsd --version says %q, which lacks %q", version, want)
	}
	fmt.Printf("both builds have the same bytes; the binary, %s, says: %s\n", filepath.Join(output, "awsd"), version)
	return os.RemoveAll(last.root())
}

// start runs the binary in the system that built it.
func (b *build) start() (version string, err error) {
	copied := filepath.Join(b.root(), "awsd")
	if out, err := exec.Command("cp", filepath.Join(b.output, "awsd"), copied).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	out, err := b.inChroot("/", nil, "exec /awsd --version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("awsd --version: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
