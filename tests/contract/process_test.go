package contract

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestPlainStart starts aws as the C server is started: with no argument, in the directory that it serves. It
// listens on port 8888 within a second; a busy machine gets a few tries.
func TestPlainStart(t *testing.T) {
	if name := filepath.Base(harness.AWS(t)); name != "aws" {
		t.Errorf("the executable is called %s", name)
	}
	freePort(t)
	s := newSite(t)
	const tries = 5
	for try := 1; ; try++ {
		started := time.Now()
		server := harness.Start(t, harness.Options{
			Path: harness.AWS(t), Directory: s.root, Address: "127.0.0.1:8888",
		})
		took := time.Since(started)
		s.wantFile(t, server, "static/small")
		s.wantFile(t, server, "dynamic/small")
		if status := server.Stop(t); status != 0 {
			t.Errorf("status %d after SIGTERM", status)
		}
		if took < time.Second {
			t.Logf("listening after %v", took)
			return
		}
		if try == tries {
			t.Fatalf("listening after %v at the last of %d tries, want a second", took, tries)
		}
	}
}

// run starts aws where it can't go on, and returns its exit status and what it printed.
func run(t *testing.T, args ...string) (status int, output string) {
	t.Helper()
	server := harness.Launch(t, harness.Options{Path: harness.AWS(t), Args: args, Directory: t.TempDir()})
	return server.Wait(t), server.Output()
}

// wantComplaint checks for one clear line that names what is wrong.
func wantComplaint(t *testing.T, status, wantStatus int, output string, names ...string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("status %d, want %d\n%s", status, wantStatus, output)
	}
	if strings.Count(output, "\n") != 1 || !strings.HasPrefix(output, "aws: ") {
		t.Errorf("want one line of aws's, got:\n%s", output)
	}
	for _, name := range names {
		if !strings.Contains(output, name) {
			t.Errorf("the complaint does not say %q: %s", name, output)
		}
	}
}

func TestBadUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		name string
	}{
		{[]string{"--nonsense"}, "nonsense"},
		{[]string{"--port"}, "port"},
		{[]string{"--port", "http"}, "http"},
		{[]string{"--port", "65536"}, "65536"},
		{[]string{"--port", "-1"}, "-1"},
		{[]string{"--port", "0", "leftover"}, "leftover"},
	} {
		status, output := run(t, c.args...)
		wantComplaint(t, status, 2, output, c.name)
	}
}

func TestPortInUse(t *testing.T) {
	s := newSite(t)
	server := harness.StartAWS(t, s.root, harness.Options{})
	_, port, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	status, output := run(t, "--port", port, "--root", s.root)
	wantComplaint(t, status, 1, output, port, "address already in use", "--port")
	s.wantFile(t, server, "static/small")
}

func TestMissingRoot(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nowhere")
	status, output := run(t, "--port", "0", "--root", missing)
	wantComplaint(t, status, 1, output, missing, "no such file")

	file := filepath.Join(t.TempDir(), "file")
	harness.WriteFile(t, file, nil)
	status, output = run(t, "--port", "0", "--root", file)
	wantComplaint(t, status, 1, output, file, "not a directory")
}

func TestHelpAndVersion(t *testing.T) {
	if status, output := run(t, "--help"); status != 0 || !strings.Contains(output, "--port") {
		t.Errorf("--help: status %d\n%s", status, output)
	}
	if status, output := run(t, "--version"); status != 0 || !strings.HasPrefix(output, "aws ") {
		t.Errorf("--version: status %d\n%s", status, output)
	}
}

// TestNothingToServe: without the two directories aws starts, says so, and responds with 404. What appears later is
// served.
func TestNothingToServe(t *testing.T) {
	s := &site{root: t.TempDir(), sums: map[string]string{}}
	server := harness.StartAWS(t, s.root, harness.Options{})
	for _, target := range []string{"/", "/static/late", "/dynamic/late", "/late"} {
		wantNotFound(t, server, target)
	}
	for _, word := range []string{"warning", "static", "dynamic"} {
		if !strings.Contains(server.Output(), word) {
			t.Errorf("the output does not say %q:\n%s", word, server.Output())
		}
	}
	s.add(t, "static/late", []byte("late\n"))
	s.add(t, "dynamic/late", []byte("late\n"))
	for _, path := range []string{"static/late", "dynamic/late"} {
		harness.Eventually(t, 10*time.Second, path+" is found", func() error {
			if got := get(server, "/"+path); got.Status != 200 || got.BodySum != s.sums[path] {
				return errors.New(got.String())
			}
			return nil
		})
	}
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestSignalsDrain sends SIGTERM and SIGINT while a transfer is under way: nobody new is let in, the
// transfer arrives whole, and the exit status is 0.
func TestSignalsDrain(t *testing.T) {
	s := newSite(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, path := range []string{"static/huge", "dynamic/huge"} {
			t.Run(signal.String()+" "+path, func(t *testing.T) {
				server := harness.StartAWS(t, s.root, harness.Options{})
				transfer := begin(t, server, "/"+path)
				server.Signal(t, signal)
				harness.Eventually(t, harness.StopDeadline, "new clients are refused", func() error {
					if harness.TryConnect(server.Address) == nil {
						return errors.New("connected")
					}
					return nil
				})
				if got := transfer.finish(); got != s.sums[path] {
					t.Errorf("the transfer did not arrive whole")
				}
				if status := server.Wait(t); status != 0 {
					t.Errorf("status %d\n%s", status, server.Output())
				}
			})
		}
	}
}

// TestDrainHasADeadline: a client that does not read can't keep a server that was asked to end.
func TestDrainHasADeadline(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := harness.StartAWS(t, s.root, harness.Options{})
	for _, path := range []string{"static/huge", "dynamic/huge"} {
		begin(t, server, "/"+path)
	}
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d\n%s", status, server.Output())
	}
}

// TestSlowHead: a request that is not complete after half a minute is not waited for, however busily the
// client drips bytes.
func TestSlowHead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := harness.StartAWS(t, s.root, harness.Options{})
	request := harness.Request{Gap: time.Second, Patience: 2 * time.Minute}
	for _, c := range []byte("GET /" + strings.Repeat("x", 120)) {
		request.Pieces = append(request.Pieces, []byte{c})
	}
	started := time.Now()
	got := harness.Exchange(server.Address, request)
	if took := time.Since(started); got.Ending == harness.Open || took < 20*time.Second {
		t.Errorf("%v after %v", got, took)
	}
}
