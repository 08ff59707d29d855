package main

import (
	"io"

	"github.com/spf13/cobra"
)

// completionCommand prints what a shell needs to complete the command's words.
func completionCommand(stdout io.Writer) *cobra.Command {
	cmd := newCommand("completion bash|zsh|fish", "print the completion script for a shell",
		cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(stdout, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(stdout)
			default:
				return cmd.Root().GenFishCompletion(stdout, true)
			}
		})
	cmd.ValidArgs = []string{"bash", "zsh", "fish"}
	cmd.Long = `Prints a script with which a shell completes commands and flags. For the current shell:

  bash:  source <(aws completion bash)
  zsh:   source <(aws completion zsh)
  fish:  aws completion fish | source

The Debian package installs the scripts.`
	return cmd
}
