package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws/tests/harness"
)

// slowDisk lets a server read the disk of a directory with so many bytes per second at the most (blkio of cgroup v1). It skips the
// test where that can't be done.
func slowDisk(t *testing.T, s *harness.Server, directory string, bytesPerSecond int) {
	t.Helper()
	needRoot(t)
	const blkio = "/sys/fs/cgroup/blkio"
	if _, err := os.Stat(filepath.Join(blkio, "blkio.throttle.read_bps_device")); err != nil {
		t.Skipf("no blkio.throttle: %v", err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(directory, &stat); err != nil {
		t.Fatal(err)
	}
	device := fmt.Sprintf("%d:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev))
	if _, err := os.Stat(filepath.Join("/sys/dev/block", device)); err != nil {
		t.Skipf("%s is not on a disk that can be made slow: %v", directory, err)
	}
	group := filepath.Join(blkio, fmt.Sprintf("aws-faults-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		harness.Eventually(t, 10*time.Second, "the cgroup is removed", func() error { return os.Remove(group) })
	})
	err := os.WriteFile(filepath.Join(group, "blkio.throttle.read_bps_device"), fmt.Appendf(nil, "%s %d", device, bytesPerSecond), 0o644)
	if err == nil {
		err = os.WriteFile(filepath.Join(group, "cgroup.procs"), strconv.AppendInt(nil, int64(s.PID()), 10), 0o644)
	}
	if err != nil {
		t.Skipf("the disk of %s can't be made slow: %v", directory, err)
	}
	t.Cleanup(func() {
		_ = os.WriteFile(filepath.Join(blkio, "cgroup.procs"), strconv.AppendInt(nil, int64(s.PID()), 10), 0o644)
	})
}

// writeCold writes a file that is not in the page cache.
func writeCold(t *testing.T, path string, content []byte) {
	t.Helper()
	harness.WriteFile(t, path, content)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
}

// TestColdDiskHTTPS lets eight clients download cold files over https from a disk of 20 MiB per second: requests for a file that is
// in memory keep most of their rate. Noise is why the test wants less than docs/robustness.md has.
func TestColdDiskHTTPS(t *testing.T) {
	const (
		downloads      = 8
		bytesPerSecond = 20 << 20
		keptMin        = 0.5
		while          = 3 * time.Second
	)
	site := harness.NewSite(t)
	content := harness.Content(16<<20, 9)
	for i := range 2 * downloads {
		writeCold(t, filepath.Join(site.Root, fmt.Sprintf("cold%d", i)), content)
	}
	server := startHTTPS(t, site.Root, harness.Options{})
	slowDisk(t, server.Server, site.Root, bytesPerSecond)
	hot := harness.Load{
		Address: server.Address, Site: site, Clients: 4, Seed: 1, PerConn: 1000, Paths: []string{"static/small"}, TLS: server.Client,
	}
	before := hot.RunFor(while)
	before.Check(t, false)
	var group sync.WaitGroup
	var cold atomic.Int64
	var over atomic.Bool
	for i := range downloads {
		group.Go(func() {
			raw, err := net.Dial("tcp", server.Address)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = raw.Close() }()
			_ = raw.SetDeadline(time.Now().Add(time.Minute))
			conn, err := harness.Secure(raw, server.Client)
			if err != nil {
				t.Error(err)
				return
			}
			buf := make([]byte, 64<<10)
			for _, n := range []int{i, downloads + i} {
				_, _ = fmt.Fprintf(conn, "GET /cold%d HTTP/1.1\r\nHost: a\r\n\r\n", n)
				for got := 0; got < len(content) && !over.Load(); {
					n, err := conn.Read(buf)
					if err != nil {
						if !errors.Is(err, io.EOF) {
							t.Error(err)
						}
						return
					}
					got += n
					cold.Add(int64(n))
				}
			}
		})
	}
	during := hot.RunFor(while)
	bytes := cold.Load()
	over.Store(true)
	group.Wait()
	after := hot.RunFor(while)
	during.Check(t, false)
	kept := 2 * float64(during.Whole) / float64(before.Whole+after.Whole)
	row(t, fmt.Sprintf("a cold disk: %d downloads have got %d KiB/s; hot requests keep %.2f of their rate (before %d, during %d, after %d in %v)",
		downloads, int(float64(bytes)/while.Seconds())>>10, kept, before.Whole, during.Whole, after.Whole, while), during)
	if kept < keptMin {
		t.Errorf("hot requests keep %.2f of their rate", kept)
	}
	stop(t, server.Server)
}
