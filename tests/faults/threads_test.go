package faults

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// pidsGroup makes a control group that bounds the number of threads, and returns a command that runs another in it. The
// test is skipped where that is not possible.
func pidsGroup(t *testing.T, most int) (wrap []string, group string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a control group")
	}
	for _, base := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		group = filepath.Join(base, fmt.Sprintf("aws-test-%d", os.Getpid()))
		if err := os.Mkdir(group, 0o755); err != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(group, "pids.max"), []byte(strconv.Itoa(most)), 0o644); err != nil {
			_ = os.Remove(group)
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) })
		return []string{"sh", "-c", "echo $$ >" + group + "/cgroup.procs && exec \"$@\"", "sh"}, group
	}
	t.Skip("no control group can be made that bounds threads")
	return nil, ""
}

// TestFewThreads lets the server have few threads, and asks for many names at once that only a disk can determine. It keeps
// to what it may have, says so, and serves them all.
func TestFewThreads(t *testing.T) {
	const most = 60
	wrap, group := pidsGroup(t, most)
	root := t.TempDir()
	for i := range 400 {
		harness.WriteFile(t, filepath.Join(root, fmt.Sprintf("d%d/a", i)), []byte("a"))
	}
	server := harness.StartServe(t, harness.Options{Wrap: wrap}, root, "--loops", "8", "--landlock=false")
	for round := range 3 {
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o644); err != nil {
			t.Logf("names stay in memory: %v", err)
		}
		var clients sync.WaitGroup
		for i := range 400 {
			clients.Go(func() {
				conn, err := net.DialTimeout("tcp", server.Address, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				fmt.Fprintf(conn, "GET /d%d/a HTTP/1.1\r\nHost: a\r\n\r\nGET /d%d/none%d HTTP/1.1\r\nHost: a\r\n\r\n", i, i, round)
				reader := bufio.NewReader(conn)
				for _, want := range []int{200, 404} {
					response, err := http.ReadResponse(reader, nil)
					if err != nil {
						t.Error(err)
						return
					}
					_ = response.Body.Close()
					if response.StatusCode != want {
						t.Errorf("%s, want %d", response.Status, want)
					}
				}
			})
		}
		clients.Wait()
	}
	peak, err := os.ReadFile(filepath.Join(group, "pids.peak"))
	if err == nil {
		t.Logf("at most %s threads of %d", strings.TrimSpace(string(peak)), most)
	}
	server.Says(t, "pids.max of the control group", 1)
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d\n%s", status, server.Output())
	}
}
