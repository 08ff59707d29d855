package command

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// StartedAsEnv hands over the name that aws was started by to the program that it becomes.
const StartedAsEnv = "AWSD_STARTED_AS"

// StartedAs returns the path that this program was started by, absolute, with symbolic links in it as they are: it may
// lead to another version later. argv0 is the program's own name. /proc is not needed, but helps where the name says
// nothing.
func StartedAs(argv0 string) (string, error) {
	name, err := exec.LookPath(argv0)
	if err == nil {
		name, err = filepath.Abs(name)
	}
	if err != nil {
		// The name does not identify the program, or was resolved in another directory.
		if name, err = os.Executable(); err != nil {
			return "", fmt.Errorf("where this program is, can't be found out from its name, %q, nor from /proc: %w", argv0, err)
		}
		name = strings.TrimSuffix(name, " (deleted)")
	}
	return name, nil
}

// Daemon returns the path of the program awsd, as it is now, that goes with an aws: beside it, beside what it is a symbolic
// link to, or in the PATH. A variant is called alike: awsd-race goes with aws-race.
func Daemon(aws string) (string, error) {
	name, startedAs := "awsd", aws
	if variant, ok := strings.CutPrefix(filepath.Base(aws), "aws-"); ok {
		name = "awsd-" + variant
	}
	places := []string{filepath.Join(filepath.Dir(startedAs), name)}
	if real, err := filepath.EvalSymlinks(startedAs); err == nil && filepath.Dir(real) != filepath.Dir(startedAs) {
		places = append(places, filepath.Join(filepath.Dir(real), name))
	}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither at %s nor in the PATH", name, strings.Join(places, " nor at "))
	}
	return filepath.Abs(path)
}
