package reload

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// served waits until an address serves a file.
func served(t *testing.T, address string) {
	t.Helper()
	harness.Eventually(t, time.Minute, "the server serves", func() error {
		response, err := http.Get("http://" + address + "/a")
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != 200 {
			return harness.Errorf("%s", response.Status)
		}
		return nil
	})
}

// TestEndInAStorm sends SIGTERM in a storm of SIGHUP: it is not lost.
func TestEndInAStorm(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("a"))
	for range 8 {
		server := harness.StartServe(t, harness.Options{}, root, "--supervise")
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					_ = syscall.Kill(server.PID(), syscall.SIGHUP)
					_ = syscall.Kill(server.PID(), syscall.SIGUSR1)
				}
			}
		}()
		time.Sleep(20 * time.Millisecond) // the storm is on
		status := server.Stop(t)
		close(stop)
		<-stopped
		if status != 0 {
			t.Errorf("status %d", status)
		}
	}
}

// TestNobodyReadsTheMessages fills the pipe of the standard error, which nobody reads: a worker that is killed is replaced,
// and SIGTERM ends the server.
func TestNobodyReadsTheMessages(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("a"))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }()
	fd := int(write.Fd()) // which makes it block, each time it is called
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; { // fill it
		_, err = syscall.Write(fd, make([]byte, 4096))
	}
	for err = nil; err == nil; {
		_, err = syscall.Write(fd, []byte{'x'})
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	command := exec.Command(harness.AWS(t), "serve", root, "--listen", address, "--supervise", "--log-level", "debug")
	command.Stderr = write
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	served(t, address)
	workers := harness.Children(t, command.Process.Pid)
	if len(workers) != 1 {
		t.Fatalf("workers %v", workers)
	}
	if err := syscall.Kill(workers[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	served(t, address)
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		_ = command.Process.Kill()
		t.Error("SIGTERM did not end the server")
	}
}

// freeAddress returns an address of the loopback at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	server := harness.StartServe(t, harness.Options{}, t.TempDir())
	if status := server.Stop(t); status != 0 {
		t.Fatalf("status %d", status)
	}
	return server.Address
}

// TestUpgradeByLink switches a symbolic link to another version of the program, and moves the program that was started
// aside: the worker that comes is of the new version, and the message says so.
func TestUpgradeByLink(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("a"))
	own := harness.AWS(t)
	put := func(from, to string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	daemons := map[string]string{"1": harness.Daemon(own), "2": harness.Daemon(build(t, "v2")), "3": harness.Daemon(build(t, "v3"))}
	for name, daemon := range daemons {
		put(own, filepath.Join(dir, name, "aws"))
		put(daemon, filepath.Join(dir, name, "awsd"))
	}
	for _, program := range []string{"aws", "awsd"} {
		link := filepath.Join(dir, program)
		_ = os.Remove(link)
		harness.Symlink(t, "1/"+program, link)
		server := harness.Start(t, harness.Options{Path: link, Args: []string{"serve", root, "--listen", "127.0.0.1:0", "--supervise"}})
		harness.Symlink(t, "2/"+program, link+".new")
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
		server.Signal(t, syscall.SIGUSR2)
		server.Says(t, `worker \d+ serves, worker \d+ drains; the worker is version v2, the supervisor`, 1)
		served(t, server.Address)
		// The link itself is moved aside, and a program put in its place.
		if err := os.Rename(link, link+".old"); err != nil {
			t.Fatal(err)
		}
		put(filepath.Join(dir, "3", program), link)
		put(filepath.Join(dir, "3", "awsd"), filepath.Join(dir, "awsd"))
		server.Signal(t, syscall.SIGUSR2)
		server.Says(t, `worker \d+ serves, worker \d+ drains; the worker is version v3, the supervisor`, 1)
		if status := server.Stop(t); status != 0 {
			t.Errorf("%s: status %d", program, status)
		}
		_ = os.Remove(filepath.Join(dir, "awsd"))
	}
}

// TestWithoutProc takes /proc away: the server says what it can't do, and serves.
func TestWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a mount namespace")
	}
	if out, err := exec.Command("unshare", "-m", "umount", "-l", "/proc").CombinedOutput(); err != nil {
		t.Skipf("/proc can't be taken away: %v: %s", err, out)
	}
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("a"))
	harness.WriteFile(t, filepath.Join(root, "dynamic/a"), []byte("a"))
	wrap := []string{"unshare", "-m", "sh", "-c", `umount -l /proc && exec "$@"`, "sh"}
	for _, args := range [][]string{nil, {"--supervise"}, {"--admin", "127.0.0.1:0"}} {
		server := harness.StartServe(t, harness.Options{Wrap: wrap}, root, args...)
		server.Says(t, "there is no /proc", 1)
		served(t, server.Address)
		if status := server.Stop(t); status != 0 {
			t.Errorf("%q: status %d\n%s", args, status, server.Output())
		}
	}
}
