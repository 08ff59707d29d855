package faults

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/cgo/libaio"
	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// manyFiles adds small files to the site and returns their paths: more than a server with few descriptors
// can hold open.
func manyFiles(t *testing.T, site *harness.Site, count int) []string {
	t.Helper()
	var paths []string
	for i := range count {
		for _, directory := range []string{"static", "dynamic"} {
			path := fmt.Sprintf("%s/many/%d", directory, i)
			harness.WriteFile(t, filepath.Join(site.Root, path), harness.Content(5000+i, uint64(i)))
			site.Bytes[path] = harness.Content(5000+i, uint64(i))
			paths = append(paths, path)
		}
	}
	return paths
}

// TestDescriptorsFew gives the server few descriptors for all of its life: idle clients take all that
// there are, a load waits behind them and is served in full once they have left.
func TestDescriptorsFew(t *testing.T) {
	site := harness.NewSite(t)
	paths := manyFiles(t, site, 100)
	onModes(t, func(t *testing.T, mode string) {
		server := start(t, mode, site.Root, harness.Options{Wrap: []string{harness.Tool(t, "prlimit"), "--nofile=96:96"}})
		idle := begin(t, server, 200)
		defer idle.leave()
		l := load(server, mode, site, 24)
		l.Paths = append(l.Paths, paths...)
		running := l.Start()
		before := processorTime(t, server)
		time.Sleep(time.Second) // a sample of what it does while it can do nothing
		if used := processorTime(t, server) - before; used > 500*time.Millisecond {
			t.Errorf("%v of processor time in a second of waiting: it spins", used)
		}
		idle.leave()
		harness.Eventually(t, 40*time.Second, "the load is served", func() error {
			if n := running.Served(); n < 300 {
				return harness.Errorf("%d responses", n)
			}
			return nil
		})
		got := running.Stop()
		row(t, "96 descriptors, 200 idle clients", got)
		got.Check(t, false)
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// TestDescriptorsTaken lowers the limit of a server under load below what it has open, and raises it
// again: everything waits for the meantime, and nothing is lost.
func TestDescriptorsTaken(t *testing.T) {
	site := harness.NewSite(t)
	paths := manyFiles(t, site, 100)
	onModes(t, func(t *testing.T, mode string) {
		server := start(t, mode, site.Root, harness.Options{})
		l := load(server, mode, site, 16)
		l.Paths = append(l.Paths, paths...)
		running := l.Start()
		var before unix.Rlimit
		for range 4 {
			if err := unix.Prlimit(server.PID(), unix.RLIMIT_NOFILE, nil, &before); err != nil {
				t.Fatal(err)
			}
			few := unix.Rlimit{Cur: 12, Max: before.Max}
			if err := unix.Prlimit(server.PID(), unix.RLIMIT_NOFILE, &few, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
			if err := unix.Prlimit(server.PID(), unix.RLIMIT_NOFILE, &before, nil); err != nil {
				t.Fatal(err)
			}
			served := running.Served()
			harness.Eventually(t, 20*time.Second, "it serves again", func() error {
				if n := running.Served() - served; n < 50 {
					return harness.Errorf("%d responses", n)
				}
				return nil
			})
		}
		got := running.Stop()
		row(t, "limit of descriptors lowered to 12 four times", got)
		got.Check(t, false)
		wantQuiet(t, server, mode)
		output := stop(t, server)
		t.Logf("pauses of accepting: %d", counter(t, output, "(pauses"))
	})
}

// hogAIO takes all AIO slots of the machine that are left, and returns a function that gives them back.
func hogAIO(t *testing.T) func() {
	t.Helper()
	var contexts []*libaio.Context
	free := func() {
		for _, context := range contexts {
			if _, err := context.Close(); err != nil {
				t.Error(err)
			}
		}
		contexts = nil
	}
	t.Cleanup(free)
	for {
		context, err := libaio.Setup(8192) // or what is left, by halves
		if err != nil {
			return free
		}
		contexts = append(contexts, context)
		if len(contexts) > 200 {
			t.Skip("this machine has too many AIO slots to use them up")
		}
	}
}

// TestAIOUsedUp lets another process, this one, have all AIO slots: while the server starts, and while
// it runs.
func TestAIOUsedUp(t *testing.T) {
	site := harness.NewSite(t)
	onModes(t, func(t *testing.T, mode string) {
		t.Run("before the start", func(t *testing.T) {
			free := hogAIO(t)
			server := start(t, mode, site.Root, harness.Options{})
			free()
			got := load(server, mode, site, 16).Run(300)
			row(t, "no AIO slot left at the start", got)
			got.Check(t, false)
			output := stop(t, server)
			if !strings.Contains(output, "fs.aio-max-nr") {
				t.Errorf("the output does not name the setting:\n%s", output)
			}
			if counter(t, output, "O_DIRECT") > 0 || !strings.Contains(output, "by worker threads") {
				t.Errorf("it reads asynchronously after all:\n%s", output)
			}
		})
		t.Run("during the run", func(t *testing.T) {
			server := start(t, mode, site.Root, harness.Options{})
			running := load(server, mode, site, 16).Start()
			free := hogAIO(t)
			time.Sleep(500 * time.Millisecond)
			free()
			got := running.Stop()
			row(t, "no AIO slot left for others during the run", got)
			got.Check(t, false)
			stop(t, server)
		})
	})
}

// memoryGroups is where the memory groups of cgroups version 1 are.
const memoryGroups = "/sys/fs/cgroup/memory"

// TestMemoryGroup lets the server live in a group with less memory than its files need: the pool fits it,
// the page cache has to give way, and nothing is lost.
func TestMemoryGroup(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat(filepath.Join(memoryGroups, "memory.limit_in_bytes")); err != nil {
		t.Skipf("no memory groups of version 1: %v", err)
	}
	site := harness.NewSite(t)
	var paths []string
	for i := range 12 {
		path := fmt.Sprintf("%s/big%d", []string{"static", "dynamic"}[i%2], i)
		site.Add(t, path, harness.Content(10<<20+i, uint64(i)))
		paths = append(paths, path)
	}
	for _, c := range []struct {
		mode    string
		limit   int64
		stalled int // clients: half of them of dynamic files, with a window each
		args    []string
	}{
		{mode: "dropin", limit: 128 << 20, stalled: 16},
		{mode: "serve", limit: 64 << 20, stalled: 40, args: []string{"--pool-bytes", "8388608"}},
	} {
		t.Run(c.mode, func(t *testing.T) {
			group := filepath.Join(memoryGroups, fmt.Sprintf("aws-faults-%d", os.Getpid()))
			if err := os.Mkdir(group, 0o755); err != nil {
				t.Skipf("no memory group: %v", err)
			}
			defer func() {
				harness.Eventually(t, 10*time.Second, "the group is removed", func() error { return os.Remove(group) })
			}()
			limit := fmt.Sprint(c.limit)
			if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte(limit), 0o644); err != nil {
				t.Skipf("no limit of memory: %v", err)
			}
			server := start(t, c.mode, site.Root, harness.Options{
				Wrap: []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(group, "cgroup.procs")},
			}, c.args...)
			unix.Sync()
			for path := range site.Bytes {
				drop(t, filepath.Join(site.Root, path)) // to be read into the group's memory
			}
			// Stalled clients hold as much of the pool as they may.
			var stalled []net.Conn
			for i := range c.stalled {
				conn, err := net.Dial("tcp", server.Address)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i%len(paths)]); err != nil {
					t.Fatal(err)
				}
				stalled = append(stalled, conn)
			}
			l := load(server, c.mode, site, 4)
			l.Paths = append(l.Paths, paths...)
			got := l.Run(200)
			got.Check(t, false)
			for _, conn := range stalled {
				_ = conn.Close()
			}
			peak, err := readNumber(filepath.Join(group, "memory.max_usage_in_bytes"))
			if err != nil {
				t.Error(err)
			}
			failures, err := readNumber(filepath.Join(group, "memory.failcnt"))
			if err != nil {
				t.Error(err)
			}
			control, err := os.ReadFile(filepath.Join(group, "memory.oom_control"))
			if err != nil || !strings.Contains(string(control), "oom_kill 0") {
				t.Errorf("memory.oom_control is %q, %v", control, err)
			}
			row(t, fmt.Sprintf("a group with %d MiB: at most %d MiB used, limit met %d times; own memory %d MiB",
				c.limit>>20, peak>>20, failures, residentBytes(t, server)>>20), got)
			wantQuiet(t, server, c.mode)
			stop(t, server)
		})
	}
}

// drop lets the system forget what it has of a file in memory.
func drop(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}
