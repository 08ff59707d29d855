// Command aws is the asynchronous web server.
//
// Without arguments it takes the place of the classic C server: it serves the directories static and
// dynamic of the current directory on port 8888. `aws serve` is a file server for everybody else.
package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"aws/internal/command"
	"aws/internal/logging"

	"github.com/spf13/cobra"
)

// program is what the command is called.
var program = command.Name()

func main() {
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
	if err := unknownCommand(root, args); err != nil {
		return command.ExitStatus(err, report, program)
	}
	cmd, err := root.ExecuteC()
	return command.ExitStatus(err, report, cmd.CommandPath())
}

// newCommand returns a command whose mistakes in usage are distinguished from other errors.
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
