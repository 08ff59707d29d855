package confine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// report is what a thread of the server has tried, as inside/inside.c writes it: errnos, 0 for success.
type report struct {
	Thread, ReadOutside, ListOutside, MakeOutside, MakeInside, Run, ReadInside int32
}

// insideSignal is one that nobody else uses, and that Go's runtime leaves unblocked even in a thread that
// it has retired, as it does with the first one.
const insideSignal = 34

// compile builds one of the C sources of the directory inside and returns what it was built into.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	result := filepath.Join(newRoot(t), source+".out")
	args := append([]string{
		"-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", result,
		filepath.Join(harness.Root(t), "tests/confine/inside", source),
	}, flags...)
	if output, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, output)
	}
	return result
}

// TestInside tries from within, in every thread of the server, what an attacker would try who has taken it
// over: with Landlock a thread can open files of the root, and nothing else.
func TestInside(t *testing.T) {
	library := compile(t, "inside.c", "-shared", "-fPIC", "-ldl")
	for _, c := range []struct {
		mode     string
		landlock bool
		user     bool
		https    bool
	}{
		{mode: "dropin", landlock: true},
		{mode: "serve", landlock: true},
		{mode: "dropin", landlock: true, user: true},
		{mode: "serve", landlock: true, user: true},
		{mode: "serve", landlock: true, https: true},
		{mode: "serve"}, // the same attempts do succeed otherwise
	} {
		t.Run(fmt.Sprintf("%s/landlock=%v/user=%v/https=%v", c.mode, c.landlock, c.user, c.https), func(t *testing.T) {
			if c.landlock && !landlocked() {
				t.Skip("this kernel has no Landlock")
			}
			if c.user {
				needRoot(t)
			}
			root := newRoot(t)
			outside := filepath.Join(filepath.Dir(root), "outside")
			harness.WriteFile(t, filepath.Join(outside, "file"), []byte(secret))
			file := filepath.Join(filepath.Dir(root), "report")
			harness.WriteFile(t, file, nil)
			for _, path := range []string{outside, root} { // permissions are not what keeps it out
				if err := os.Chmod(path, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"--landlock=" + strconv.FormatBool(c.landlock)}
			if c.user {
				args = append(args, "--user", "nobody")
			}
			var roots *x509.CertPool
			if c.https { // the thread of handshakes and those of the watcher of certificates are among the threads
				ca := certtest.NewCA(t, "root")
				certificate, key := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}}).WritePair(t, t.TempDir(), "server")
				roots = ca.Pool()
				args = append(args, "--listen-tls", "127.0.0.1:0", "--certificate", certificate, "--key", key, "--tls-key-log", filepath.Join(filepath.Dir(root), "keys"))
			}
			server := start(t, c.mode, root, harness.Options{Preload: library, Env: []string{
				"INSIDE_REPORT=" + file, fmt.Sprintf("INSIDE_SIGNAL=%d", insideSignal),
				"INSIDE_FILE_OUTSIDE=" + filepath.Join(outside, "file"), "INSIDE_FOLDER_OUTSIDE=" + outside,
				"INSIDE_MAKE_OUTSIDE=" + filepath.Join(outside, "made"), "INSIDE_MAKE_INSIDE=" + filepath.Join(root, "made"),
				"INSIDE_FILE_INSIDE=" + filepath.Join(root, "static/inside"),
			}}, args...)
			wantInside(t, server)
			if c.https {
				handshake(t, server.Says(t, `listening at https://(\S+)/`, 1)[1], roots)
			}
			if !c.landlock {
				server.Signal(t, syscall.Signal(insideSignal)) // one thread is enough: it becomes /bin/true
				if status := server.Wait(t); status != 0 {
					t.Errorf("status %d: the attempts should succeed without Landlock", status)
				}
				if _, err := os.Stat(filepath.Join(outside, "made")); err != nil {
					t.Error(err)
				}
				return
			}
			threads := tasks(t, server)
			for _, thread := range threads {
				if err := unix.Tgkill(server.PID(), thread, insideSignal); err != nil {
					t.Logf("thread %d: %v", thread, err)
				}
			}
			var reports []report
			harness.Eventually(t, 20*time.Second, "all threads have reported", func() error {
				data, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				reports = make([]report, len(data)/binary.Size(report{}))
				if err := binary.Read(bytes.NewReader(data), binary.NativeEndian, reports); err != nil {
					return err
				}
				if len(reports) < len(threads) {
					return harness.Errorf("%d of %d", len(reports), len(threads))
				}
				return nil
			})
			const denied = int32(unix.EACCES)
			for _, r := range reports {
				want := report{Thread: r.Thread, ReadOutside: denied, ListOutside: denied, MakeOutside: denied, MakeInside: denied, Run: denied}
				if r != want {
					t.Errorf("a thread could do what it should not: %+v", r)
				}
			}
			t.Logf("%d threads, each refused", len(reports))
			wantStatus(t, server, "NoNewPrivs", "1")
			wantInside(t, server)
			if c.https {
				handshake(t, server.Says(t, `listening at https://(\S+)/`, 1)[1], roots)
			}
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// handshake makes one.
func handshake(t *testing.T, address string, roots *x509.CertPool) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestWithoutLandlock starts the servers as on a kernel that has no Landlock: they say so, and serve.
func TestWithoutLandlock(t *testing.T) {
	without := compile(t, "without.c")
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			server := start(t, mode, newRoot(t), harness.Options{Wrap: []string{without}})
			wantInside(t, server)
			const message = "this kernel has no Landlock, or it is off: files outside the roots are kept from clients, but not from the process"
			if !strings.Contains(server.Output(), message) {
				t.Errorf("the output does not say so:\n%s", server.Output())
			}
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// tasks returns the ids of the server's threads.
func tasks(t *testing.T, s *harness.Server) []int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
