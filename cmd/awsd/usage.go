package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"aws/internal/command"
	"aws/internal/config"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Mistakes in the command line. Each message names the word, what is wrong with it, and what to write.

// flagError turns what is wrong with a flag into a usageError, with what was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var value *pflag.InvalidValueError
	switch {
	case errors.As(err, &value):
		err = fmt.Errorf("--%s: %w", value.GetFlag().Name, value.Unwrap())
	case errors.As(err, &bare):
		name := bare.GetSpecifiedName()
		err = fmt.Errorf("--%s needs a value; write --%s %s", name, name, argumentOf(bare.GetFlag()))
	case errors.As(err, &unknown):
		if meant := meantFlag(cmd, unknown); meant != "" {
			err = fmt.Errorf("%w; did you mean %s?", err, meant)
		}
	}
	return command.UsageError(err)
}

// argumentOf returns the name of a flag's argument, as help shows it.
func argumentOf(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// meantFlag returns the flag that was probably meant by one that a command does not have, or "".
func meantFlag(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	name := unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); len(short) > 1 { // -port for --port
		name, _, _ = strings.Cut(short, "=")
	}
	if cmd == cmd.Root() {
		if serve, _, err := cmd.Find([]string{"serve"}); err == nil && serve.Flags().Lookup(name) != nil {
			return serve.CommandPath() + " --" + name
		}
	} else if name == "port" && cmd.Flags().Lookup("listen") != nil { // the drop-in's
		return "--listen :PORT"
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := config.Nearest(name, names); near != "" {
		return "--" + near
	}
	return ""
}

// unknownCommand returns an error if the first argument should be a command and is not one. It looks
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
	if meant := meantCommand(args[0], names); meant != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, meant)
	}
	return command.UsageError(err)
}

// meantCommand returns what was probably meant by a word where a command should be, or "".
func meantCommand(word string, names []string) string {
	if name := config.Nearest(word, names); name != "" {
		return strconv.Quote(name)
	}
	if info, err := os.Stat(word); err == nil && info.IsDir() {
		return strconv.Quote(program + " serve " + word)
	}
	if _, err := strconv.ParseUint(word, 10, 16); err == nil {
		return strconv.Quote(program + " --port " + word)
	}
	return ""
}

// noRoot refuses arguments of the drop-in.
func noRoot(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q: no argument is expected; --root %s names a directory that holds static/ and dynamic/", args[0], args[0])
}

// oneRoot lets one directory be an argument.
func oneRoot(_ *cobra.Command, args []string) error {
	if len(args) < 2 {
		return nil
	}
	return fmt.Errorf("%q and %q: one ROOT is served at /; --static /%s/=%s serves another directory beside it",
		args[0], args[1], filepath.Base(args[1]), args[1])
}

// onceValue is the value of a flag that may be given once.
type onceValue struct{ text *string }

// Set implements pflag.Value.
func (v onceValue) Set(s string) error {
	if *v.text != "" {
		return fmt.Errorf("%s and %s are given; leave one of them out", *v.text, s)
	}
	*v.text = s
	return nil
}

// String implements pflag.Value. pflag asks a zero value for its text.
func (v onceValue) String() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Type implements pflag.Value.
func (v onceValue) Type() string { return "string" }
