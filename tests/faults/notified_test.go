package faults

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// notifier lets system calls fail that no preload library reaches, by tests/notify.
type notifier struct {
	path  string   // of the program
	state *os.File // struct state of notify.c
	wrap  []string // what the server is run under
}

// The fields of the state, by offset.
const (
	stateOn     = 0
	stateNth    = 4
	stateSeen   = 8
	stateFailed = 16
	stateBytes  = 24
)

// unavailable is notify's exit status on a machine without seccomp notification.
const unavailable = 77

// newNotifier prepares for the calls of one server, which shows that mode, to fail. It skips the test where that can't be done.
func newNotifier(t *testing.T, mode, call, errors string, permille, seed int) *notifier {
	t.Helper()
	directory := t.TempDir()
	makeCommand := exec.Command(harness.Tool(t, "make"), "-s", "-C", filepath.Join(harness.Root(t), "tests", "notify"), "BUILD="+directory)
	if output, err := makeCommand.CombinedOutput(); err != nil {
		t.Fatalf("building tests/notify: %v\n%s", err, output)
	}
	n := &notifier{path: filepath.Join(directory, "notify")}
	name := filepath.Join(directory, "state")
	harness.WriteFile(t, name, make([]byte, stateBytes))
	var err error
	if n.state, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.state.Close() })
	n.wrap = []string{n.path, call, errors, fmt.Sprint(permille), fmt.Sprint(seed), name}
	if call == "mmap" {
		start, end := rawCalls(t, mode)
		n.wrap = append(n.wrap, fmt.Sprintf("%#x", start), fmt.Sprintf("%#x", end))
	}
	n.wrap = append(n.wrap, "--")
	probe := exec.Command(n.path, n.wrap[1:]...)
	probe.Args = append(probe.Args, harness.Tool(t, "true"))
	output, err := probe.CombinedOutput()
	if probe.ProcessState != nil && probe.ProcessState.ExitCode() == unavailable {
		t.Skipf("%s", output)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	n.set(t, stateSeen, 0)
	n.set(t, stateSeen+4, 0)
	return n
}

// rawCalls returns the code by which Go makes system calls itself, which the server's own mappings go
// through; Go's runtime asks libc for its memory, and ends the process if it gets none.
func rawCalls(t *testing.T, mode string) (start, end uint64) {
	t.Helper()
	program := harness.AWS(t)
	if mode == "serve" {
		program = harness.Daemon(program)
	}
	binary, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = binary.Close() }()
	symbols, err := binary.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "internal/runtime/syscall") && strings.HasSuffix(s.Name, ".Syscall6") {
			return s.Value, s.Value + s.Size
		}
	}
	t.Fatal("the binary has no Syscall6")
	return 0, 0
}

func (n *notifier) set(t *testing.T, field int64, value uint32) {
	t.Helper()
	if _, err := n.state.WriteAt(binary.NativeEndian.AppendUint32(nil, value), field); err != nil {
		t.Fatal(err)
	}
}

func (n *notifier) count(t *testing.T, field int64) uint64 {
	t.Helper()
	var b [8]byte
	if _, err := n.state.ReadAt(b[:], field); err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint64(b[:])
}

// check fails the test if nothing has failed, and returns what has, for a row of the table.
func (n *notifier) check(t *testing.T) string {
	t.Helper()
	seen, failed := n.count(t, stateSeen), n.count(t, stateFailed)
	if failed == 0 {
		t.Errorf("no fault in %d calls", seen)
	}
	return fmt.Sprintf("%d calls: %d failed", seen, failed)
}

// forgotten is how long `aws serve` trusts what it knows of a name, and a moment more.
const forgotten = 1200 * time.Millisecond

// TestOpensFail lets openat2 fail, on the loop and in worker threads. What passes by itself, or is a matter of
// what is used up, delays a response and costs none; a disk that fails is answered 500, or 404 by the drop-in,
// which has no other refusal. Afterwards all is well.
func TestOpensFail(t *testing.T) {
	site := harness.NewSite(t)
	paths := manyFiles(t, site, 100)
	requests := 4 * requestsPerPlan(t)
	onModes(t, func(t *testing.T, mode string) {
		for i, p := range []struct {
			errors   string
			permille int
			refuses  bool
		}{
			{errors: "EINTR:EAGAIN", permille: 300},
			{errors: "EMFILE:ENFILE:ENOMEM", permille: 300},
			{errors: "EIO", permille: 100, refuses: true},
			{errors: "EINTR:EAGAIN:EMFILE:ENFILE:ENOMEM:EIO", permille: 300, refuses: true},
			{errors: "EMFILE:ENFILE:ENOMEM", permille: 900},
		} {
			t.Run(p.errors, func(t *testing.T) {
				n := newNotifier(t, mode, "openat2", p.errors, p.permille, i+1)
				server := start(t, mode, site.Root, harness.Options{Wrap: n.wrap})
				n.set(t, stateOn, 1)
				l := load(server, mode, site, 16)
				l.Paths = append(l.Paths, paths...)
				l.Seed = uint64(i + 1)
				l.Missing = p.refuses && mode == "dropin"
				got := l.Run(requests)
				row(t, fmt.Sprintf("%d‰ of openat2, %s", p.permille, n.check(t)), got)
				got.Check(t, p.refuses)
				if got.Lost > 0 {
					t.Errorf("%d responses were broken off", got.Lost)
				}
				n.set(t, stateOn, 0)
				time.Sleep(forgotten)
				l.Missing = false
				l.Run(100).Check(t, false)
				wantQuiet(t, server, mode)
				stop(t, server)
			})
		}
	})
}

// TestListingsFail lets openat2 fail while directories are listed that are full of links, each of which is
// opened to see where it leads. A listing has all entries, or is refused.
func TestListingsFail(t *testing.T) {
	site := harness.NewSite(t)
	directory := filepath.Join(site.Root, "links")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := os.Symlink("../static/small", filepath.Join(directory, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range []struct {
		errors   string
		permille int
		refuses  bool
	}{
		{errors: "EINTR:EAGAIN", permille: 200},
		{errors: "EMFILE:ENFILE:ENOMEM", permille: 20},
		{errors: "EIO", permille: 20, refuses: true},
	} {
		t.Run(p.errors, func(t *testing.T) {
			n := newNotifier(t, "serve", "openat2", p.errors, p.permille, i+1)
			server := start(t, "serve", site.Root, harness.Options{Wrap: n.wrap}, "--list")
			var orders []string
			for _, key := range []string{"name", "size", "time"} {
				orders = append(orders, "?sort="+key+"&order=asc", "?sort="+key+"&order=desc")
			}
			list := func(order string) (int, string) {
				request, _ := http.NewRequest(http.MethodGet, "http://"+server.Address+"/links/"+order, nil)
				request.Header.Set("Accept", "application/json")
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = response.Body.Close() }()
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response.StatusCode, string(body)
			}
			right := map[string]string{}
			for _, order := range orders {
				status, body := list(order)
				if status != 200 || strings.Count(body, `"size"`) < 40 {
					t.Fatalf("%s: %d, %s", order, status, body)
				}
				right[order] = body
			}
			n.set(t, stateOn, 1)
			whole, refused := 0, 0
			for range 2 {
				time.Sleep(forgotten)
				for _, order := range orders {
					switch status, body := list(order); {
					case status == 200 && body == right[order]:
						whole++
					case status == 500 && p.refuses || status == 503:
						refused++
					default:
						t.Errorf("%s: %d, %d bytes instead of %d", order, status, len(body), len(right[order]))
					}
				}
			}
			t.Logf("| %s | %d‰ of openat2, %s | %d listings whole, %d refused |", t.Name(), p.permille, n.check(t), whole, refused)
			if refused > 0 && !p.refuses {
				t.Errorf("%d listings were refused", refused)
			}
			n.set(t, stateOn, 0)
			time.Sleep(forgotten)
			for _, order := range orders {
				if status, body := list(order); status != 200 || body != right[order] {
					t.Errorf("%s, afterwards: %d, %d bytes", order, status, len(body))
				}
			}
			http.DefaultClient.CloseIdleConnections()
			wantQuiet(t, server, "serve")
			stop(t, server)
		})
	}
}

// TestMemoryRefusedAtStart refuses the server its mappings, one after the other, a single one for each start.
// Each time it must say so and end, until there is none left to be refused.
func TestMemoryRefusedAtStart(t *testing.T) {
	site := harness.NewSite(t)
	onModes(t, func(t *testing.T, mode string) {
		n := newNotifier(t, mode, "mmap", "ENOMEM:EAGAIN", 0, 1)
		args := map[string][]string{
			"dropin": {"--port", "0", "--root", site.Root},
			"serve":  {"serve", site.Root, "--listen", "127.0.0.1:0", "--loops", "2"},
		}[mode]
		var reported []string
		for nth := uint32(1); ; nth++ {
			n.set(t, stateSeen, 0)
			n.set(t, stateNth, nth)
			n.set(t, stateFailed, 0)
			server := harness.Launch(t, harness.Options{Wrap: n.wrap, Path: harness.AWS(t), Args: args})
			harness.Eventually(t, harness.StartDeadline, "it ends or listens", func() error {
				if server.Running() && !strings.Contains(server.Output(), "http://") {
					return harness.Errorf("neither: %s", server.Output())
				}
				return nil
			})
			if n.count(t, stateFailed) == 0 {
				if status := server.Stop(t); status != 0 || nth == 1 {
					t.Errorf("status %d, %s", status, server.Output())
				}
				break
			}
			status, output := server.Wait(t), server.Output()
			named := strings.Contains(output, "cannot allocate memory") || strings.Contains(output, "resource temporarily unavailable")
			if status != 1 || !named || strings.Contains(output, "goroutine ") {
				t.Errorf("mapping %d is refused: status %d, %s", nth, status, output)
			}
			if line := strings.TrimSpace(output); !slices.Contains(reported, line) {
				reported = append(reported, line)
			}
		}
		t.Logf("%d messages: %q", len(reported), reported)
	})
}

// TestMemoryRefused refuses the server half of the mappings that it asks for under load: those that hold parts of
// heads, and headers. A connection that gets none is lost, and no other.
func TestMemoryRefused(t *testing.T) {
	site := harness.NewSite(t)
	onModes(t, func(t *testing.T, mode string) {
		n := newNotifier(t, mode, "mmap", "ENOMEM:EAGAIN", 500, 1)
		server := start(t, mode, site.Root, harness.Options{Wrap: n.wrap})
		n.set(t, stateOn, 1)
		running := load(server, mode, site, 16).Start()
		// Each of these needs memory for its head, all at the same time.
		const begun = 300
		var mu sync.Mutex
		responded, closed := 0, 0
		var conns []net.Conn
		each(t, begun, 8, func(int) error {
			conn, err := dial(server.Address, "", 0)
			if err != nil {
				return err
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			_, err = io.WriteString(conn, "GET /static/one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
			return err
		})
		time.Sleep(100 * time.Millisecond)
		for _, conn := range conns {
			_, _ = io.WriteString(conn, "\r\n")
			response, err := io.ReadAll(conn)
			switch {
			case strings.HasPrefix(string(response), "HTTP/1.1 200 OK\r\n") && strings.HasSuffix(string(response), "\r\n\r\n"+string(site.Bytes["static/one"])):
				responded++
			case len(response) == 0: // the error may have been the response to the write
				closed++
			default:
				t.Errorf("%q, %v", response, err)
			}
			_ = conn.Close()
		}
		got := running.Stop()
		row(t, fmt.Sprintf("half of the mappings, %s; of %d heads in pieces %d were answered and %d reset", n.check(t), begun, responded, closed), got)
		got.Check(t, true)
		if closed == 0 || uint64(closed) > n.count(t, stateFailed) {
			t.Errorf("%d connections were reset for %d mappings", closed, n.count(t, stateFailed))
		}
		n.set(t, stateOn, 0)
		load(server, mode, site, 16).Run(200).Check(t, false)
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}
