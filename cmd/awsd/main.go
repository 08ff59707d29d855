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
	"slices"
	"strings"
	"syscall"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/logging"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

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
	report := logging.New(stderr)
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
	return command.ExitStatus(err, report, program)
}

// newCommand returns a command whose mistakes in usage are told from other errors.
func newCommand(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, SilenceUsage: true, SilenceErrors: true,
		Args: func(cmd *cobra.Command, list []string) error {
			if err := args(cmd, list); err != nil {
				return command.UsageError(err)
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
		return command.UsageError(err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if name := config.Nearest(unknown.GetSpecifiedName(), names); name != "" {
		err = fmt.Errorf("%w; did you mean --%s?", err, name)
	}
	return command.UsageError(err)
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
	return command.UsageError(err)
}
