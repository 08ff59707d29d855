// Command aws is the asynchronous web server.
//
// Without arguments it takes the place of the classic C server: it serves the directories static and
// dynamic of the current directory on port 8888. That is all that this program does by itself, so that it
// listens as soon as possible. Everything else (`aws serve`, the other commands, --admin, --help) is done by the
// program awsd, which it becomes by execve(2).
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"aws/internal/command"
	"aws/internal/logging"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the program, apart from its process. It returns the exit status.
func run(argv []string, stdout, stderr io.Writer) int {
	signal.Ignore(syscall.SIGPIPE) // sendfile(2) has no MSG_NOSIGNAL
	if o, ok := command.ParseDropIn(argv[1:]); ok {
		report := logging.New(stderr)
		return command.ExitStatus(o.Run(stdout, report), report, "aws")
	}
	return becomeDaemon(argv, stderr)
}

// becomeDaemon lets awsd take the place of this program, with the same arguments. It returns only if that fails.
func becomeDaemon(argv []string, stderr io.Writer) int {
	report := logging.New(stderr)
	own, err := ownPath(argv[0])
	if err != nil {
		return command.ExitStatus(fmt.Errorf("where this program is, can't be told: %w", err), report, "aws")
	}
	path, err := findDaemon(own)
	if err == nil {
		err = os.NewSyscallError("execve", syscall.Exec(path, argv, os.Environ()))
	}
	return command.ExitStatus(fmt.Errorf("%s needs the program %s: %w (make builds both; keep them in one directory)",
		strings.Join(argv, " "), daemonName(own), err), report, "aws")
}

// ownPath returns where this program is, which /proc says, or else the name that it was started by.
func ownPath(name string) (string, error) {
	own, err := os.Executable()
	if err != nil {
		return exec.LookPath(name)
	}
	return strings.TrimSuffix(own, " (deleted)"), nil
}

// daemonName returns the name of the program that goes with this one: awsd with aws, and awsd-race with aws-race.
func daemonName(own string) string {
	if variant, ok := strings.CutPrefix(filepath.Base(own), "aws-"); ok {
		return "awsd-" + variant
	}
	return "awsd"
}

// findDaemon returns the path of awsd: beside this program, or else in the PATH.
func findDaemon(own string) (string, error) {
	beside := filepath.Join(filepath.Dir(own), daemonName(own))
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath(daemonName(own))
	if err != nil {
		return "", fmt.Errorf("it is neither at %s nor in the PATH", beside)
	}
	return path, nil
}
