package reload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// hanging returns a line of a configuration that a worker can't get past, and a supervisor does not look
// at: a file that is a pipe, into which nobody writes.
func (s *stage) hanging() (line, pipe string) {
	s.t.Helper()
	pipe = filepath.Join(s.directory, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("error-page = [\"404=%s\"]", pipe), pipe
}

// launch starts a server that is not expected to listen.
func (s *stage) launch() {
	s.t.Helper()
	s.Server = harness.Launch(s.t, harness.Options{Path: s.program, Args: []string{"serve", "--config", s.config}})
}

// gone waits until processes are no more.
func gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		harness.Eventually(t, deadline, fmt.Sprintf("process %d is gone", pid), func() error {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("%v", err)
			}
			return nil
		})
	}
}

// page asks for the page.
func (s *stage) page() {
	s.t.Helper()
	if _, body, err := get("http://" + s.Address + "/page"); err != nil || body != "page" {
		s.t.Errorf("%q, %v\n%s", body, err, s.Output())
	}
}

// TestEndWhileAWorkerStarts asks the supervisor to end while its first worker, or the one after a reload, hangs
// at the start.
func TestEndWhileAWorkerStarts(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run("first/"+sig.String(), func(t *testing.T) {
			t.Parallel()
			s := prepare(t)
			line, pipe := s.hanging()
			s.configure(line)
			s.launch()
			s.says(`worker \d+: still starting after 1\S*s: reading ` + pipe)
			worker := number(t, s.says(`still starting after 1\S*s: waiting for worker (\d+) to serve`)[1])
			s.Signal(t, sig)
			if status := s.Wait(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
			gone(t, worker)
			if _, err := os.Lstat(s.socket); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket's file: %v", err)
			}
		})
		for _, replace := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR2} {
			t.Run(replace.String()+"/"+sig.String(), func(t *testing.T) {
				t.Parallel()
				s := prepare(t)
				s.configure()
				s.start(harness.Options{})
				line, _ := s.hanging()
				s.configure(line)
				s.Signal(t, replace)
				var pids []int
				harness.Eventually(t, deadline, "two workers", func() error {
					if pids = harness.Children(t, s.PID()); len(pids) != 2 {
						return fmt.Errorf("%v", pids)
					}
					return nil
				})
				s.page() // the one before serves meanwhile
				s.Signal(t, sig)
				if status := s.Wait(t); status != 0 {
					t.Errorf("exit status %d", status)
				}
				gone(t, pids...)
				s.says(`worker \d+ does not serve yet: it is ended`)
			})
		}
	}
}

// TestWorkerThatHangsAtTheStart is given up, and the one before it stays. Who asks for another one meanwhile
// gets it after that.
func TestWorkerThatHangsAtTheStart(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure(`start-timeout = "2s"`)
	s.start(harness.Options{})
	worker := s.worker()
	line, _ := s.hanging()
	s.configure(line)
	s.Signal(t, syscall.SIGHUP)
	s.says(`worker \d+ does not serve yet; it is given up after 2s`)
	s.configure()
	s.Signal(t, syscall.SIGHUP)
	s.says(`worker \d+ is just starting: another one is started after it`)
	s.says(fmt.Sprintf(`worker \d+ did not come to serve within 2s \(--start-timeout\), and is ended: worker %d stays`, worker))
	s.says(fmt.Sprintf(`worker \d+ serves, worker %d drains`, worker))
	s.page()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestConfigurationThatHangs reloads a configuration file that is a pipe, into which nobody writes. The supervisor goes on:
// it gives the reload up, and ends when it is asked to.
func TestConfigurationThatHangs(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure(`start-timeout = "2s"`)
	s.start(harness.Options{})
	worker := s.worker()
	_, pipe := s.hanging()
	if err := os.Rename(pipe, s.config); err != nil {
		t.Fatal(err)
	}
	s.Signal(t, syscall.SIGHUP)
	s.says(fmt.Sprintf(`the reload is refused: the configuration could not be read within 2s \(--start-timeout\): worker %d stays`, worker))
	s.page()
	s.Signal(t, syscall.SIGHUP)
	s.Signal(t, syscall.SIGTERM)
	if status := s.Wait(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestFirstWorkerThatFails ends the supervisor, with the worker's status.
func TestFirstWorkerThatFails(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{`header = ["none"]`: 2, `auth = ["/=/nonexistent"]`: 1} {
		s := prepare(t)
		s.configure(line)
		s.launch()
		if status := s.Wait(t); status != want {
			t.Errorf("%s: exit status %d, want %d", line, status, want)
		}
		s.says(`worker \d+ did not come to serve \(exit status \d\)`)
		if _, err := os.Lstat(s.socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket's file: %v", err)
		}
	}
}

// TestWorkerThatDies is replaced, at once the first time and then ever more slowly.
func TestWorkerThatDies(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure()
	s.start(harness.Options{})
	for i, when := range []string{"at once", "in 1s", "in 2s"} {
		worker := s.worker()
		if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.says(fmt.Sprintf(`worker %d ended by itself \(signal: killed\): another one is started %s`, worker, when))
		s.Says(s.t, `worker \d+ serves\n`, i+1)
		s.page()
	}
	if err := syscall.Kill(s.worker(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.says("is started in 4s")
	s.Signal(t, syscall.SIGHUP) // which does not wait
	s.Says(s.t, `worker \d+ serves\n`, 4)
	s.page()
	if n := strings.Count(s.Output(), "running as root"); os.Geteuid() == 0 && n != 1 {
		t.Errorf("it warns %d times of being root", n)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// hang makes every loop stand still that uses sendfile, until the function that it returns is called, and
// sends requests until one loop does.
func (s *stage) hang() (end func()) {
	s.t.Helper()
	flag := filepath.Join(s.directory, "hang")
	harness.WriteFile(s.t, flag, nil)
	conn, err := net.DialTimeout("tcp", s.Address, deadline)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		_ = conn.Close()
		if err := os.Remove(flag); err != nil {
			s.t.Error(err)
		}
	}
}

// startToHang starts a server whose loops can be made to hang.
func (s *stage) startToHang(env ...string) {
	s.t.Helper()
	harness.WriteFile(s.t, filepath.Join(s.directory, "root", "large"), make([]byte, 1<<20))
	s.start(harness.Options{
		Preload: harness.Build(s.t).Hang,
		Env:     append(env, "AWS_HANG="+filepath.Join(s.directory, "hang")),
	})
}

// TestWorkerWhoseLoopsHang is reported, ended and replaced.
func TestWorkerWhoseLoopsHang(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure()
	s.startToHang()
	worker := s.worker()
	end := s.hang()
	s.says(fmt.Sprintf(`worker %d: its loops have not turned for 3s`, worker))
	s.says(fmt.Sprintf(`worker %d: its loops have not turned for 10s, and it is ended`, worker))
	s.says(fmt.Sprintf(`worker %d ended by itself`, worker))
	s.says(`worker \d+ serves\n`)
	end()
	if !strings.Contains(s.Output(), "SIGQUIT") {
		t.Error("the worker has not said where it was")
	}
	s.page()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestEndOfAWorkerThatHangs is not waited for longer than a drain may take, and a bit.
func TestEndOfAWorkerThatHangs(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure(`drain-timeout = "1s"`)
	s.startToHang()
	worker := s.worker()
	defer s.hang()()
	s.says(fmt.Sprintf(`worker %d: its loops have not turned for 3s`, worker))
	s.Signal(t, syscall.SIGTERM)
	if status := s.Wait(t); status != 1 {
		t.Errorf("exit status %d, want 1: not all ended well", status)
	}
	gone(t, worker)
	s.says(fmt.Sprintf(`worker %d has not ended 6s after it was asked to, and is killed`, worker))
}

// manager is what systemd is to a service that notifies (sd_notify(3)).
type manager struct {
	*net.UnixConn
	env []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{conn, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=600000"}}
}

// hears waits for a message that contains a text.
func (m *manager) hears(t *testing.T, want string) {
	t.Helper()
	end := time.Now().Add(deadline)
	for {
		text, err := m.next(end)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if strings.Contains(text, want) {
			return
		}
	}
}

func (m *manager) next(end time.Time) (string, error) {
	buf := make([]byte, 4096)
	_ = m.SetReadDeadline(end)
	n, err := m.Read(buf)
	return string(buf[:n]), err
}

// silent waits until nothing has been heard for five times as long as the watchdog waits.
func (m *manager) silent(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(deadline); ; {
		if _, err := m.next(time.Now().Add(3 * time.Second)); err != nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the watchdog does not lapse")
		}
	}
}

// TestWatchdog lapses while the loops do not iterate, of a worker and of a server without a supervisor; and it is
// systemd that has to act, not the supervisor.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	for _, supervise := range []bool{true, false} {
		t.Run(fmt.Sprintf("supervise=%v", supervise), func(t *testing.T) {
			t.Parallel()
			s, m := prepare(t), newManager(t)
			s.configure()
			if !supervise {
				text, err := os.ReadFile(s.config)
				if err != nil {
					t.Fatal(err)
				}
				harness.WriteFile(t, s.config, []byte(strings.Replace(string(text), "supervise = true", "", 1)))
			}
			s.startToHang(m.env...)
			m.hears(t, "READY=1")
			m.hears(t, "WATCHDOG=1")
			end := s.hang()
			m.silent(t)
			if supervise {
				s.says("its loops have not turned for 10s; systemd's watchdog is not notified any more")
			} else {
				s.says("the loops do not iterate, for .* the watchdog is not notified any more")
			}
			end()
			m.hears(t, "WATCHDOG=1")
			if supervise {
				s.says("its loops iterate again")
				s.Signal(t, syscall.SIGHUP)
				m.hears(t, "RELOADING=1")
				m.hears(t, "READY=1")
				m.hears(t, "WATCHDOG=1")
			}
			s.Signal(t, syscall.SIGTERM)
			m.hears(t, "STOPPING=1")
			if status := s.Wait(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// inode returns the number of a file.
func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}

// TestUnixSocketFile stays while workers come and go, is somebody's while somebody listens, is replaced when
// its server has been killed, and is removed when it ends.
func TestUnixSocketFile(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure()
	s.start(harness.Options{})
	was := inode(t, s.socket)
	s.Signal(t, syscall.SIGHUP)
	s.replaced()
	s.worker() // the one before is gone
	if now := inode(t, s.socket); now != was {
		t.Error("after a reload it is another file")
	}
	r := bufio.NewReader(s.unixConn())
	for _, args := range [][]string{{"--supervise=false"}, {"--supervise"}} {
		other := harness.Launch(t, harness.Options{Path: s.program, Args: append([]string{"serve", "--config", s.config}, args...)})
		if status := other.Wait(t); status != 1 || !strings.Contains(other.Output(), "somebody listens there") {
			t.Errorf("%s, while somebody listens: exit status %d, %s", args, status, other.Output())
		}
	}
	if now := inode(t, s.socket); now != was {
		t.Error("after others have tried it is another file")
	}
	worker := s.worker()
	s.Signal(t, syscall.SIGKILL)
	gone(t, worker) // it ends when its supervisor does
	s.says(fmt.Sprintf(`worker %d: the supervisor is gone`, worker))
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection of a server that has ended: %v", err)
	}
	_ = inode(t, s.socket) // it is left
	for _, args := range []string{"--supervise", "--supervise=false"} {
		s.start(harness.Options{}, args)
		conn := s.unixConn()
		if _, err := io.WriteString(conn, "GET /page HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(text), "\r\n\r\npage") {
			t.Errorf("%q, %v", text, err)
		}
		if status := s.Stop(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
		if _, err := os.Lstat(s.socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the file of a server that has ended: %v", args, err)
		}
	}
}

// TestDrainProgress has an idle connection and one whose client takes nothing for a while, or at all.
func TestDrainProgress(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"serve", "supervised", "drop-in"} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/cut=%v", mode, cut), func(t *testing.T) {
				t.Parallel()
				s := prepare(t)
				size := int64(64 << 20)
				large := filepath.Join(s.directory, "root", "static", "large")
				harness.WriteFile(t, large, nil)
				if err := os.Truncate(large, size); err != nil {
					t.Fatal(err)
				}
				s.configure()
				limit := "30s"
				if cut {
					limit = "3s"
				}
				switch mode {
				case "drop-in":
					s.Server = harness.StartAWS(t, filepath.Join(s.directory, "root"), harness.Options{Path: s.program})
				case "serve":
					s.start(harness.Options{}, "--supervise=false", "--drain-timeout", limit, "--defer-accept=false", "--loops", "1")
				default:
					s.start(harness.Options{}, "--drain-timeout", limit, "--defer-accept=false", "--loops", "1")
				}
				// One loop accepts them in their order: when the second has a response, the first is there, too.
				idle, err := net.Dial("tcp", s.Address)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = idle.Close() }()
				busy, err := net.Dial("tcp", s.Address)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = busy.Close() }()
				if _, err := io.WriteString(busy, "GET /static/large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				response, err := http.ReadResponse(bufio.NewReader(busy), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = response.Body.Close() }()
				s.Signal(t, syscall.SIGTERM)
				s.says(`draining: 2 connections \(1 sending, 1 idle\), until \d\d:\d\d:\d\d at the latest`)
				if cut {
					s.says(`1 connection cut off after \d+\.\d s`)
				} else {
					s.says(`draining: 1 connection \(1 sending\), until`)
					if n, err := io.Copy(io.Discard, response.Body); err != nil || n != size {
						t.Errorf("%d bytes, %v", n, err)
					}
				}
				if status := s.Wait(t); status != 0 {
					t.Errorf("exit status %d", status)
				}
				if ok := regexp.MustCompile(`drained after \d+\.\d s`).MatchString(s.Output()); ok == cut {
					t.Errorf("drained: %v", ok)
				}
			})
		}
	}
}

// TestSlowStart reads a configuration that is a pipe.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	_, pipe := s.hanging()
	s.config = pipe
	s.launch()
	s.says(`still starting after 1\S*s: reading ` + pipe)
	text := fmt.Sprintf("listen = [\"127.0.0.1:0\"]\nroot = %q\n", filepath.Join(s.directory, "root"))
	if err := os.WriteFile(pipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Address = s.says(`listening at http://(\S+)/`)[1]
	s.page()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestWhatTakesARestart is reported by a reload that finds it changed, with its line.
func TestWhatTakesARestart(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure()
	s.start(harness.Options{})
	lines := []string{
		`loops = 7`, `defer-accept = false`, `supervise = false`, `start-timeout = "7s"`, `log-level = "debug"`,
		`list = true`, `drain-timeout = "7s"`, fmt.Sprintf("root = %q", filepath.Join(s.directory, "root")),
		`listen = ["127.0.0.1:0"]`,
	}
	harness.WriteFile(t, s.config, []byte(strings.Join(lines, "\n")+"\n"))
	s.Signal(t, syscall.SIGHUP)
	s.replaced()
	for i, line := range lines {
		reported := regexp.MustCompile(regexp.QuoteMeta(line) + ` takes a restart: it stays .* \(` + regexp.QuoteMeta(s.config) + fmt.Sprintf(`:%d\)`, i+1)).MatchString(s.Output())
		if reported != (i < 5) {
			t.Errorf("%s: reported %v", line, reported)
		}
	}
	s.worker()
	s.page() // at the address of the start
	if _, body, err := get("http://" + s.Address + "/"); err != nil || !strings.Contains(body, "page") {
		t.Errorf("no listing after the reload: %q, %v", body, err)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestSignalsOfAGroup come from a terminal, for all processes at once.
func TestSignalsOfAGroup(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	s.configure()
	s.start(harness.Options{})
	for _, pid := range append(harness.Children(t, s.PID()), s.PID()) {
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	s.replaced()
	pids := append(slices.Clone(harness.Children(t, s.PID())), s.PID())
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	if status := s.Wait(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, text := range []string{"ended by itself", "nothing is changed"} {
		if strings.Contains(s.Output(), text) {
			t.Errorf("it says %q:\n%s", text, s.Output())
		}
	}
}
