package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"
)

// owner returns the user whose files of a process in /proc are: root if there are no core dumps of it (proc(5)).
func owner(t *testing.T, pid string) uint32 {
	t.Helper()
	info, err := os.Stat("/proc/" + pid + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// children returns the processes that the threads of a process have started.
func children(t *testing.T, pid int) (list []string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		list = append(list, strings.Fields(string(text))...)
	}
	return list
}

// TestNoCoreDumps has servers of a user who is not root: one with a private key can't be dumped, and still does all that
// it does by way of /proc/self, through an upgrade.
func TestNoCoreDumps(t *testing.T) {
	user := uint32(os.Geteuid())
	o := harness.Options{}
	if user == 0 {
		user = 65534
		id := fmt.Sprint(user)
		o.Wrap = []string{harness.Tool(t, "setpriv"), "--reuid", id, "--regid", id, "--clear-groups", "--inh-caps=-all"}
	}
	dir, err := os.MkdirTemp("", "observe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ca := certtest.NewCA(t, "Test CA")
	certificate, key := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}}).WritePair(t, dir, "server")
	root := filepath.Join(dir, "root")
	for _, file := range []string{"page", "dynamic/m"} {
		harness.WriteFile(t, filepath.Join(root, file), make([]byte, 1<<20))
	}
	for _, file := range []string{dir, certificate, key} {
		if err := os.Chown(file, int(user), -1); err != nil {
			t.Fatal(err)
		}
	}
	https := []string{"--listen-tls", "127.0.0.1:0", "--certificate", certificate, "--key", key, "--admin", "127.0.0.1:0"}

	if s := harness.StartServe(t, o, root); owner(t, fmt.Sprint(s.PID())) != user {
		t.Error("a server without private keys can't be dumped")
	}
	wanted := o
	wanted.Env = []string{"GOTRACEBACK=crash"}
	if s := harness.StartServe(t, wanted, root, https...); owner(t, fmt.Sprint(s.PID())) != user ||
		!strings.Contains(s.Output(), "warning: GOTRACEBACK=crash: core dumps") {
		t.Error("GOTRACEBACK=crash does not allow core dumps, with a warning")
	}
	s := harness.StartServe(t, o, root, append(https, "--supervise")...)
	for worker := 1; worker <= 2; worker++ {
		admin := s.Says(t, `admin at (http://\S+)`, worker)[1]
		c := newHTTPSClients(s.Says(t, `listening at https://(\S+)/`, worker)[1], ca)
		if worker == 2 {
			s.Says(t, `drained after`, 1) // the first one has ended
		}
		pids := children(t, s.PID())
		if len(pids) == 0 {
			t.Fatalf("worker %d is not there", worker)
		}
		for _, pid := range pids {
			if owner(t, pid) != 0 {
				t.Errorf("worker %d can be dumped", worker)
			}
		}
		c.get(t, "/page", nil)
		c.get(t, "/dynamic/m", nil)
		text := fetch(t, admin+"metrics")
		for _, name := range []string{"process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"} {
			if len(linesWith(text, name+" ")) != 1 {
				t.Errorf("worker %d: there is no %s", worker, name)
			}
		}
		if worker == 1 {
			s.Signal(t, syscall.SIGHUP)
		}
	}
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
