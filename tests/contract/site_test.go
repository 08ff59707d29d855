package contract

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Sizes of the files that every site has in both directories.
const (
	smallBytes = 2 << 10
	largeBytes = 2 << 20
	hugeBytes  = 24 << 20 // more than sockets, and the window of a dynamic file, can hold
)

// site is a directory to serve. Its files are small, large and huge in each of the two directories.
type site struct {
	root string
	sums map[string]string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{root: filepath.Join(t.TempDir(), "root"), sums: map[string]string{}}
	for path, file := range files() {
		s.write(t, path, file.content)
		s.sums[path] = file.sum
	}
	return s
}

// file is a file that every site has.
type file struct {
	content []byte
	sum     string
}

// files returns the files of every site by their paths. They are made once, because to make and hash them is a good part of a
// test's time in an emulated machine.
var files = sync.OnceValue(func() map[string]file {
	all := make(map[string]file)
	for i, directory := range []string{"static", "dynamic"} {
		for name, size := range map[string]int{"small": smallBytes, "large": largeBytes, "huge": hugeBytes} {
			content := harness.Content(size, uint64(i*hugeBytes+size))
			all[directory+"/"+name] = file{content, harness.Sum(content)}
		}
	}
	return all
})

func (s *site) add(t *testing.T, path string, content []byte) {
	t.Helper()
	s.write(t, path, content)
	s.sums[path] = harness.Sum(content)
}

func (s *site) write(t *testing.T, path string, content []byte) {
	t.Helper()
	file := filepath.Join(s.root, path)
	harness.WriteFile(t, file, content)
	old := time.Now().Add(-time.Hour) // what is written within the current second has no Last-Modified yet
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
}

// addIrregular makes what must not be served in a directory of the site, and returns its paths.
func (s *site) addIrregular(t *testing.T, directory string) []string {
	t.Helper()
	at := func(name string) string { return filepath.Join(s.root, directory, name) }
	if err := syscall.Mkfifo(at("fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A socket's whole path must fit 108 bytes, so it is bound under a short name and moved.
	short := filepath.Join(os.TempDir(), fmt.Sprintf("aws-%d.sock", os.Getpid()))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(short, at("socket")); err != nil {
		t.Fatal(err)
	}
	names := []string{"fifo", "directory", "directory/", "socket"}
	const nullDevice = 1<<8 | 3
	if err := syscall.Mknod(at("device"), syscall.S_IFCHR|0o644, nullDevice); err == nil {
		names = append(names, "device")
	} else {
		t.Logf("no device is tried: mknod: %v", err)
	}

	harness.WriteFile(t, filepath.Join(s.root, "../outside/secret"), []byte("out of the root\n"))
	for name, target := range map[string]string{
		"out": "../../outside/secret", "out-absolute": filepath.Join(s.root, "../outside/secret"),
		"out-directory": "../../outside", "dangling": "nowhere", "loop": "loop", "passwd": "/etc/passwd",
	} {
		harness.Symlink(t, target, at(name))
		names = append(names, name)
	}
	names = append(names, "out-directory/secret", "../../outside/secret", "../../../../../../../../etc/passwd",
		"%2e%2e/%2e%2e/outside/secret", "..%2f..%2foutside%2fsecret", "", "absent", "small/", "small/below")
	paths := make([]string, 0, len(names))
	for _, name := range names {
		paths = append(paths, "/"+directory+"/"+name)
	}
	return paths
}

// get sends a plain GET.
func get(server *harness.Server, target string) harness.Response {
	return harness.Exchange(server.Address, harness.Text("GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

// wantFile fetches a file of the site and compares every byte.
func (s *site) wantFile(t *testing.T, server *harness.Server, path string) {
	t.Helper()
	s.wantBytes(t, server, "/"+path, path)
}

// wantBytes fetches a target that stands for a file of the site.
func (s *site) wantBytes(t *testing.T, server *harness.Server, target, path string) {
	t.Helper()
	got := get(server, target)
	if got.Status != 200 || got.Reason != "OK" || got.BodySum != s.sums[path] ||
		got.ContentLength != got.BodyBytes || got.Ending != harness.Closed {
		t.Errorf("%s: %v, want the bytes of %s", target, got, path)
	}
}

// wantNotFound asks for what is not to be had.
func wantNotFound(t *testing.T, server *harness.Server, target string) {
	t.Helper()
	got := get(server, target)
	if got.Status != 404 || got.Reason != "Not Found" || got.ContentLength != got.BodyBytes || got.Ending != harness.Closed {
		t.Errorf("%s: %v, want 404", target, got)
	}
}
