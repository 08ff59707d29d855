package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"
)

// TestSecretsOfProcesses has another process of the same user try to read what supervisor and worker hold: it can't, from the time on at which
// there are private keys or keys of session tickets, which supervisor and workers share in a file without a name.
func TestSecretsOfProcesses(t *testing.T) {
	var wrap []string
	if os.Geteuid() == 0 { // may read everything, so another user tries
		harness.Tool(t, "setpriv")
		wrap = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"}
	}
	root, aws := newRoot(t), harness.AWS(t)
	dir := filepath.Dir(newRoot(t))
	for name, from := range map[string]string{"aws": aws, "awsd": harness.Daemon(aws)} {
		program, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), program, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	certificate, key := certtest.NewCA(t, "root").Issue(t, certtest.Template{Hosts: []string{"localhost"}}).WritePair(t, dir, "server")
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chown(certificate, 65534, 65534), os.Chown(key, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "aws.toml")
	plain := fmt.Sprintf("listen = [\"127.0.0.1:0\"]\nroot = %q\nsupervise = true\n", root)
	https := plain + fmt.Sprintf("certificate = [%q]\nkey = [%q]\n", certificate, key)
	write := func(text string) {
		harness.WriteFile(t, config, []byte(text))
		if err := os.Chmod(config, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	readable := func(what string, want bool, pids ...string) {
		t.Helper()
		for _, pid := range pids {
			argv := append(append([]string{}, wrap...), "ls", "/proc/"+pid+"/fd")
			output, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if (err == nil) != want || !want && !strings.Contains(string(output), "Permission denied") {
				t.Errorf("%s, process %s: %v, %s", what, pid, err, output)
			}
		}
	}
	for _, first := range []string{plain, https} {
		write(first)
		s := harness.Start(t, harness.Options{Wrap: wrap, Path: filepath.Join(dir, "aws"), Args: []string{"serve", "--config", config}})
		children := harness.Children(t, s.PID())
		if len(children) != 1 {
			t.Fatalf("workers: %v", children)
		}
		supervisor, worker := fmt.Sprint(s.PID()), fmt.Sprint(children[0])
		readable("at the start", first == plain, supervisor, worker)
		write(https)
		s.Signal(t, syscall.SIGHUP)
		readable("after a reload", false, s.Says(t, `worker (\d+) serves, worker \d+ drains`, 1)[1], supervisor)
		if status := s.Stop(t); status != 0 {
			t.Errorf("status %d", status)
		}
	}
}
