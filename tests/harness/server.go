package harness

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Deadlines that only a broken server reaches, on a slow and busy machine.
const (
	StartDeadline = 60 * time.Second
	SayDeadline   = 60 * time.Second
	StopDeadline  = 60 * time.Second
)

// listening matches the line with which either server says where it listens.
var listening = regexp.MustCompile(`(?:listening on |http://)\S*?:(\d+)`)

// Options says how a server is started.
type Options struct {
	Wrap      []string // a program and its options to run the server under, as valgrind
	Path      string   // the binary
	Args      []string
	Directory string   // the current directory of the server
	Env       []string // NAME=value, beside the environment of the test
	Preload   string   // a library for LD_PRELOAD

	// Address, when set, is where the server will listen. Otherwise the server is to print it.
	Address string
}

// Server is a server process that a test has started. It is ended with the test at the latest.
type Server struct {
	Address string // 127.0.0.1:port

	command *exec.Cmd
	output  Transcript
	exited  chan struct{} // closed when the process is gone and exit is set
	exit    error
}

// Transcript is the output of a process, to be read while it is being written. The zero value is empty.
type Transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String returns what has been written so far.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// NeedPort skips the test where a port that a default chooses is taken.
func NeedPort(tb testing.TB, port string) {
	tb.Helper()
	l, err := net.Listen("tcp4", ":"+port)
	if err != nil {
		tb.Skipf("port %s is taken: %v", port, err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
}

// Launch starts a server and does not wait for it to listen.
func Launch(tb testing.TB, o Options) *Server {
	tb.Helper()
	argv := append(append(append([]string{}, o.Wrap...), o.Path), o.Args...)
	s := &Server{Address: o.Address, exited: make(chan struct{})}
	s.command = exec.Command(argv[0], argv[1:]...)
	s.command.Dir = o.Directory
	s.command.Env = append(os.Environ(), o.Env...)
	if o.Preload != "" {
		s.command.Env = append(s.command.Env, "LD_PRELOAD="+o.Preload)
	}
	s.command.Stdout = &s.output
	s.command.Stderr = &s.output
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		tb.Fatalf("start %s: %v", argv[0], err)
	}
	go func() {
		s.exit = s.command.Wait()
		close(s.exited)
	}()
	tb.Cleanup(func() {
		_ = s.command.Process.Kill() // it is gone already, as a rule
		<-s.exited
		if tb.Failed() {
			tb.Logf("output of %s:\n%s", strings.Join(argv, " "), s.Output())
		}
	})
	return s
}

// Start starts a server and waits until it listens.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := Launch(tb, o)
	Eventually(tb, StartDeadline, "the server listens", func() error {
		select {
		case <-s.exited:
			tb.Fatalf("the server ended instead of listening: %v\n%s", s.exit, s.Output())
		default:
		}
		if s.Address == "" {
			match := listening.FindStringSubmatch(s.Output())
			if match == nil {
				return errors.New("no address printed")
			}
			s.Address = "127.0.0.1:" + match[1]
		}
		return TryConnect(s.Address)
	})
	return s
}

// StartReference starts the reference server in a directory, on a port of its own choice.
func StartReference(tb testing.TB, directory string, o Options) *Server {
	tb.Helper()
	o.Path, o.Args, o.Directory = Build(tb).Reference, []string{"0"}, directory
	return Start(tb, o)
}

// StartAWS starts the server under test for a directory, on a port of its own choice. Path and Args may be
// given: another binary and further options.
func StartAWS(tb testing.TB, directory string, o Options) *Server {
	tb.Helper()
	if o.Path == "" {
		o.Path = AWS(tb)
	}
	o.Args = append([]string{"--port", "0", "--root", directory}, o.Args...)
	return Start(tb, o)
}

// PID returns the server's process id.
func (s *Server) PID() int { return s.command.Process.Pid }

// Output returns what the server has printed so far.
func (s *Server) Output() string { return s.output.String() }

// Says waits until the server has printed something that matches the pattern for so many times, and
// returns the latest match with its groups. What is printed beside the address where the server listens may
// come after that.
func (s *Server) Says(tb testing.TB, pattern string, times int) []string {
	tb.Helper()
	var found [][]string
	re := regexp.MustCompile(pattern)
	Eventually(tb, SayDeadline, fmt.Sprintf("it has said %q %d times", pattern, times), func() error {
		if found = re.FindAllStringSubmatch(s.Output(), -1); len(found) < times {
			return fmt.Errorf("%d times", len(found))
		}
		return nil
	})
	return found[len(found)-1]
}

// Running reports whether the process is there.
func (s *Server) Running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the server.
func (s *Server) Signal(tb testing.TB, signal os.Signal) {
	tb.Helper()
	if err := s.command.Process.Signal(signal); err != nil {
		tb.Fatalf("signal %v: %v\n%s", signal, err, s.Output())
	}
}

// Wait waits for the server to end and returns its exit status, -1 if a signal ended it.
func (s *Server) Wait(tb testing.TB) int {
	tb.Helper()
	select {
	case <-s.exited:
	case <-time.After(StopDeadline):
		tb.Fatalf("the server has not ended after %v", StopDeadline)
	}
	return s.command.ProcessState.ExitCode()
}

// Stop sends SIGTERM and returns the exit status.
func (s *Server) Stop(tb testing.TB) int {
	tb.Helper()
	s.Signal(tb, syscall.SIGTERM)
	return s.Wait(tb)
}

// Eventually calls check, less and less often, until it returns nil; after the deadline the test fails
// with what was waited for and the latest error.
func Eventually(tb testing.TB, deadline time.Duration, what string, check func() error) {
	tb.Helper()
	pause := time.Millisecond
	for end := time.Now().Add(deadline); ; {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("waited %v until %s: %v", deadline, what, err)
		}
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// Errorf is fmt.Errorf, for checks of Eventually.
func Errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }
