// Command step runs one step of `make test` and, at the end, sums all of them up.
//
//	step test NAME REGEXP [FLAG...]   go test on the module's packages that match REGEXP
//	step fuzz NAME FUZZTIME           every fuzz target of the module, FUZZTIME each
//	step run NAME COMMAND [ARG...]    any other command, which passes or fails as a whole
//	step skip NAME REASON             nothing, because of REASON
//	step summary NAME...              the closing summary of the steps named
//
// A step prints a line for each package and whatever failed; everything else goes to
// build/test/NAME.log, and the outcome to build/test/NAME.json, from which the summary is made.
// The summary names every skipped test with its reason, and its last line is
// `N passed, N failed, N skipped`. The exit status is 0 if nothing failed, 1 if something did and
// 2 for a usage or set-up error.
//
// Package paths are matched relative to the module, so "^goloop$" or "^cgo/". Several regular expressions,
// with blanks between them, must all match; one that starts with ! must not.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// recordDir holds a log and a record for each step, relative to the repository's root, where make runs.
const recordDir = "build/test"

var errUsage = errors.New("usage: step test|fuzz|run|skip|summary NAME ...; go doc ./scripts/step has the whole of it")

func main() {
	failed, err := dispatch(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "step:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

// dispatch carries out one command line and reports whether anything failed in it.
func dispatch(args []string) (failed bool, err error) {
	if len(args) < 2 {
		return false, errUsage
	}
	verb, name, rest := args[0], args[1], args[2:]
	if verb == "summary" {
		return summarize(os.Stdout, recordDir, args[1:])
	}
	step, err := begin(name)
	if err != nil {
		return false, err
	}
	switch {
	case verb == "test" && len(rest) >= 1:
		err = step.test(rest[0], rest[1:])
	case verb == "fuzz" && len(rest) == 1:
		err = step.fuzz(rest[0])
	case verb == "run" && len(rest) >= 1:
		err = step.run(rest)
	case verb == "skip" && len(rest) == 1:
		step.Skipped = append(step.Skipped, skip{Name: name, Reason: rest[0]})
	default:
		err = errUsage
	}
	if err != nil {
		return false, errors.Join(err, step.log.Close())
	}
	return step.end()
}

// logPath is where the whole output of the step called name is kept.
func logPath(name string) string { return filepath.Join(recordDir, name+".log") }
