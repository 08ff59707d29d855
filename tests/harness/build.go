package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Built names what the C sources beside this package were built into.
type Built struct {
	Reference string // the reference server
	Shorten   string // preload library that cuts every call short
	Faults    string // preload library that makes calls fail
	Count     string // preload library that counts calls
	Hang      string // preload library whose sendfile does not return for a while
}

// scratch is the directory that everything is built into; Main removes it.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "aws-tests-") })

var build = sync.OnceValues(func() (Built, error) {
	directory, err := scratch()
	if err != nil {
		return Built{}, err
	}
	root, err := findRoot()
	if err != nil {
		return Built{}, err
	}
	for _, source := range []string{"reference", "preload"} {
		makeCommand := exec.Command("make", "-s", "-C", filepath.Join(root, "tests", source), "BUILD="+directory)
		if output, err := makeCommand.CombinedOutput(); err != nil {
			return Built{}, fmt.Errorf("building tests/%s: %w\n%s", source, err, output)
		}
	}
	return Built{
		Reference: filepath.Join(directory, "server"),
		Shorten:   filepath.Join(directory, "shorten.so"),
		Faults:    filepath.Join(directory, "faults.so"),
		Count:     filepath.Join(directory, "count.so"),
		Hang:      filepath.Join(directory, "hang.so"),
	}, nil
})

// Main runs the tests of a package and removes what Build has built.
func Main(m *testing.M) {
	code := m.Run()
	if directory, err := scratch(); err == nil {
		if err := os.RemoveAll(directory); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// Build builds the reference server and the preload libraries, once for each test process.
func Build(tb testing.TB) Built {
	tb.Helper()
	built, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return built
}

// Root returns the repository's root directory.
func Root(tb testing.TB) string {
	tb.Helper()
	root, err := findRoot()
	if err != nil {
		tb.Fatal(err)
	}
	return root
}

func findRoot() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("no go.mod above the current directory")
		}
		directory = parent
	}
}

// AWS returns the server under test: what AWS_BIN names, or aws in the repository's root.
func AWS(tb testing.TB) string {
	tb.Helper()
	return underTest(tb, "AWS_BIN", "aws", "make")
}

// Daemon returns the program awsd that goes with an aws: the one beside it that is called alike.
func Daemon(aws string) string {
	return filepath.Join(filepath.Dir(aws), "awsd"+strings.TrimPrefix(filepath.Base(aws), "aws"))
}

// AWSValgrind returns the server built with Go's valgrind tag: what AWS_VALGRIND_BIN names, or
// aws-valgrind in the repository's root.
func AWSValgrind(tb testing.TB) string {
	tb.Helper()
	return underTest(tb, "AWS_VALGRIND_BIN", "aws-valgrind", "make aws-valgrind")
}

func underTest(tb testing.TB, variable, name, remedy string) string {
	tb.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(Root(tb), name)
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		tb.Fatalf("%v: run `%s` first, or name another binary in %s", err, remedy, variable)
	}
	return path
}

// Tool returns the path of an installed program and skips the test when it is absent.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("%s is not installed", name)
	}
	return path
}
