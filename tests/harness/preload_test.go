package harness_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

// content is what the server under a library sends: two buffers of a dynamic file and a bit.
var content = harness.Content(300_000, 1)

// serve starts the reference server under a library and fetches the content a few times from each directory.
func serve(t *testing.T, o harness.Options, requests int) *harness.Server {
	t.Helper()
	root := t.TempDir()
	for _, directory := range []string{"static", "dynamic"} {
		harness.WriteFile(t, filepath.Join(root, directory, "file"), content)
	}
	server := harness.StartReference(t, root, o)
	for i := range requests {
		path := []string{"static", "dynamic"}[i%2]
		response := harness.Exchange(server.Address, harness.Text("GET /"+path+"/file HTTP/1.0\r\n\r\n"))
		if response.Status != 200 || response.BodySum != harness.Sum(content) {
			t.Fatalf("%s: %v", path, response)
		}
	}
	return server
}

func TestShortenCutsEverything(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	serve(t, harness.Options{Preload: harness.Build(t).Shorten, Env: []string{"AWS_SHORTEN_LOG=" + log}}, 2)
	for call, tally := range harness.ReadTally(t, log) {
		// A length of 1 can't be cut, so the last call of each transfer passes.
		if tally.Shorts == 0 || tally.Errors != 0 || tally.Calls-tally.Shorts > 8 {
			t.Errorf("%s: %+v", call, tally)
		}
	}
}

func TestCountSeesTheCalls(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	serve(t, harness.Options{Preload: harness.Build(t).Count, Env: []string{"AWS_COUNT_LOG=" + log}}, 6)
	tallies := harness.ReadTally(t, log)
	for _, call := range []string{
		"accept4", "recv", "send", "sendfile", "epoll_create1", "epoll_ctl", "epoll_wait",
		"io_setup", "io_submit", "io_getevents",
	} {
		if tallies[call].Calls == 0 {
			t.Errorf("%s was never called: %+v", call, tallies)
		}
	}
}

// TestFaultsAreInjected makes every way of the default list happen, in all calls that the reference server
// takes back up after a fault.
func TestFaultsAreInjected(t *testing.T) {
	calls := []string{"accept4", "recv", "send", "sendfile", "epoll_wait", "io_getevents"}
	log := filepath.Join(t.TempDir(), "log")
	serve(t, harness.Options{Preload: harness.Build(t).Faults, Env: []string{
		"AWS_FAULT_SEED=7", "AWS_FAULT_PERMILLE=300", "AWS_FAULT_CALLS=" + strings.Join(calls, ","),
		"AWS_FAULT_LOG=" + log,
	}}, 60)
	tallies := harness.ReadTally(t, log)
	for _, call := range calls {
		if tallies[call].Errors == 0 {
			t.Errorf("%s never failed: %+v", call, tallies[call])
		}
	}
	for _, call := range []string{"recv", "send", "sendfile"} {
		if tallies[call].Shorts == 0 {
			t.Errorf("%s was never cut short: %+v", call, tallies[call])
		}
	}
	if tally := tallies["io_submit"]; tally.Calls == 0 || tally.Errors+tally.Shorts != 0 {
		t.Errorf("io_submit was not asked for: %+v", tally)
	}
}

// TestFaultsFollowTheSeed: the same seed fails the same calls of a program that makes the same calls.
func TestFaultsFollowTheSeed(t *testing.T) {
	errors := func(seed int) string {
		log := filepath.Join(t.TempDir(), fmt.Sprint("log-", seed))
		serve(t, harness.Options{Preload: harness.Build(t).Faults, Env: []string{
			fmt.Sprint("AWS_FAULT_SEED=", seed), "AWS_FAULT_PERMILLE=500", "AWS_FAULT_CALLS=io_getevents=EINTR",
			"AWS_FAULT_LOG=" + log,
		}}, 20)
		return fmt.Sprint(harness.ReadTally(t, log)["io_getevents"])
	}
	if first, second := errors(1), errors(1); first != second {
		t.Errorf("seed 1 gave %s, then %s", first, second)
	}
}

func TestFaultsRefuseBadSettings(t *testing.T) {
	for _, setting := range []string{
		"AWS_FAULT_SEED=x", "AWS_FAULT_PERMILLE=1001", "AWS_FAULT_CALLS=nonsense", "AWS_FAULT_CALLS=recv=EWHAT",
	} {
		server := harness.Launch(t, harness.Options{
			Path: harness.Build(t).Reference, Args: []string{"0"},
			Preload: harness.Build(t).Faults, Env: []string{setting},
		})
		if status := server.Wait(t); status != 97 {
			t.Errorf("%s: status %d, want 97", setting, status)
		}
	}
}
