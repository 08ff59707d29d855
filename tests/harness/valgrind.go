package harness

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ValgrindErrors is the exit status of a server that would have ended well, had valgrind not found errors.
const ValgrindErrors = 98

// Valgrind returns the command that a server is put under valgrind with. Definitely lost blocks count as
// errors. The test is skipped where valgrind is absent.
//
// The Go runtime does not preempt goroutines by signals then. The handler of such a signal leaves a goroutine on
// a stack that has grown or changed without valgrind, which now and then takes what is on it for memory that was
// given back: an error of 3 runs in 100 that was none of the server's.
//
// Nor does it collect garbage: Go 1.26 notifies valgrind of every object that it allocates, but not of those that the
// collector frees, and valgrind gives up on the blocks that seem to overlap when their memory is used again.
func Valgrind(tb testing.TB) []string {
	tb.Helper()
	return []string{
		"env", "GODEBUG=asyncpreemptoff=1", "GOGC=off",
		Tool(tb, "valgrind"), "-q", "--leak-check=full", "--show-leak-kinds=definite",
		"--errors-for-leak-kinds=definite", "--error-exitcode=" + strconv.Itoa(ValgrindErrors),
		"--suppressions=" + filepath.Join(Root(tb), "tests", "harness", "valgrind.supp"),
	}
}

// finding matches a line of what valgrind found. Its warnings begin with two dashes.
var finding = regexp.MustCompile(`(?m)^==\d+==.*$`)

// Findings returns what valgrind found wrong with the server, without what else both have printed, and all
// that was printed when that is nothing.
func (s *Server) Findings() string {
	if found := finding.FindAllString(s.Output(), -1); found != nil {
		return strings.Join(found, "\n")
	}
	return s.Output()
}
