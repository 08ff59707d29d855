package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// step is a step under way.
type step struct {
	mu sync.Mutex // of record
	record
	log   *os.File
	began time.Time
}

// begin opens the step's log and removes the record of an earlier run, so that a step which is cut
// short can't pass on the strength of it.
func begin(name string) (*step, error) {
	if err := os.MkdirAll(recordDir, 0o755); err != nil {
		return nil, err
	}
	err := os.Remove(filepath.Join(recordDir, name+".json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	log, err := os.Create(logPath(name))
	if err != nil {
		return nil, err
	}
	fmt.Printf("== %s\n", name)
	return &step{record: record{Name: name}, log: log, began: time.Now()}, nil
}

// end writes the record and the step's closing line.
func (s *step) end() (failed bool, err error) {
	s.Seconds = time.Since(s.began).Seconds()
	for _, skipped := range s.Skipped {
		fmt.Printf("  skipped: %s: %s\n", skipped.Name, skipped.Reason)
	}
	fmt.Printf("   %s: %s in %s\n", s.Name, counts(s.Passed, len(s.Failed), len(s.Skipped)), duration(s.Seconds))
	failed = len(s.Failed) > 0
	if failed {
		fmt.Printf("   everything that it printed: %s\n", s.log.Name())
	}
	return failed, errors.Join(s.save(recordDir), s.log.Close())
}

// test runs `go test` on the packages that match.
func (s *step) test(pattern string, flags []string) error {
	packages, err := listPackages(pattern)
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		s.Skipped = append(s.Skipped, skip{Name: s.Name, Reason: "no package matches " + pattern})
		return nil
	}
	args := append([]string{"test", "-json"}, flags...)
	return s.goTest(append(args, packages...))
}

// fuzz runs every fuzz target for fuzzTime. The go command takes one target at a time; two commands run at once, since
// each needs one core to build and to begin.
func (s *step) fuzz(fuzzTime string) error {
	packages, err := listPackages("")
	if err != nil {
		return err
	}
	var commands [][]string
	for _, pkg := range packages {
		targets, err := listFuzzTargets(pkg)
		if err != nil {
			return err
		}
		for _, target := range targets {
			commands = append(commands, []string{
				"test", "-json", "-run", "^$", "-fuzz", "^" + target + "$", "-fuzztime", fuzzTime, "-parallel", strconv.Itoa(max(1, runtime.NumCPU()/2)), pkg,
			})
		}
	}
	if len(commands) == 0 {
		s.Skipped = append(s.Skipped, skip{Name: s.Name, Reason: "the module has no fuzz target"})
		return nil
	}
	queue := make(chan []string, len(commands))
	for _, c := range commands {
		queue <- c
	}
	close(queue)
	var group sync.WaitGroup
	var errs [2]error
	for i := range errs {
		group.Go(func() {
			for c := range queue {
				if errs[i] = s.goTest(c); errs[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

// run runs a command that is one check as a whole. It passes or fails under the step's own name.
func (s *step) run(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	var tail tailBuffer
	cmd.Stdout = io.MultiWriter(s.log, &tail)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	if err == nil {
		s.Passed++
		return nil
	}
	fmt.Printf("  FAIL  %s: %v\n%s", strings.Join(command, " "), err, tail.String())
	s.Failed = append(s.Failed, s.Name)
	return nil
}

// goTest runs the go command with `test -json` in its arguments and collects the outcome.
func (s *step) goTest(args []string) error {
	cmd := exec.Command("go", args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var tail tailBuffer
	cmd.Stderr = io.MultiWriter(s.log, &tail)
	if err := cmd.Start(); err != nil {
		return err
	}
	var outcome record
	c := newCollector(func(format string, args ...any) { fmt.Printf("  "+format, args...) })
	lines := bufio.NewReader(stdout)
	for {
		line, readErr := lines.ReadBytes('\n')
		if e, ok := parse(line); ok {
			fmt.Fprint(s.log, e.Output)
			c.add(e, &outcome)
		} else if _, err := s.log.Write(line); err != nil {
			return err
		}
		if readErr != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil && len(outcome.Failed) == 0 && !c.overtime {
		fmt.Printf("  FAIL  go %s: %v\n%s", strings.Join(args, " "), err, tail.String())
		outcome.Failed = append(outcome.Failed, "go "+strings.Join(args, " "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Passed += outcome.Passed
	s.Failed = append(s.Failed, outcome.Failed...)
	s.Skipped = append(s.Skipped, outcome.Skipped...)
	return nil
}

// listPackages lists the module's packages that match pattern, broken ones included, so that
// `go test` gets to say what is wrong with them.
func listPackages(pattern string) ([]string, error) {
	matches, err := compilePattern(pattern)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "list", "-e", "-f", "{{.Module.Path}} {{.ImportPath}}", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		module, path, found := strings.Cut(strings.TrimSpace(line), " ")
		relative := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		if found && matches(relative) {
			packages = append(packages, path)
		}
	}
	return packages, nil
}

// compilePattern makes one question of regular expressions with blanks between them: do all of them
// match that do not start with !, and none of those that do?
func compilePattern(pattern string) (matches func(path string) bool, err error) {
	matches = func(string) bool { return true }
	for _, word := range strings.Fields(pattern) {
		word, inverted := strings.CutPrefix(word, "!")
		matcher, err := regexp.Compile(word)
		if err != nil {
			return nil, err
		}
		rest := matches
		matches = func(path string) bool { return matcher.MatchString(path) != inverted && rest(path) }
	}
	return matches, nil
}

// listFuzzTargets lists the fuzz targets in the test files of a package without building them: a
// package that can't be built is the business of the step that runs its tests.
func listFuzzTargets(pkg string) ([]string, error) {
	format := `{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`
	out, err := exec.Command("go", "list", "-e", "-f", format, pkg).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pkg, err)
	}
	var targets []string
	for line := range strings.Lines(string(out)) {
		path := strings.TrimSpace(line)
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, match := range fuzzTarget.FindAllSubmatch(text, -1) {
			targets = append(targets, string(match[1]))
		}
	}
	return targets, nil
}

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(\w+ \*testing\.F\)`)

// tailBuffer keeps the end of what a command printed.
type tailBuffer struct{ text []byte }

const tailBytesMax = 16 << 10

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if excess := len(t.text) - tailBytesMax; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	var b strings.Builder
	for line := range bytes.Lines(t.text) {
		b.WriteString("      ")
		b.Write(line)
	}
	return b.String()
}
