package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"
)

// roleEnv says what the test's program does as a worker.
const roleEnv = "SUPERVISOR_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(act(role))
	}
	os.Exit(m.Run())
}

// act is a worker. It prints what it has inherited, serves until the supervisor is gone, and exits with 7 then.
func act(role string) int {
	if role == "mistake" {
		return 2
	}
	if !IsWorker() {
		return 3
	}
	h, err := Inherit()
	if err != nil || IsWorker() {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	shared, err := io.ReadAll(h.Shared)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 5
	}
	fmt.Fprintf(os.Stderr, "%s %s %v %s\n", h.Listeners.Encode(), h.Settings, os.Args[1:], shared)
	orphaned := make(chan struct{})
	h.Serves(Report{DrainMs: 1234, Version: "3"}, func() bool { return true }, func() { close(orphaned) })
	<-orphaned
	return 7
}

// command returns a Command that starts the test's program, with one socket for it.
func command(t *testing.T, role string) (*Command, *listeners.Set, *os.File) {
	t.Helper()
	t.Setenv(roleEnv, role)
	report := logging.New(&bytes.Buffer{})
	sockets, err := listeners.Bind([]kernel.Address{{TCP: netip.MustParseAddrPort("127.0.0.1:0")}}, &listeners.Options{Loops: 2}, report)
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stderr.Close()
		if err := sockets.Close(report); err != nil {
			t.Error(err)
		}
	})
	shared := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(shared, []byte("shared"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(shared)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &Command{Program: os.Executable, Args: []string{"a", "b"}, Settings: "settings", Stderr: stderr, Shared: file}, sockets, stderr
}

// TestProcess starts a worker that serves, and ends with its supervisor.
func TestProcess(t *testing.T) {
	c, sockets, stderr := command(t, "serve")
	started, err := c.Start(sockets)
	if err != nil {
		t.Fatal(err)
	}
	report, ok := started.Ready()
	if want := (Report{DrainMs: 1234, Version: "3"}); !ok || report != want {
		t.Errorf("%v, %v", report, ok)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		n, sent := started.Heartbeats()
		if sent && n >= 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d heartbeats, %v", n, sent)
		}
	}
	_ = started.(*process).life.Close()
	var exit *exec.ExitError
	if err := started.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
	if _, sent := started.Heartbeats(); sent {
		t.Error("it still sends heartbeats")
	}
	text, err := os.ReadFile(stderr.Name())
	if want := sockets.Encode() + " settings [a b] shared\n"; err != nil || string(text) != want {
		t.Errorf("it had %q, want %q", text, want)
	}
}

// TestProcessThatFails sees a worker end before it serves, be killed, or not be there at all.
func TestProcessThatFails(t *testing.T) {
	c, sockets, _ := command(t, "mistake")
	started, err := c.Start(sockets)
	if err != nil {
		t.Fatal(err)
	}
	if report, ok := started.Ready(); ok {
		t.Errorf("it serves: %v", report)
	}
	w := &worker{err: started.Wait()}
	if w.exitStatus() != 2 || w.howEnded() != "exit status 2" {
		t.Errorf("%d, %s", w.exitStatus(), w.howEnded())
	}

	t.Setenv(roleEnv, "serve")
	if started, err = c.Start(sockets); err != nil {
		t.Fatal(err)
	}
	started.Signal(syscall.SIGKILL)
	started.Ready()
	w = &worker{err: started.Wait()}
	if w.exitStatus() != -1 || w.howEnded() != "signal: killed" {
		t.Errorf("%d, %s", w.exitStatus(), w.howEnded())
	}

	c.Program = func() (string, error) { return "/nonexistent/awsd", nil }
	if _, err := c.Start(sockets); err == nil || !strings.Contains(err.Error(), "/nonexistent/awsd") {
		t.Error(err)
	}
	nothing := errors.New("nowhere")
	c.Program = func() (string, error) { return "", nothing }
	if _, err := c.Start(sockets); !errors.Is(err, nothing) {
		t.Error(err)
	}
}

// TestInheritMistake names the variable that is wrong.
func TestInheritMistake(t *testing.T) {
	if h, err := Inherit(); h != nil || err != nil {
		t.Errorf("%v, %v", h, err)
	}
	t.Setenv(SocketsEnv, "somewhere")
	if _, err := Inherit(); err == nil || !strings.HasPrefix(err.Error(), SocketsEnv+": ") {
		t.Error(err)
	}
}
