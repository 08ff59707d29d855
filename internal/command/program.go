package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"aws/goloop"
	"aws/internal/logging"
)

// Set by the Makefile.
var (
	Version = "devel"
	Commit  = "unknown"
)

// Name returns what the program is called: "aws", or "awsd" where a package has installed it beside a command aws of
// somebody else's.
func Name() string {
	if filepath.Base(os.Args[0]) == "awsd" {
		return "awsd"
	}
	return "aws"
}

// Exit statuses.
const (
	ExitOK    = 0
	ExitError = 1
	ExitUsage = 2
)

// usageMistake is a mistake in the command line.
type usageMistake struct{ error }

// configMistake is a mistake, or several, in the configuration; each line names its place.
type configMistake struct{ error }

// UsageError marks an error as a mistake in the command line.
func UsageError(err error) error { return usageMistake{err} }

// ConfigError marks an error as a mistake, or several, in the configuration.
func ConfigError(err error) error { return configMistake{err} }

// ExitStatus returns the status that a program ends with because of an error, and prints what there is to say
// about it. name is the command, as one would ask it for help.
func ExitStatus(err error, report *logging.Reporter, name string) int {
	defer report.Flush()
	var usage usageMistake
	var mistakes configMistake
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &usage):
		report.Fail(fmt.Errorf("%w (see %s --help)", err, name))
		return ExitUsage
	case errors.As(err, &mistakes):
		report.Fail(mistakes)
		return ExitUsage
	default:
		report.Fail(err)
		return ExitError
	}
}

func VersionText() string {
	return fmt.Sprintf("aws %s (commit %s, %s)\n", Version, Commit, runtime.Version())
}

// Descriptors that the program itself needs, besides connections and files.
const descriptorsReserved = 24

// FitDescriptors shares the descriptors out: a quarter for files, so that there is
// always one for a connection that waits for its file, and the rest for connections. It returns
// how many files may be held open without being in use.
func FitDescriptors(cfg *goloop.ServerConfig, descriptors int) int {
	left := max(descriptors-descriptorsReserved*max(cfg.Loops, 1), 4)
	files := max(left/4, 2)
	cfg.Loop.ConnsMax = min(cfg.Loop.ConnsMax, max(left-files, 2))
	return files / 2
}
