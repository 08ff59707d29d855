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

// lighttpdTLS is the module by which lighttpd has TLS. It has a package of its own.
const lighttpdTLS = "/usr/lib/lighttpd/mod_openssl.so"

// debian maps the programs that are compared with, or used, to the packages that bring them.
var debian = map[string]string{
	"nginx": "nginx-light", "h2o": "h2o", "lighttpd": "lighttpd", "caddy": "caddy",
	"fio": "fio", "wrk": "wrk", "h2load": "nghttp2-client", "gcc": "gcc", "make": "make",
	lighttpdTLS: "lighttpd-mod-openssl",
}

const installPatience = 5 * time.Minute

// install asks apt for the programs that are missing, one package at a time, so that one which is
// not to be had leaves the others alone. It says why on progress and is not an error: what needs the
// program is left out by name.
func install(say func(format string, args ...any)) {
	var missing []string
	for name := range debian {
		if !installed(name) {
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

// installed reports whether a program, or a file with an absolute path, is there.
func installed(name string) bool {
	var err error
	if filepath.IsAbs(name) {
		_, err = os.Stat(name)
	} else {
		_, err = findProgram(name)
	}
	return err == nil
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

// program is a program of ours, with the command that builds it.
type program struct {
	name   string
	needed bool // nothing can be measured without it
	args   func(repository, bin string) []string
}

// ownPrograms are the client in C, which comes first, the one in Go, the floor, the reference server and the peers in Go.
var ownPrograms = []program{
	{"load", true, compiled("load", "client/load.c", "client/exchange.c", "client/histogram.c")},
	{"tlsclient", true, func(repository, bin string) []string {
		return []string{"go", "build", "-C", repository, "-o", filepath.Join(bin, "tlsclient"), "./tests/bench/tlsclient"}
	}},
	{"cloop", false, compiled("cloop", "peers/cloop/cloop.c")},
	{"reference", false, func(repository, bin string) []string {
		return []string{"make", "-s", "-C", filepath.Join(repository, "tests", "reference"), "BUILD=" + bin}
	}},
	{"gopeers", false, func(repository, bin string) []string {
		return []string{"go", "build", "-C", filepath.Join(repository, "tests", "bench", "peers", "gopeers"), "-o", filepath.Join(bin, "gopeers"), "."}
	}},
}

// compiled is a program in C, from sources in this directory.
func compiled(name string, sources ...string) func(repository, bin string) []string {
	return func(repository, bin string) []string {
		args := []string{"gcc", "-O2", "-g", "-Wall", "-Wextra", "-o", filepath.Join(bin, name)}
		for _, source := range sources {
			args = append(args, filepath.Join(repository, "tests", "bench", source))
		}
		return args
	}
}

// buildOwn builds programs. One that can't be built is missing in the end, unless it is needed.
func buildOwn(repository, bin string, programs []program, say func(format string, args ...any)) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	var needed error
	for _, p := range programs {
		args := p.args(repository, bin)
		output, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		err = fmt.Errorf("building %s: %w: %s", p.name, err, lastLines(string(output)))
		if p.needed {
			needed = errors.Join(needed, err)
		} else {
			say("%v", err)
		}
	}
	return needed
}
