package faults

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// modes are the two servers, by name.
var modes = []string{"dropin", "serve"}

// onModes runs a test against both servers.
func onModes(t *testing.T, test func(t *testing.T, mode string)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}

// start starts one of the two for a directory. It prints its counters when it ends.
func start(t *testing.T, mode, root string, o harness.Options, args ...string) *harness.Server {
	t.Helper()
	if mode == "serve" {
		return harness.StartServe(t, o, root, append([]string{"--verbose", "--max-connections-per-ip", "0"}, args...)...)
	}
	o.Args = append([]string{"--verbose"}, args...)
	return harness.StartAWS(t, root, o)
}

// mixture is what a load asks for, most of it small.
var mixture = []string{
	"empty", "one", "small", "small", "small", "small", "small", "small", "odd", "odd", "odd", "odd", "odd", "odd",
	"large", "large", "large", "huge",
}

// load returns a load as a mode takes it: one request per connection, or many.
func load(s *harness.Server, mode string, site *harness.Site, clients int) harness.Load {
	l := harness.Load{Address: s.Address, Site: site, Clients: clients, Seed: 1, PerConn: 1}
	for _, directory := range []string{"static/", "dynamic/"} {
		for _, name := range mixture {
			l.Paths = append(l.Paths, directory+name)
		}
	}
	if mode == "serve" {
		l.PerConn = 20
	}
	return l
}

// stop ends the server, which must end in order, and returns its output.
func stop(t *testing.T, s *harness.Server) string {
	t.Helper()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d\n%s", status, s.Output())
	}
	return s.Output()
}

// counter reads a number of the output: the first behind name.
func counter(t *testing.T, output, name string) int {
	t.Helper()
	match := regexp.MustCompile(regexp.QuoteMeta(name) + ` (\d+)`).FindStringSubmatch(output)
	if match == nil {
		t.Fatalf("no counter %q in:\n%s", name, output)
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantQuiet waits until the server has its listening sockets left, one per loop and address, and no other.
func wantQuiet(t *testing.T, s *harness.Server, mode string) {
	t.Helper()
	want := map[string]int{"dropin": 1, "serve": 2, "https": 4}[mode]
	harness.Eventually(t, 20*time.Second, "all connections are closed", func() error {
		if got := s.Descriptors(t)["socket"]; got != want {
			return harness.Errorf("%d sockets are open, not %d", got, want)
		}
		return nil
	})
}

// processorTime returns what the server's threads have used.
func processorTime(t *testing.T, s *harness.Server) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, field := range fields[11:13] { // utime and stime (proc(5))
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// residentBytes returns what the process has of memory of its own.
func residentBytes(t *testing.T, s *harness.Server) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no RssAnon")
	return 0
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// row logs a line of the table of faults.
func row(t *testing.T, fault string, l *harness.Loaded) {
	t.Helper()
	t.Logf("| %s | %s | %v |", t.Name(), fault, l)
}

// readNumber reads a file of /proc or of a cgroup that holds a number.
func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) == 0 {
		return 0, errors.New(path + " is empty")
	}
	return strconv.ParseInt(fields[0], 10, 64)
}
