package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prepare finds or makes the directories, and takes the machine for this process until the function
// that it returns is called.
func (b *bench) prepare() (release func(), err error) {
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two cores are needed, one for the server and one for the client")
	}
	if b.repository, err = os.Getwd(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(b.repository, "tests", "bench", "client", "load.c")); err != nil {
		return nil, fmt.Errorf("start it in the root of the repository: %w", err)
	}
	b.directory = filepath.Join(b.repository, "build", "bench")
	b.bin, b.site, b.work = filepath.Join(b.directory, "bin"), filepath.Join(b.directory, "site"), filepath.Join(b.directory, "work")
	if err := os.MkdirAll(b.work, 0o755); err != nil {
		return nil, err
	}
	raiseDescriptors()
	b.interrupted = make(chan os.Signal, 1)
	signal.Notify(b.interrupted, syscall.SIGINT, syscall.SIGTERM)
	return b.takeMachine()
}

// takeMachine waits until no other run measures on this machine. The name of the socket is in the
// abstract namespace (unix(7)): the kernel frees it with the process.
func (b *bench) takeMachine() (release func(), err error) {
	for said := false; ; said = true {
		l, err := net.Listen("unix", "@aws-bench")
		if err == nil {
			return func() { _ = l.Close() }, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, err
		}
		if !said {
			say("another run is using the machine; this one waits for its end")
		}
		select {
		case sig := <-b.interrupted:
			return nil, fmt.Errorf("%v", sig)
		case <-time.After(time.Second):
		}
	}
}

// underTest returns the absolute path of a server under test.
func underTest(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("%w (run make first, or name another server)", err)
	}
	return path, nil
}

// stopped returns the signal that has asked the run to end, if there was one.
func (b *bench) stopped() error {
	select {
	case sig := <-b.interrupted:
		return fmt.Errorf("%v", sig)
	default:
		return nil
	}
}

// descriptorsWanted is what 50,000 connections and the files beside them need; aws keeps a quarter for files.
const descriptorsWanted = 131072

// raiseDescriptors raises the limit that servers and clients inherit, where the user may.
func raiseDescriptors() {
	for _, most := range []uint64{descriptorsWanted, 0} {
		var limit unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
			return
		}
		limit.Max = max(limit.Max, most)
		limit.Cur = limit.Max
		if syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit.Cur, Max: limit.Max}) == nil {
			return
		}
	}
}
