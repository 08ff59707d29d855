package confine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { harness.Main(m) }

// modes are the two servers, by name.
var modes = []string{"dropin", "serve"}

// start starts one of the two for a directory.
func start(t *testing.T, mode, root string, o harness.Options, args ...string) *harness.Server {
	t.Helper()
	if mode == "serve" {
		return harness.StartServe(t, o, root, args...)
	}
	o.Args = args
	return harness.StartAWS(t, root, o)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// newRoot makes a directory, with a file in each of static and dynamic, that any user may read.
func newRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for _, directory := range []string{"static", "dynamic"} {
		harness.WriteFile(t, filepath.Join(root, directory, "inside"), []byte("inside\n"))
	}
	for directory := root; directory != filepath.Clean(os.TempDir()) && directory != "/"; directory = filepath.Dir(directory) {
		if err := os.Chmod(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// taskStatus returns a line of every thread's status, such as Uid.
func taskStatus(t *testing.T, s *harness.Server, field string) []string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.PID()))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d: %v", s.PID(), err)
	}
	var values []string
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for line := range strings.Lines(string(status)) {
			if value, ok := strings.CutPrefix(line, field+":"); ok {
				values = append(values, strings.Join(strings.Fields(value), " "))
			}
		}
	}
	return values
}

// wantStatus checks a line of every thread's status.
func wantStatus(t *testing.T, s *harness.Server, field, want string) {
	t.Helper()
	for _, got := range taskStatus(t, s, field) {
		if got != want {
			t.Errorf("a thread's %s is %q, and not %q", field, got, want)
		}
	}
}

// wantInside checks that the two files are served.
func wantInside(t *testing.T, s *harness.Server) {
	t.Helper()
	for _, directory := range []string{"static", "dynamic"} {
		got := harness.Exchange(s.Address, harness.Text("GET /"+directory+"/inside HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
		if got.Status != 200 || got.BodySum != harness.Sum([]byte("inside\n")) {
			t.Errorf("%s: %v", directory, got)
		}
	}
}

// landlocked reports whether the kernel has Landlock.
func landlocked() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && version > 0
}

// TestUser starts the server as root, for another user: all threads become that user, for good, and
// files are served.
func TestUser(t *testing.T) {
	needRoot(t)
	for _, mode := range modes {
		for _, landlock := range []string{"true", "false"} {
			t.Run(mode+"/landlock="+landlock, func(t *testing.T) {
				s := start(t, mode, newRoot(t), harness.Options{}, "--user", "nobody", "--landlock="+landlock)
				wantInside(t, s)
				wantStatus(t, s, "Uid", "65534 65534 65534 65534")
				wantStatus(t, s, "Gid", "65534 65534 65534 65534")
				wantStatus(t, s, "Groups", "65534")
				wantStatus(t, s, "CapEff", "0000000000000000")
				wantStatus(t, s, "CapPrm", "0000000000000000")
				if landlock == "true" && landlocked() {
					wantStatus(t, s, "NoNewPrivs", "1")
				}
				if status := s.Stop(t); status != 0 {
					t.Errorf("status %d", status)
				}
			})
		}
	}
}

// TestUserErrors: what can't be done is said, and nothing is served.
func TestUserErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap []string
		user string
		want string
	}{
		{name: "unknown", user: "no-such-user", want: "--user no-such-user: there is no such user"},
		{
			name: "not root", user: "nobody", want: "--user nobody: only root can become another user",
			wrap: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			needRoot(t)
			argv := append(append([]string{}, c.wrap...), copyOfAWS(t), "--port", "0", "--root", newRoot(t), "--user", c.user)
			harness.Tool(t, argv[0])
			output, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if err == nil || !strings.Contains(string(output), c.want) {
				t.Errorf("%v, %q; it should say %q", err, output, c.want)
			}
		})
	}
}

// copyOfAWS returns the server under test at a place where any user may run it.
func copyOfAWS(t *testing.T) string {
	t.Helper()
	path := filepath.Join(newRoot(t), "aws")
	program, err := os.ReadFile(harness.AWS(t))
	if err == nil {
		err = os.WriteFile(path, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
