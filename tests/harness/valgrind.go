package harness

import (
	"path/filepath"
	"strconv"
	"testing"
)

// ValgrindErrors is the exit status of a server that would have ended well, had valgrind not found errors.
const ValgrindErrors = 98

// Valgrind returns the command that a server is put under valgrind with. Definitely lost blocks count as
// errors. The test is skipped where valgrind is absent.
func Valgrind(tb testing.TB) []string {
	tb.Helper()
	return []string{
		Tool(tb, "valgrind"), "-q", "--leak-check=full", "--show-leak-kinds=definite",
		"--errors-for-leak-kinds=definite", "--error-exitcode=" + strconv.Itoa(ValgrindErrors),
		"--suppressions=" + filepath.Join(Root(tb), "tests", "harness", "valgrind.supp"),
	}
}
