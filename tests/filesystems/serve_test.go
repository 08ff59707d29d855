package filesystems

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// start starts the drop-in or the file server, which prints its counters when it ends.
func start(t *testing.T, mode, root string, args ...string) *harness.Server {
	t.Helper()
	return harness.StartMode(t, mode, root, args...)
}

// stop ends the server, which must end in order, and returns its output.
func stop(t *testing.T, s *harness.Server) string {
	t.Helper()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d\n%s", status, s.Output())
	}
	return s.Output()
}

// load returns a load as a mode takes it: one request per connection, or many, some of them for ranges.
func load(s *harness.Server, mode string, site *harness.Site, paths ...string) harness.Load {
	l := harness.Load{Address: s.Address, Site: site, Clients: 8, Paths: paths, Seed: 1, PerConn: 1, Patience: 2 * time.Minute}
	if mode == "serve" {
		l.PerConn = 20
	}
	return l
}

// features returns which features the server finds with a file, by name.
func features(t *testing.T, file string) map[string]bool {
	t.Helper()
	output, err := exec.Command(harness.Daemon(harness.AWS(t)), "version", "--json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Kernel   string
		Features []struct {
			Name, Detail string
			Have         bool
		}
	}
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatal(err)
	}
	have, row := map[string]bool{}, []string{report.Kernel, filesystem(t, file)}
	for _, f := range report.Features {
		have[f.Name] = f.Have
		row = append(row, fmt.Sprintf("%s: %v (%s)", f.Name, f.Have, f.Detail))
	}
	t.Log(strings.Join(row, "; "))
	return have
}

// filesystem returns the type of the filesystem of a file, as /proc has it.
func filesystem(t *testing.T, file string) string {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	kind, longest := "unknown", 0
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if at := fields[4]; len(at) > longest && strings.HasPrefix(file, strings.TrimSuffix(at, "/")+"/") {
			kind, longest = strings.Fields(after)[0], len(at)
		}
	}
	return kind
}

// forget removes the files of a site from the page cache, as far as the filesystem does that.
func forget(t *testing.T, site *harness.Site) {
	t.Helper()
	for _, path := range site.Paths {
		f, err := os.Open(filepath.Join(site.Root, path))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close()); err != nil {
			t.Error(err)
		}
	}
}

// remember reads the files of a site into the page cache.
func remember(t *testing.T, site *harness.Site) {
	t.Helper()
	for _, path := range site.Paths {
		if _, err := os.ReadFile(filepath.Join(site.Root, path)); err != nil {
			t.Fatal(err)
		}
	}
}

var reads = regexp.MustCompile(`RWF_NOWAIT (\d+) \(missed (\d+)\), O_DIRECT (\d+), by worker threads (\d+)`)

// remote are the filesystems for which worker threads make all calls.
var remote = []string{"nfs", "nfs4", "fuse", "fuse.slowfs", "9p", "cifs", "ceph"}

// TestEveryByte asks for files that are not in memory, and for the same again, whole and in ranges.
func TestEveryByte(t *testing.T) {
	site := harness.NewSite(t)
	have := features(t, filepath.Join(site.Root, "static/small"))
	kind := filesystem(t, filepath.Join(site.Root, "static/small"))
	for _, mode := range []string{"dropin", "serve"} {
		t.Run(mode, func(t *testing.T) {
			forget(t, site)
			server := start(t, mode, site.Root)
			for _, state := range []string{"cold", "in memory"} {
				got := load(server, mode, site).Run(200)
				t.Logf("%s: %v", state, got)
				got.Check(t, false)
				remember(t, site)
			}
			output := stop(t, server)
			match := reads.FindStringSubmatch(output)
			if match == nil {
				t.Fatalf("no counters of reads in:\n%s", output)
			}
			t.Log(match[0])
			if byThreads := match[1] == "0" && match[3] == "0"; byThreads != (slices.Contains(remote, kind) || !have["AIO"]) {
				t.Errorf("%s: worker threads alone read: %v", kind, byThreads)
			}
		})
	}
}

// TestReadFails asks for files that fail with EIO from some place on, which tests/slowfs offers. No wrong byte is sent, and others are served.
func TestReadFails(t *testing.T) {
	site := harness.NewSite(t)
	if kind := filesystem(t, site.Root); kind != "fuse.slowfs" {
		t.Skipf("%s does not fail on demand", kind)
	}
	content := harness.Content(1<<20, 77)
	for _, path := range []string{"static/broken.eio", "dynamic/broken.eio"} {
		site.Add(t, path, content)
	}
	for _, mode := range []string{"dropin", "serve"} {
		t.Run(mode, func(t *testing.T) {
			forget(t, site) // what was written is in the page cache
			server := start(t, mode, site.Root)
			for _, path := range []string{"static/broken.eio", "dynamic/broken.eio"} {
				got, err := get(server.Address, path)
				if err == nil {
					t.Errorf("%s: got %d bytes", path, len(got))
				}
				if !strings.HasPrefix(string(content), string(got)) {
					t.Errorf("%s: %d bytes, some of them wrong", path, len(got))
				}
				t.Logf("%s: %d bytes, then %v", path, len(got), err)
			}
			load(server, mode, site, "static/odd", "dynamic/odd").Run(50).Check(t, false)
			stop(t, server)
		})
	}
}

// get returns the body of a response with status 200, or as much of it as came.
func get(address, path string) ([]byte, error) {
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	response, err := client.Get("http://" + address + "/" + path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(response.Body)
}
