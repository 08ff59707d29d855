package contract

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestFewDescriptors gives the server forty descriptors and a hundred idle clients. It neither ends nor
// spins, and serves again when they have left.
func TestFewDescriptors(t *testing.T) {
	s := newSite(t)
	server := harness.StartAWS(t, s.root, harness.Options{Wrap: []string{harness.Tool(t, "prlimit"), "--nofile=40:40"}})
	s.wantFile(t, server, "static/small")

	var idle []transfer
	for range 100 {
		idle = append(idle, transfer{conn: dial(t, server)})
	}
	before := processorTime(t, server)
	time.Sleep(time.Second) // a sample of what it does with nothing to do
	if used := processorTime(t, server) - before; used > 500*time.Millisecond {
		t.Errorf("%v of processor time in a second without requests: it spins", used)
	}
	for i, client := range idle {
		if i%2 == 0 {
			client.abort(t)
		} else if err := client.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s.wantFile(t, server, "static/small")
	s.wantFile(t, server, "dynamic/large")

	// A group is served in turn.
	var group sync.WaitGroup
	for i := range 80 {
		group.Go(func() { s.wantFile(t, server, []string{"static/large", "dynamic/large"}[i%2]) })
	}
	group.Wait()
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d\n%s", status, server.Output())
	}
}

// TestUnreadableFile: a file that the server's user may not open is not found.
func TestUnreadableFile(t *testing.T) {
	s := newSite(t)
	options := harness.Options{}
	if os.Geteuid() == 0 {
		options.Wrap = []string{harness.Tool(t, "setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"}
		letIn(t, s.root)
	}
	for _, directory := range []string{"static", "dynamic"} {
		if err := os.Chmod(filepath.Join(s.root, directory, "large"), 0); err != nil {
			t.Fatal(err)
		}
	}
	server := harness.StartAWS(t, s.root, options)
	for _, directory := range []string{"static", "dynamic"} {
		wantNotFound(t, server, "/"+directory+"/large")
		s.wantFile(t, server, directory+"/small")
	}
}

// letIn makes sure that any user may reach a directory below the system's temporary one.
func letIn(t *testing.T, directory string) {
	t.Helper()
	for ; directory != filepath.Clean(os.TempDir()); directory = filepath.Dir(directory) {
		info, err := os.Stat(directory)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(directory, info.Mode()|0o755); err != nil {
			t.Fatal(err)
		}
		if directory == filepath.Dir(directory) {
			t.Fatal(errors.New("the test's directory is not below the temporary one"))
		}
	}
}

// TestManyStalledClients: clients that read nothing keep what they have asked for, and nobody else waits
// for them.
func TestManyStalledClients(t *testing.T) {
	s := newSite(t)
	server := harness.StartAWS(t, s.root, harness.Options{})
	var stalled []transfer
	for i := range 60 {
		stalled = append(stalled, begin(t, server, []string{"/static/huge", "/dynamic/huge"}[i%2]))
	}
	for range 10 {
		s.wantFile(t, server, "static/large")
		s.wantFile(t, server, "dynamic/small")
	}
	for i, path := range []string{"static/huge", "dynamic/huge"} {
		if got := stalled[i].finish(); got != s.sums[path] {
			t.Errorf("%s, after a while: %s", path, got)
		}
	}
}
