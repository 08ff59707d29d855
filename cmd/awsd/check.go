package main

import (
	"errors"
	"io"

	"aws/internal/config"
	"aws/internal/logging"
	"aws/internal/sandbox"
	"aws/internal/serveconfig"

	"github.com/spf13/cobra"
)

// checkCommand says what aws serve would do.
func checkCommand(stdout io.Writer, report *logging.Reporter) *cobra.Command {
	var line commandLine
	cmd := newCommand("check [ROOT]", "validate the configuration of serve and print the effective one", oneRoot,
		func(_ *cobra.Command, args []string) error {
			o, origins, err := line.options(args, report)
			if err != nil {
				return err
			}
			if _, err := stdout.Write(config.AppendTOML(nil, o.Table(), origins)); err != nil {
				return err
			}
			return located(errors.Join(warnEffects(o, origins, report), check(o, report)), origins)
		})
	cmd.Long = `Reads the same flags, variables and configuration file as "serve". Prints the resulting options as a
TOML file, with the origin of each value, and reports what is wrong. It opens the directories and files
that serve would open. It does not bind an address, and changes nothing.

Exit status: 0 if serve would start, 1 if a file or directory cannot be used, 2 if an option is wrong.`
	line.flags(cmd.Flags())
	return cmd
}

// check returns the first thing that would keep aws serve from starting, apart from addresses that
// are in use.
func check(o *serveconfig.Options, report *logging.Reporter) error {
	if addrs, err := o.Listening.Addresses(); err != nil {
		return err
	} else if len(addrs) == 0 {
		return serveconfig.ErrNoAddress
	}
	if _, _, _, err := o.Watch.Target(); err != nil {
		return err
	}
	if _, err := o.Watch.AdminAddress(); err != nil {
		return err
	}
	so, closeRoots, err := o.Handler(func(string, ...any) {}, report)
	defer closeRoots()
	if err != nil {
		return err
	}
	if _, err := o.Server(so); err != nil {
		return err
	}
	if o.Give.User != "" {
		if _, err := sandbox.LookUpUser(o.Give.User); err != nil {
			return err
		}
	}
	return nil
}
