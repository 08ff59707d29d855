package libaio

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSetup(t *testing.T) {
	c := mustSetup(t, 32)
	if c.Slots() != 32 || c.Free() != 32 || c.InFlight() != 0 {
		t.Errorf("%d slots, %d free, %d in flight", c.Slots(), c.Free(), c.InFlight())
	}
	fd := c.EventFD()
	if late, err := c.Close(); err != nil || late != nil {
		t.Errorf("Close: %v, %v", late, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the eventfd after Close: %v, want EBADF", err)
	}
	if _, err := c.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v, want os.ErrClosed", err)
	}
	if c.EventFD() != -1 {
		t.Errorf("EventFD after Close: %d, want -1", c.EventFD())
	}
	const message = "libaio: use of a closed context"
	mustPanic(t, message, func() { c.Reap(nil) })
	mustPanic(t, message, func() { c.ReapQuick(nil) })
	mustPanic(t, message, func() { _, _ = c.Submit(nil) })
}

func TestSetupCounts(t *testing.T) {
	for _, slots := range []int{0, -1, 1 << 40} {
		if c, err := Setup(slots); !errors.Is(err, syscall.EINVAL) || c != nil {
			t.Errorf("Setup(%d): %v, want EINVAL", slots, err)
		}
	}
	for _, slots := range []int{1, 3, 8} { // below the floor is not a mistake
		if c := mustSetup(t, slots); c.Slots() != slots {
			t.Errorf("Setup(%d) got %d slots", slots, c.Slots())
		}
	}
}

// TestSetupEdges drives io_setup itself: counts that Setup rules out, and a context set up twice.
func TestSetupEdges(t *testing.T) {
	c := mustSetup(t, 8)
	if errno := c.ioSetup(8); errno != syscall.EINVAL {
		t.Errorf("io_setup of a context that is set up: %v, want EINVAL", errno)
	}
	kernel := c.raw.kernel
	defer func() { c.raw.kernel = kernel }()
	for _, slots := range []int{0, -1} {
		c.raw.kernel = nil
		errno := c.ioSetup(slots)
		if errno != syscall.EINVAL && errno != syscall.EAGAIN {
			t.Errorf("io_setup for %d: %v, want EINVAL", slots, errno)
		}
		t.Logf("io_setup for %d: %v", slots, errno)
	}
}

// TestLimitError asks for more slots than the machine can ever have, without a way out.
func TestLimitError(t *testing.T) {
	limit := mustCount(t, "/proc/sys/fs/aio-max-nr")
	slots := int(limit) + 1
	if slots > 1<<24 {
		t.Skipf("fs.aio-max-nr is %d: this would take too much memory", limit)
	}
	c, err := setup(slots, slots)
	if err == nil {
		_, _ = c.Close()
		t.Fatal("more slots than fs.aio-max-nr")
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("%v is not EAGAIN", err)
	}
	for _, part := range []string{
		"io_setup", fmt.Sprint(slots, " slots"), fmt.Sprint("fs.aio-max-nr is ", limit), "fs.aio-nr",
		"sysctl -w fs.aio-max-nr=",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	t.Log(err)
}

func TestAdvice(t *testing.T) {
	for _, tt := range []struct {
		slots        int
		limit, taken uint64
		value        string
	}{
		{8, 65536, 65530, "=131072"},
		{1024, 65536, 0, "=131072"},
		{100000, 65536, 65536, "=262144"},
		{8, 0, 0, "=16"},
	} {
		got := adviceFor(tt.slots, tt.limit, tt.taken)
		if !strings.HasSuffix(got, tt.value) {
			t.Errorf("%d slots, limit %d, taken %d: %q, want it to end in %q",
				tt.slots, tt.limit, tt.taken, got, tt.value)
		}
	}
	if missingAdvice(syscall.ENOSYS) == "" || missingAdvice(syscall.EINVAL) != "" {
		t.Error("advice on a missing facility for the wrong errno")
	}
}

// exhaustVar names the environment variable that lets TestExhaustion take every last slot of the
// machine for a moment. Without it a reserve stays, so that other programs and tests do not fail.
const exhaustVar = "AWS_TEST_EXHAUST"

// TestExhaustion uses up the machine's AIO slots and sets contexts up with what is left.
func TestExhaustion(t *testing.T) {
	reserve := 4096
	if os.Getenv(exhaustVar) != "" {
		reserve = 0
	}
	limit := int(mustCount(t, "/proc/sys/fs/aio-max-nr"))
	left := limit - int(mustCount(t, "/proc/sys/fs/aio-nr"))
	if limit > 1<<20 || left < 2*reserve+1024 {
		t.Skipf("fs.aio-max-nr is %d with %d left: not a machine to try this on", limit, left)
	}
	var hogs []*Context
	release := func() {
		for _, hog := range hogs {
			if _, err := hog.Close(); err != nil {
				t.Error(err)
			}
		}
		hogs = nil
	}
	defer release()
	for want := (left - reserve) / 2; want > 0; { // several, each as large as it can be
		hog, err := setup(want, want)
		if errors.Is(err, syscall.EAGAIN) {
			want /= 2
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		hogs = append(hogs, hog)
		left = limit - int(mustCount(t, "/proc/sys/fs/aio-nr"))
		want = min(want, left-reserve)
	}

	c, err := Setup(4 * 4096)
	switch {
	case reserve == 0 && err == nil:
		t.Errorf("Setup got %d slots where none were left", c.Slots())
		_, _ = c.Close()
	case reserve == 0:
		if !errors.Is(err, syscall.EAGAIN) || !strings.Contains(err.Error(), "fs.aio-max-nr") {
			t.Error(err)
		}
		t.Log(err)
	case err != nil:
		t.Error(err)
	default:
		if c.Slots() < slotsFloor || c.Slots() > reserve {
			t.Errorf("Setup got %d slots with %d left", c.Slots(), reserve)
		}
		t.Logf("%d contexts hold all but %d; asked for %d slots, got %d", len(hogs), reserve, 4*4096, c.Slots())
		_, _ = c.Close()
	}
	release()
	c = mustSetup(t, 1024)
	if c.Slots() != 1024 {
		t.Errorf("got %d slots after all were released", c.Slots())
	}
}

func mustCount(t *testing.T, path string) uint64 {
	t.Helper()
	n, err := readCount(path)
	if err != nil {
		t.Skip("cannot read the machine's AIO counts: ", err)
	}
	return n
}
