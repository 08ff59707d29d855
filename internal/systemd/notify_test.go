package systemd

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"aws/internal/logging"
)

// manager listens as systemd does, and returns a function that waits for the next state.
func manager(t *testing.T) (next func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<10)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

// TestServing sees a service that is ready, alive while its loops iterate, and stopping.
func TestServing(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("WATCHDOG_USEC", "30000")
	var iterates atomic.Bool
	iterates.Store(true)
	drains := make(chan struct{})
	end := Serving(iterates.Load, drains, logging.New(&bytes.Buffer{}))
	defer end()
	for _, want := range []string{Ready, Watchdog, Watchdog} {
		if got := next(); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	iterates.Store(false)
	close(drains)
	for {
		got := next()
		if got == Stopping {
			return
		}
		if got != Watchdog { // of before
			t.Fatalf("%q", got)
		}
	}
}

// TestReloading sees the time in the state.
func TestReloading(t *testing.T) {
	if !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$`).MatchString(Reloading()) {
		t.Errorf("%q", Reloading())
	}
}

// TestWithoutSystemd sees nothing happen.
func TestWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	if p := WatchdogPeriod(); p != 0 {
		t.Errorf("a period of %v", p)
	}
	Serving(func() bool { return false }, nil, nil)()
}
