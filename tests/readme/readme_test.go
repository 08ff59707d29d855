package readme

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// firstScreenSections is how many sections of the README are its first screen.
const firstScreenSections = 2

// commandDeadline is for one command; the first one builds.
const commandDeadline = 3 * time.Minute

// shownDeadline is for what a server prints after its address.
const shownDeadline = 20 * time.Second

func TestExtract(t *testing.T) {
	const document = "# t\n```\nmake run\n```\nthen\n```\naws serves x\n\n...\n```\n## a\n```\n$ ls\nx\n$ cd x\n```\n```\ncd y\n../aws # here\n```\n## b\n```\nmake b\n```\n"
	want := []shownCommand{
		{"make run", []string{"aws serves x", "..."}, 3},
		{"ls", []string{"x"}, 13},
		{"cd x", nil, 15},
		{"cd y", nil, 18},
		{"../aws # here", nil, 19},
	}
	if got := extract(document, 1); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// TestFirstScreen does what somebody does who copies the README's first screen, line by line, into a terminal.
func TestFirstScreen(t *testing.T) {
	for _, name := range []string{"curl", "git", "make"} {
		harness.Tool(t, name)
	}
	r := &reader{dir: clone(t)}
	readme, err := os.ReadFile(filepath.Join(r.dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := extract(string(readme), firstScreenSections)
	for _, needed := range []string{`^make run$`, `^\./aws serve `, `^(\.\./)?aws$`} {
		if !slices.ContainsFunc(commands, func(c shownCommand) bool { return regexp.MustCompile(needed).MatchString(c.text) }) {
			t.Fatalf("no command on the first screen is like %s: %v", needed, commands)
		}
	}
	for _, port := range []string{"8888", "8080"} {
		harness.NeedPort(t, port)
	}
	t.Cleanup(func() { r.endServer(t) })
	for _, c := range commands {
		r.carryOut(t, c)
		if t.Failed() {
			t.Fatalf("that was line %d of the README: %s", c.line, c.text)
		}
	}
}

// TestMakeTargets sees that each target that the README and make's own help name is one.
func TestMakeTargets(t *testing.T) {
	harness.Tool(t, "make")
	readme, err := os.ReadFile(filepath.Join(harness.Root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	database, err := output(harness.Root(t), "make -qpn STEP=true : 2>/dev/null || true")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)(?:`|^)make ([a-z][a-z-]*)").FindAllStringSubmatch(string(readme), -1) {
		if !strings.Contains(database, "\n"+m[1]+":") {
			t.Errorf("the README names `make %s`, which is not a target", m[1])
		}
	}
}

// reader is somebody who follows the README.
type reader struct {
	dir    string // the current directory
	server *server
}

// server is a command that stays in the foreground until it is ended by Ctrl-C.
type server struct {
	cmd    *exec.Cmd
	output harness.Transcript
	exited chan struct{}
}

// serves matches the commands that stay.
var serves = regexp.MustCompile(`^(make run|(\.{0,2}/)?aws( serve .*| -.*)?)$`)

// carryOut does what one line says. Requests are made while the server of the line before runs; anything else is typed
// once that has been ended.
func (r *reader) carryOut(t *testing.T, c shownCommand) {
	t.Helper()
	text, _, _ := strings.Cut(c.text, " #")
	text = strings.TrimSpace(text)
	t.Logf("$ %s", text)
	if !strings.HasPrefix(text, "curl ") {
		r.endServer(t)
	}
	dir, isCd := strings.CutPrefix(text, "cd ")
	switch {
	case strings.HasPrefix(text, "git clone "): // has been done, without a network
	case isCd:
		if dir == "aws" && filepath.Base(r.dir) == "aws" {
			return // into the clone
		}
		r.dir = filepath.Join(r.dir, dir)
		if _, err := os.Stat(r.dir); err != nil {
			t.Error(err)
		}
	case serves.MatchString(text):
		r.startServer(t, text)
		r.awaitAddress(t)
		harness.Eventually(t, shownDeadline, "the output is as shown", func() error {
			return compare(r.server.output.String(), c.shown)
		})
		r.follow(t)
	default:
		if text == "make test" { // which runs this test
			text = "make -n STEP=true test"
		}
		got, err := output(r.dir, text)
		if err == nil {
			err = compare(got, c.shown)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, got)
		}
	}
}

// startServer starts a server in the directory.
func (r *reader) startServer(t *testing.T, text string) {
	t.Helper()
	s := &server{cmd: command(context.Background(), r.dir, "exec "+text), exited: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.server = s
	go func() {
		_ = s.cmd.Wait() // Ctrl-C is an error to make, and the status says no more
		close(s.exited)
	}()
}

func (s *server) running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// address matches what a server says of where it is.
var address = regexp.MustCompile(`http://[^/\s]*?:(\d+)`)

// awaitAddress waits until the server listens where it says that it does.
func (r *reader) awaitAddress(t *testing.T) {
	t.Helper()
	harness.Eventually(t, commandDeadline, "an address is named, and connections are accepted", func() error {
		printed := r.server.output.String()
		if !r.server.running() {
			t.Fatalf("it has ended:\n%s", printed)
		}
		m := address.FindStringSubmatch(printed)
		if m == nil {
			return fmt.Errorf("no address in %q", printed)
		}
		return harness.TryConnect("127.0.0.1:" + m[1])
	})
}

// follow does what the server's output proposes: commands and addresses that are indented.
func (r *reader) follow(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(r.server.output.String()) {
		proposal, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  ")
		if strings.HasPrefix(proposal, "http://") {
			proposal = "curl -f " + proposal
		}
		if !ok || !strings.HasPrefix(proposal, "curl ") {
			continue
		}
		if got, err := output(r.dir, "set -o pipefail; "+proposal); err != nil {
			t.Errorf("%s: %v\n%s", proposal, err, got)
		}
	}
}

// endServer presses Ctrl-C: all processes of the terminal's foreground, which the server has as a group of its own, get
// SIGINT.
func (r *reader) endServer(t *testing.T) {
	t.Helper()
	s := r.server
	if s == nil {
		return
	}
	r.server = nil
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Errorf("it has ended before: %v\n%s", err, s.output.String())
	}
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.exited
		t.Errorf("it has not ended 30 s after Ctrl-C\n%s", s.output.String())
	}
}

// compare looks for the lines that are shown, in their order, among those that were printed. Numbers of processes and
// names of scratch directories differ each time.
func compare(printed string, shown []string) error {
	rest := strings.Split(printed, "\n")
	for _, line := range shown {
		if strings.TrimSpace(line) == "..." {
			continue
		}
		pattern := regexp.QuoteMeta(line)
		pattern = regexp.MustCompile(`process \d+`).ReplaceAllString(pattern, `process \d+`)
		pattern = regexp.MustCompile(`/tmp/aws-site\\\.\w+`).ReplaceAllString(pattern, `\S*/aws-site\.\w+`)
		i := slices.IndexFunc(rest, regexp.MustCompile("^"+pattern+"$").MatchString)
		if i < 0 {
			return fmt.Errorf("the README shows %q, which is not printed, or not there", line)
		}
		rest = rest[i+1:]
	}
	return nil
}

// clone returns a clone of the repository as it is now, changes that are not committed included.
func clone(t *testing.T) string {
	t.Helper()
	root, dir := harness.Root(t), filepath.Join(t.TempDir(), "aws")
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skipf("this is not a clone of the repository: %v", err)
	}
	if got, err := output(root, fmt.Sprintf("git clone -q . %s && git diff --binary HEAD >%s.diff && "+
		"{ [[ ! -s %s.diff ]] || git -C %s apply ../aws.diff; }", dir, dir, dir, dir)); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	return dir
}

// output runs a command line and returns all that it prints.
func output(dir, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandDeadline)
	defer cancel()
	got, err := command(ctx, dir, text).CombinedOutput()
	return string(got), err
}

// command returns a command line as it is carried out in a terminal: without what make has handed to its own commands, and in a
// process group of its own.
func command(ctx context.Context, dir, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains([]string{"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "AWS_BIN", "AWS_VALGRIND_BIN", "SITE", "PORT", "PWD"}, name) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd
}
