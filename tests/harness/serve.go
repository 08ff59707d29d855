package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// StartServe starts `aws serve` for a directory, on a port of its own choice. Options.Path, Args and Address
// are set here; args are further flags.
func StartServe(tb testing.TB, o Options, directory string, args ...string) *Server {
	tb.Helper()
	o.Path = AWS(tb)
	o.Args = append([]string{"serve", directory, "--listen", "127.0.0.1:0", "--loops", "2"}, args...)
	return Start(tb, o)
}

// StartConfig starts a file server with the text of a configuration file.
func StartConfig(tb testing.TB, o Options, toml string, args ...string) *Server {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "aws.toml")
	WriteFile(tb, file, []byte(toml))
	o.Path = AWS(tb)
	o.Args = append([]string{"serve", "--config", file, "--listen", "127.0.0.1:0", "--loops", "2"}, args...)
	return Start(tb, o)
}

// Descriptors returns what the server's descriptors refer to, as /proc has it, with how many there are of
// each kind: files by their path, everything else by what stands before its number, such as socket.
func (s *Server) Descriptors(tb testing.TB) map[string]int {
	tb.Helper()
	directory := fmt.Sprintf("/proc/%d/fd", s.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		tb.Fatal(err)
	}
	kinds := map[string]int{}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(directory, entry.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if kind, _, ok := strings.Cut(target, ":["); ok {
			target = kind
		}
		kinds[target]++
	}
	return kinds
}

// Children returns the processes that a process has started and not yet buried, the youngest last.
func Children(tb testing.TB, pid int) []int {
	tb.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		tb.Fatal(err)
	}
	var pids []int
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				tb.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	slices.Sort(pids)
	return pids
}

// StartMode starts the file server if mode is "serve", and else the drop-in, for a directory. It prints its counters when it ends.
func StartMode(tb testing.TB, mode, directory string, args ...string) *Server {
	tb.Helper()
	args = append([]string{"--verbose"}, args...)
	if mode == "serve" {
		return StartServe(tb, Options{}, directory, args...)
	}
	return StartAWS(tb, directory, Options{Args: args})
}
