package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modules is where a step finds the modules that this machine has downloaded already.
const modules = "/mnt/modules"

// bootstrap makes a minimal Debian of the release in root, from the machine's own mirrors.
func bootstrap(release, root string) error {
	sources, mirror, err := aptSources(release)
	if err != nil {
		return err
	}
	say("debootstrap %s", release)
	if err := quietly(exec.Command("debootstrap", "--variant=minbase", release, root, mirror)); err != nil {
		return err
	}
	list := filepath.Join(root, "etc/apt/sources.list")
	if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(root, modules), 0o755)
}

// aptSources returns the lines of sources.list for a release of Debian, as the machine is configured,
// and the mirror of the release itself.
func aptSources(release string) (lines, mirror string, err error) {
	out, err := exec.Command("apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		return "", "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "main" {
			continue
		}
		suite, _, _ := strings.Cut(fields[1], "-")
		if suite != release {
			continue
		}
		lines += "deb " + strings.Join(fields, " ") + "\n"
		if fields[1] == release {
			mirror = fields[0]
		}
	}
	if mirror == "" {
		return "", "", errors.New("this machine's apt knows no mirror of Debian " + release)
	}
	return lines, mirror, nil
}

// enter mounts what a system needs to work, in a mount namespace of its own, so that nothing of it is left
// however the step ends.
const enter = `set -e
root=$1 workdir=$2 modules=$3 command=$4
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$modules" "$root` + modules + `"
exec chroot "$root" /bin/sh -c 'cd "$1" && eval "$2"' sh "$workdir" "$command"`

// inChroot makes the command that runs in the system with the environment of an image and no more. In a
// process-id namespace of its own, nothing that it starts outlives it.
func (b *build) inChroot(workdir string, environ []string, command string) *exec.Cmd {
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child",
		"/bin/sh", "-c", enter, "enter", b.root(), workdir, b.modules, command)
	cmd.Env = append([]string{
		"HOME=/root",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"GOPROXY=file://" + modules,
	}, environ...)
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// moduleCache is the directory with the module downloads of this machine, in the layout of a proxy. What
// the sources need is in it afterwards.
func moduleCache() (string, error) {
	if err := quietly(exec.Command("go", "mod", "download")); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	return filepath.Join(strings.TrimSpace(string(out)), "cache", "download"), err
}

// runStep runs one RUN. Names of machines are looked up as this machine does it.
func (b *build) runStep(workdir string, environ []string, command string) error {
	resolver, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.root(), "etc/resolv.conf"), resolver, 0o644); err != nil {
		return err
	}
	return quietly(b.inChroot(workdir, environ, command))
}
