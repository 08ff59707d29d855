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
	"os/signal"
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
	own, err := command.StartedAs(argv[0])
	var path string
	if as := os.Getenv(command.StartedAsEnv); err == nil && as != "" { // what is called awsd is this program
		err = fmt.Errorf("the one that was found, %s, is the drop-in itself", own)
	}
	if err == nil {
		path, err = command.Daemon(own)
	}
	if err == nil {
		err = os.Setenv(command.StartedAsEnv, own)
	}
	if err == nil {
		err = os.NewSyscallError("execve", syscall.Exec(path, argv, os.Environ()))
	}
	return command.ExitStatus(fmt.Errorf("%s needs the program awsd: %w (make builds both; keep them in one directory)",
		strings.Join(argv, " "), err), report, "aws")
}
