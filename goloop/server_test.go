package goloop

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/handler/dropin"
	"aws/internal/kernel"

	"golang.org/x/sys/unix"
)

// site is a directory with files for the tests, and their contents by path.
type site struct {
	dir   string
	files map[string][]byte
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), files: map[string][]byte{}}
	random := rand.NewChaCha8([32]byte{1})
	for _, kind := range []string{"static", "dynamic"} {
		if err := os.Mkdir(filepath.Join(s.dir, kind), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, size := range map[string]int{
			"empty": 0, "one": 1, "k": 1024, "page": 4096, "odd": 4097, "buffer": 128 << 10,
			"m": 1<<20 + 3, "window": 8 << 20, "large": 20<<20 + 11,
		} {
			body := make([]byte, size)
			_, _ = random.Read(body)
			path := "/" + kind + "/" + name
			if err := os.WriteFile(filepath.Join(s.dir, path), body, 0o644); err != nil {
				t.Fatal(err)
			}
			s.files[path] = body
		}
	}
	return s
}

// startDropIn runs a drop-in server for the site until the test ends.
func startDropIn(t testing.TB, s *site, change func(*ServerConfig)) *Server {
	t.Helper()
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := dropin.New(root, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ServerConfig{
		Loop: DropInConfig(), Handler: handler, Cache: dropin.CacheLimits(64), Loops: 1,
		Listen: []kernel.Address{{TCP: netip.MustParseAddrPort("127.0.0.1:0")}}, Kernel: kernel.DefaultConfig(),
	}
	cfg.Kernel.ReadsMax = 32
	if change != nil {
		change(&cfg)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	return runServer(t, &cfg)
}

// runServer runs a server until the test ends, which it has to do without an error.
func runServer(t testing.TB, cfg *ServerConfig) *Server {
	t.Helper()
	server, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run() }()
	t.Cleanup(func() {
		server.Shutdown()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server
}

// roundTrip sends a request and returns all that comes back until the server closes.
func roundTrip(t testing.TB, server *Server, request string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", server.Addrs()[0].String())
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Error(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("%q: %v", request, err)
	}
	return all
}

func checkFile(t testing.TB, s *site, server *Server, path string) {
	t.Helper()
	response := roundTrip(t, server, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	head, body, ok := bytes.Cut(response, []byte("\r\n\r\n"))
	want := s.files[path]
	switch {
	case !ok || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 OK\r\n")):
		t.Errorf("%s: %q", path, head)
	case !bytes.Contains(head, fmt.Appendf(nil, "Content-Length: %d\r\n", len(want))):
		t.Errorf("%s: no length of %d in %q", path, len(want), head)
	case !bytes.Equal(body, want):
		t.Errorf("%s: %d bytes, not the %d of the file", path, len(body), len(want))
	}
}

func TestDropInServesEveryFile(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, nil)
	for path := range s.files {
		checkFile(t, s, server, path)
	}
}

// TestCorkedServerServesEveryFile has responses that leave with the end of their connections, some of them in
// full packets by chance, and one that a client takes with its own side shut.
func TestCorkedServerServesEveryFile(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, func(cfg *ServerConfig) { cfg.Cork = true })
	fd := int(server.loops[0].acceptor.listeners[0].fd)
	if on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK); err != nil || on == 0 {
		t.Errorf("TCP_CORK is %d: %v", on, err)
	}
	for path := range s.files {
		checkFile(t, s, server, path)
	}
	if all := roundTrip(t, server, "POST /static/k HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"); !bytes.Contains(all, []byte("404")) {
		t.Errorf("a response whose client is still sending: %q", all)
	}
}

func TestFiftyClientsAtOnceShareASmallPool(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, func(cfg *ServerConfig) {
		cfg.Loop.WindowBytes = 512 << 10
		cfg.Loop.PoolBytes = 1 << 20
	})
	var group sync.WaitGroup
	for range 4 {
		for path := range s.files {
			group.Go(func() { checkFile(t, s, server, path) })
		}
	}
	group.Wait()
}

func TestDynamicFilesWithoutKernelAIO(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, func(cfg *ServerConfig) { cfg.Kernel.ReadsMax = 0 })
	for path := range s.files {
		checkFile(t, s, server, path)
	}
}

func TestTwoLoopsShareTheAddress(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, func(cfg *ServerConfig) { cfg.Loops = 2 })
	var group sync.WaitGroup
	for path := range s.files {
		group.Go(func() { checkFile(t, s, server, path) })
	}
	group.Wait()
}

func TestDropInNotFound(t *testing.T) {
	s := newSite(t)
	if err := os.WriteFile(filepath.Join(s.dir, "outside"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := startDropIn(t, s, nil)
	for _, request := range []string{
		"GET /static/none HTTP/1.1\r\n\r\n",
		"GET /static/ HTTP/1.1\r\n\r\n",
		"GET /static HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"GET /outside HTTP/1.1\r\n\r\n",
		"GET /static/../outside HTTP/1.1\r\n\r\n",
		"GET /static/%2e%2e/outside HTTP/1.1\r\n\r\n",
		"GET /static/../../../../../etc/passwd HTTP/1.1\r\n\r\n",
		"POST /static/k HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		"get /static/k HTTP/1.1\r\n\r\n",
		"GET /static/k HTTP/2.0\r\n\r\n",
		"GET /static/k\r\n\r\n",
		"\x16\x03\x01\x02\x00",
		"nonsense\r\n\r\n",
		"GET /static/k HTTP/1.1\r\nno colon\r\n\r\n",
		"GET /" + strings.Repeat("a", 40<<10) + " HTTP/1.1\r\n\r\n",
	} {
		response := roundTrip(t, server, request)
		if !bytes.HasPrefix(response, []byte("HTTP/1.1 404 Not Found\r\n")) ||
			!bytes.HasSuffix(response, []byte("\r\n\r\n")) {
			t.Errorf("%.60q: %.100q", request, response)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, nil)
	for _, path := range []string{"/static/k", "/dynamic/large"} {
		response := roundTrip(t, server, "HEAD "+path+" HTTP/1.1\r\n\r\n")
		if !bytes.HasPrefix(response, []byte("HTTP/1.1 200 OK\r\n")) ||
			!bytes.HasSuffix(response, []byte("\r\n\r\n")) ||
			!bytes.Contains(response, fmt.Appendf(nil, "Content-Length: %d\r\n", len(s.files[path]))) {
			t.Errorf("%s: %q", path, response)
		}
	}
}

func TestDropInNeverSendsAnOldFile(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, nil)
	path := "/static/changes"
	for i := range 50 {
		body := bytes.Repeat([]byte{byte('a' + i%26)}, 100+i)
		fresh := filepath.Join(s.dir, "fresh")
		if err := os.WriteFile(fresh, body, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, filepath.Join(s.dir, path)); err != nil {
			t.Fatal(err)
		}
		s.files[path] = body
		checkFile(t, s, server, path)
		if err := os.Remove(filepath.Join(s.dir, path)); err != nil {
			t.Fatal(err)
		}
		if response := roundTrip(t, server, "GET "+path+" HTTP/1.1\r\n\r\n"); !bytes.Contains(response, []byte(" 404 ")) {
			t.Fatalf("%d: the response for a file that is gone is %.20q", i, response)
		}
	}
}

func TestTruncatedFileEndsInAReset(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, nil)
	for _, path := range []string{"/static/large", "/dynamic/large"} {
		c, err := net.Dial("tcp", server.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 1)
		if _, err := io.ReadFull(c, first); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(s.dir, path), 1<<20); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(c)
		if err == nil {
			t.Errorf("%s: the response ends as if it were whole", path)
		}
		_, body, _ := bytes.Cut(append(first, rest...), []byte("\r\n\r\n"))
		if kept := min(len(body), 1<<20); !bytes.Equal(s.files[path][:kept], body[:kept]) {
			t.Errorf("%s: what was sent is not the file's beginning", path)
		}
		// What sendfile(2) has put into the socket is the page cache itself, which the kernel
		// clears behind the new end while the bytes are on their way. Nothing else may be there.
		for i := 1 << 20; i < len(body); i++ {
			if body[i] != s.files[path][i] && body[i] != 0 {
				t.Fatalf("%s: byte %d is not the file's", path, i)
			}
		}
		_ = c.Close()
	}
}

func TestShutdownLetsTransfersEnd(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, nil)
	idle, err := net.Dial("tcp", server.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	busy, err := net.Dial("tcp", server.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	for _, c := range []net.Conn{idle, busy} {
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	}
	if _, err := io.WriteString(busy, "GET /dynamic/large HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(busy, first); err != nil {
		t.Fatal(err)
	}
	server.Shutdown()
	if n, err := idle.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("an idle connection is not closed: %d, %v", n, err)
	}
	rest, err := io.ReadAll(busy)
	if err != nil {
		t.Error(err)
	}
	if !bytes.HasSuffix(rest, s.files["/dynamic/large"]) {
		t.Error("the transfer did not end well")
	}
}

// lockedBuffer is a buffer that a loop writes and the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestTraceFollowsTheOriginalDescription(t *testing.T) {
	s := newSite(t)
	trace := &lockedBuffer{}
	server := startDropIn(t, s, func(cfg *ServerConfig) {
		cfg.Loop.Trace = trace
		cfg.Kernel.ReadsMax = 0 // worker threads: the buffers are never there at once
	})
	checkFile(t, s, server, "/static/k")
	checkFile(t, s, server, "/dynamic/m")
	// A client may see the end before the loop says so.
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !strings.Contains(trace.String(), "conn 2: CONN_SENDING -> CONN_FREE"); {
		time.Sleep(time.Millisecond)
	}
	var want strings.Builder
	for _, line := range []string{
		"conn 1: CONN_FREE -> CONN_INIT", "conn 1: CONN_INIT -> CONN_READING",
		"conn 1: CONN_READING -> CONN_WREADY", "conn 1: CONN_WREADY -> CONN_SENDING",
		"conn 1: CONN_SENDING -> CONN_FREE",
		"conn 2: CONN_FREE -> CONN_INIT", "conn 2: CONN_INIT -> CONN_READING",
		"conn 2: CONN_READING -> CONN_WREADY", "conn 2: CONN_WREADY -> CONN_READING_ASYNC",
		"conn 2: CONN_READING_ASYNC -> CONN_SENDING", "conn 2: CONN_SENDING -> CONN_FREE",
	} {
		want.WriteString(line + "\n")
	}
	// The names may have had to be opened, or the static file prefetched, by a worker thread.
	got := trace.String()
	for _, detour := range []string{"CONN_OPENING", "CONN_PREFETCHING"} {
		if strings.Contains(got, detour) {
			t.Skipf("the files were not in memory: %s", detour)
		}
	}
	if got != want.String() {
		t.Errorf("trace:\n%s", got)
	}
}
