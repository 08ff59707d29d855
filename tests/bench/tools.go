package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// debian maps the programs that are compared with, or used, to the packages that bring them.
var debian = map[string]string{
	"nginx": "nginx-light", "h2o": "h2o", "lighttpd": "lighttpd", "caddy": "caddy",
	"fio": "fio", "wrk": "wrk", "h2load": "nghttp2-client", "gcc": "gcc", "make": "make",
}

const installPatience = 5 * time.Minute

// install asks apt for the programs that are missing, one package at a time, so that one which is
// not to be had leaves the others alone. It says why on progress and is not an error: what needs the
// program is left out by name.
func install(say func(format string, args ...any)) {
	var missing []string
	for name := range debian {
		if _, err := findProgram(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 || os.Geteuid() != 0 {
		return
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), installPatience)
	defer cancel()
	say("installing what is missing: %v", missing)
	defer keepStill()()
	_ = exec.CommandContext(ctx, "apt-get", "update").Run()
	for _, name := range missing {
		cmd := exec.CommandContext(ctx, "apt-get", "install", "-y", "--no-install-recommends", debian[name])
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := cmd.CombinedOutput(); err != nil {
			say("%s is not to be had: %v: %s", name, err, lastLines(string(output)))
		}
	}
}

// keepStill keeps packages from starting their servers, which would take a port and processor time
// from everybody, until the function that it returns is called (invoke-rc.d(8)).
func keepStill() func() {
	const policy = "/usr/sbin/policy-rc.d"
	f, err := os.OpenFile(policy, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return func() {} // there is a policy already, and it is the owner's
	}
	_, _ = f.WriteString("#!/bin/sh\nexit 101\n")
	_ = f.Close()
	return func() { _ = os.Remove(policy) }
}

// findProgram looks in sbin, too, which is not in everybody's path.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, directory := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(directory, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// buildOwn builds the client, the floor, the reference server and the peers in Go. What can't be
// built is missing in the end; the client is needed.
func buildOwn(repository, bin string, say func(format string, args ...any)) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	bench := filepath.Join(repository, "tests", "bench")
	var needed error
	for _, step := range []struct {
		name   string
		needed bool
		args   []string
	}{
		{"load", true, []string{"gcc", "-O2", "-g", "-Wall", "-Wextra", "-o", filepath.Join(bin, "load"), filepath.Join(bench, "client", "load.c")}},
		{"cloop", false, []string{"gcc", "-O2", "-g", "-Wall", "-Wextra", "-o", filepath.Join(bin, "cloop"), filepath.Join(bench, "peers", "cloop", "cloop.c")}},
		{"reference", false, []string{"make", "-s", "-C", filepath.Join(repository, "tests", "reference"), "BUILD=" + bin}},
		{"gopeers", false, []string{"go", "build", "-C", filepath.Join(bench, "peers", "gopeers"), "-o", filepath.Join(bin, "gopeers"), "."}},
	} {
		output, err := exec.Command(step.args[0], step.args[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		err = fmt.Errorf("building %s: %w: %s", step.name, err, lastLines(string(output)))
		if step.needed {
			needed = errors.Join(needed, err)
		} else {
			say("%v", err)
		}
	}
	return needed
}
