// Command aws is the asynchronous web server.
//
// Without arguments it takes the place of the classic C server: it serves the folders static and
// dynamic of the current folder on port 8888. `aws serve` is a file server for everybody else.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"aws/goloop"
	"aws/internal/config"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Set by the Makefile.
var (
	version = "devel"
	commit  = "unknown"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// usageError is a mistake in the command line.
type usageError struct{ error }

// configError is a mistake, or several, in the configuration; each line names its place.
type configError struct{ error }

// program is what the command is called: "aws", or "awsd" where a package has installed it beside a
// command aws of somebody else's.
var program = "aws"

func main() {
	if filepath.Base(os.Args[0]) == "awsd" {
		program = "awsd"
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program, apart from its process. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	signal.Ignore(syscall.SIGPIPE) // sendfile(2) has no MSG_NOSIGNAL
	report := newReporter(stderr)
	root := rootCommand(stdout, report)
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(serveCommand(stdout, report), checkCommand(stdout, report), versionCommand(stdout), completionCommand(stdout), manCommand(stdout))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := unknownCommand(root, args)
	if err == nil {
		err = root.Execute()
	}
	var usage usageError
	var mistakes configError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		report.fail(fmt.Errorf("%w (%s --help says what there is)", err, program))
		return exitUsage
	case errors.As(err, &mistakes):
		report.fail(mistakes)
		return exitUsage
	default:
		report.fail(err)
		return exitError
	}
}

// newCommand returns a command whose mistakes in usage are told from other errors.
func newCommand(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, SilenceUsage: true, SilenceErrors: true,
		Args: func(cmd *cobra.Command, list []string) error {
			if err := args(cmd, list); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: do,
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.Flags().SortFlags = false
	return cmd
}

// flagError turns what is wrong with a flag into a usageError, with what was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if name := config.Nearest(unknown.GetSpecifiedName(), names); name != "" {
		err = fmt.Errorf("%w; did you mean --%s?", err, name)
	}
	return usageError{err}
}

// unknownCommand returns an error if the first argument should be a command and is none. It looks
// before cobra does, which would complain about the first of the flags that follow.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil
	}
	names := []string{"help"}
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	if slices.Contains(names, args[0]) || args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd {
		return nil
	}
	err := fmt.Errorf("there is no command %q", args[0])
	if name := config.Nearest(args[0], names); name != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, name)
	}
	return usageError{err}
}

func versionText() string {
	return fmt.Sprintf("aws %s (commit %s, %s)\n", version, commit, runtime.Version())
}

// Descriptors that the program itself needs, besides connections and files.
const descriptorsReserved = 24

// fitDescriptors shares the descriptors out among the loops: a quarter for files, so that there is
// always one for a connection that waits for its file, and the rest for connections. It returns
// how many files may be held open without being in use.
func fitDescriptors(cfg *goloop.ServerConfig, descriptors int) int {
	left := max(descriptors-descriptorsReserved*max(cfg.Loops, 1), 4)
	files := max(left/4, 2)
	cfg.Loop.ConnsMax = min(cfg.Loop.ConnsMax, max((left-files)/max(cfg.Loops, 1), 2))
	return files / 2
}
