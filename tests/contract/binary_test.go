package contract

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

// undefined returns the symbols that a binary takes from shared libraries, without their versions.
func undefined(t *testing.T, binary string) map[string]bool {
	t.Helper()
	output, err := exec.Command(harness.Tool(t, "nm"), "-u", binary).Output()
	if err != nil {
		t.Fatalf("nm -u %s: %v", binary, err)
	}
	symbols := map[string]bool{}
	for line := range strings.Lines(string(output)) {
		words := strings.Fields(line)
		name, _, _ := strings.Cut(words[len(words)-1], "@")
		symbols[name] = true
	}
	return symbols
}

func TestSymbolsAreImported(t *testing.T) {
	symbols := undefined(t, harness.AWS(t))
	for _, name := range []string{
		"epoll_create1", "epoll_ctl", "epoll_wait", "sendfile", "send", "recv", "accept4",
		"io_setup", "io_submit", "io_getevents", "io_destroy",
	} {
		if !symbols[name] {
			t.Errorf("nm -u does not show %s", name)
		}
	}
}

func TestSymbolTableIsThere(t *testing.T) {
	output, err := exec.Command(harness.Tool(t, "nm"), harness.AWS(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{" main.main\n", " runtime.main\n"} {
		if !strings.Contains(string(output), name) {
			t.Errorf("nm does not show%s: was the binary stripped?", strings.TrimSuffix(name, "\n"))
		}
	}
}

// TestSymbolsAreCalled counts the calls into libc and libaio: what nm shows is what serves.
func TestSymbolsAreCalled(t *testing.T) {
	const requests = 20
	s := newSite(t)
	log := filepath.Join(t.TempDir(), "log")
	server := harness.StartAWS(t, s.root, harness.Options{
		Preload: harness.Build(t).Count, Env: []string{"AWS_COUNT_LOG=" + log},
	})
	before := harness.ReadTally(t, log)
	for range requests {
		s.wantFile(t, server, "static/small")
	}
	between := harness.ReadTally(t, log)
	for range requests {
		s.wantFile(t, server, "dynamic/large")
	}
	after := harness.ReadTally(t, log)

	if n := between["sendfile"].Calls - before["sendfile"].Calls; n < requests {
		t.Errorf("%d static files took %d calls of sendfile", requests, n)
	}
	if n := between["io_submit"].Calls - before["io_submit"].Calls; n != 0 {
		t.Errorf("%d static files took %d calls of io_submit", requests, n)
	}
	if n := after["io_submit"].Calls - between["io_submit"].Calls; n < requests {
		t.Errorf("%d dynamic files took %d calls of io_submit", requests, n)
	}
	if n := after["io_getevents"].Calls - between["io_getevents"].Calls; n == 0 {
		t.Errorf("%d dynamic files took no call of io_getevents", requests)
	}
	if n := after["sendfile"].Calls - between["sendfile"].Calls; n != 0 {
		t.Errorf("%d dynamic files took %d calls of sendfile", requests, n)
	}
	if n := after["epoll_wait"].Calls - before["epoll_wait"].Calls; n < 2*requests {
		t.Errorf("%d requests took %d calls of epoll_wait", 2*requests, n)
	}
	for name := range undefined(t, harness.AWS(t)) {
		if tally, counted := after[name]; counted && tally.Calls == 0 {
			t.Errorf("nm -u shows %s, which is never called", name)
		}
	}
	t.Logf("calls: %v", after)
}
