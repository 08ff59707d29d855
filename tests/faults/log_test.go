package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// TestLogDiskFull lets the log's disk be full for a while: every response is sent all the same, and lines
// are written again once there is room.
func TestLogDiskFull(t *testing.T) {
	needRoot(t)
	site := harness.NewSite(t)
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount: %v", err)
	}
	defer func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	log := filepath.Join(disk, "log")
	server := start(t, "serve", site.Root, harness.Options{}, "--log", log)
	l := load(server, "serve", site, 8)
	l.Paths = []string{"static/small", "dynamic/small"}
	got := l.Run(4000) // some 50 bytes a line
	row(t, "the log's disk is full", got)
	got.Check(t, false)
	info, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < 60<<10 {
		t.Fatalf("the log has %d bytes: the disk was never full", info.Size())
	}
	if err := os.Truncate(log, 0); err != nil { // as logrotate's copytruncate does
		t.Fatal(err)
	}
	l.Run(100).Check(t, false)
	stop(t, server)
	if text, err := os.ReadFile(log); err != nil || strings.Count(string(text), "\n") < 90 {
		t.Errorf("%d bytes of log since there is room again, %v", len(text), err)
	}
}

// TestLogTooLarge lets the log meet a limit of file size, which comes with a signal.
func TestLogTooLarge(t *testing.T) {
	site := harness.NewSite(t)
	log := filepath.Join(t.TempDir(), "log")
	server := start(t, "serve", site.Root,
		harness.Options{Wrap: []string{harness.Tool(t, "prlimit"), "--fsize=65536:65536"}}, "--log", log)
	l := load(server, "serve", site, 8)
	l.Paths = []string{"static/small", "dynamic/small"}
	got := l.Run(3000)
	row(t, "the log may grow no more", got)
	got.Check(t, false)
	stop(t, server)
}
