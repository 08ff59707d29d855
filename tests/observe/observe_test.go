package observe

import (
	"encoding/json"
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

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"
)

const patience = 20 * time.Second

func site(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, "dynamic"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"page": 4000, "dynamic/m": 1 << 20, "dynamic/large": 64 << 20} {
		if err := os.WriteFile(filepath.Join(directory, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// get asks for a path and returns the status and the length of the body.
func get(t *testing.T, address, path string) (int, int64) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, n
}

func lines(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestRotation moves the log away, which the confined process must be able to make again.
func TestRotation(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	s := harness.StartServe(t, harness.Options{}, site(t), "--access-log", log, "--access-log-format", "json")
	get(t, s.Address, "/page")
	harness.Eventually(t, patience, "the first line", func() error {
		if n := len(lines(log)); n != 1 {
			return fmt.Errorf("%d lines", n)
		}
		return nil
	})
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	s.Signal(t, syscall.SIGUSR1)
	harness.Eventually(t, patience, "the new file", func() error { _, err := os.Stat(log); return err })
	get(t, s.Address, "/dynamic/m")
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for file, want := range map[string]string{log + ".1": "/page", log: "/dynamic/m"} {
		list := lines(file)
		if len(list) != 1 {
			t.Fatalf("%s: %q", file, list)
		}
		var line struct {
			Target, Kind string
			Status       int
			Bytes        int64
			Complete     bool
			DurationMs   float64 `json:"duration_ms"`
		}
		if err := json.Unmarshal([]byte(list[0]), &line); err != nil {
			t.Fatal(err)
		}
		if line.Target != want || line.Status != 200 || !line.Complete || line.DurationMs <= 0 || line.Bytes < 4000 {
			t.Errorf("%s: %+v", file, line)
		}
	}
}

// TestLogThatTakesNothing has a log that is full, and one that nobody reads: clients must not notice.
func TestLogThatTakesNothing(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{pipe, "/dev/full"} {
		s := harness.StartServe(t, harness.Options{}, site(t), "--access-log", target)
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		// Responses without a body, of which the log's lines are longer than what the log keeps.
		request := "HEAD /page HTTP/1.1\r\nHost: x\r\nUser-Agent: " + strings.Repeat("a", 4000) + "\r\n\r\n"
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		for range 3000 {
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatalf("%s: %v", target, err)
			}
		}
		if status, _ := get(t, s.Address, "/page"); status != 200 {
			t.Errorf("%s: %d", target, status)
		}
		_ = conn.Close()
		if code := s.Stop(t); code != 0 {
			t.Errorf("%s: exit status %d", target, code)
		}
		if !regexp.MustCompile(`access log .*: \d+ lines were dropped`).MatchString(s.Output()) {
			t.Errorf("%s: nothing is said of lines that were dropped:\n%s", target, s.Output())
		}
	}
}

// TestDrain looks at /readyz while a transfer ends, and at the trace after that.
func TestDrain(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace.json")
	s := harness.StartServe(t, harness.Options{}, site(t), "--admin", "127.0.0.1:0", "--trace-file", trace)
	admin := s.Says(t, `admin at http://(\S+)/`, 1)[1]
	if status, _ := get(t, admin, "/readyz"); status != 200 {
		t.Errorf("/readyz is %d", status)
	}
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /dynamic/large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1000)
	if _, err := io.ReadFull(conn, buf); err != nil {
		t.Fatal(err)
	}
	s.Signal(t, syscall.SIGTERM)
	harness.Eventually(t, patience, "not ready", func() error {
		if status, _ := get(t, admin, "/readyz"); status != 503 {
			return fmt.Errorf("/readyz is %d", status)
		}
		return nil
	})
	if status, _ := get(t, admin, "/healthz"); status != 200 {
		t.Errorf("/healthz is %d", status)
	}
	if n, err := io.Copy(io.Discard, conn); err != nil || n < 64<<20-1000 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if code := s.Wait(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Ph, Name string }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("the trace is not whole: %v", err)
	}
	seen := map[string]int{}
	for _, e := range list {
		if e.Ph == "X" {
			seen[e.Name]++
		}
	}
	for _, name := range []string{"CONN_READING", "CONN_WREADY", "CONN_SENDING", "read", "iteration"} {
		if seen[name] == 0 {
			t.Errorf("no span of %s in the trace: %v", name, seen)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, args := range map[string][]string{
		"--log and --access-log":                     {"--log", "a", "--access-log", "b"},
		"common, combined, json, fields":             {"--access-log-format", "apache", "--access-log", "a"},
		"--admin":                                    {"--admin", "here"},
		"/nowhere/x.log":                             {"--access-log", "/nowhere/x.log"},
		"--trace-file: open /nowhere/trace.json: no": {"--trace-file", "/nowhere/trace.json"},
	} {
		s := harness.Launch(t, harness.Options{Path: harness.AWS(t), Args: append([]string{"serve", site(t), "--listen", "127.0.0.1:0"}, args...)})
		if code := s.Wait(t); code == 0 || !strings.Contains(s.Output(), want) {
			t.Errorf("%v: exit status %d\n%s", args, code, s.Output())
		}
	}
}

// TestUserInTheLog has a user who is known, one who only says so, and nobody, and a name that would like
// to be a line of its own.
func TestUserInTheLog(t *testing.T) {
	dir := t.TempDir()
	log, users := filepath.Join(dir, "access.log"), filepath.Join(dir, "users")
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(users, fmt.Appendf(nil, "ali:%s\nali baba:%s\n", hash, hash), 0o600); err != nil {
		t.Fatal(err)
	}
	s := harness.StartServe(t, harness.Options{}, site(t), "--access-log", log, "--access-log-format", "common", "--auth", "/="+users)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var want []string
	for _, c := range []struct {
		user, password string
		status         int
		want           string
	}{
		{"", "", 401, "-"},
		{"ali", "sesame", 200, "ali"},
		{"ali", "simsim", 401, "-"},
		{"ali baba", "sesame", 200, `ali\x20baba`},
		{"x - - [x] \"GET / HTTP/1.1\" 200 1\n", "sesame", 401, "-"},
		{"ali", "sesame", 200, "ali"},
	} {
		r, _ := http.NewRequest(http.MethodGet, "http://"+s.Address+"/page", nil)
		if c.user != "" {
			r.SetBasicAuth(c.user, c.password)
		}
		a, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, a.Body)
		_ = a.Body.Close()
		if a.StatusCode != c.status {
			t.Errorf("%q: status %d", c.user, a.StatusCode)
		}
		want = append(want, fmt.Sprintf("%s %d", c.want, c.status))
	}
	s.Stop(t)
	line := regexp.MustCompile(`^127\.0\.0\.1 - (\S+) \[[^]]+\] "GET /page HTTP/1\.1" (\d+) \d+$`)
	var got []string
	for _, l := range lines(log) {
		if m := line.FindStringSubmatch(l); m != nil {
			got = append(got, m[1]+" "+m[2])
		} else {
			t.Errorf("an odd line: %s", l)
		}
	}
	slices.Sort(got) // there are two loops, and a response is over when its client has gone
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMessagesAsJSON sees every line of a supervised server be an object, through a reload, and through
// one that is refused.
func TestMessagesAsJSON(t *testing.T) {
	config := filepath.Join(t.TempDir(), "site.toml")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const options = "log-format = \"json\"\nlog-level = \"debug\"\nverbose = true\n"
	write(options)
	s := harness.StartServe(t, harness.Options{}, site(t), "--supervise", "--config", config)
	s.Signal(t, syscall.SIGHUP)
	s.Says(t, "serves, worker", 1)
	write(options + "lisen = 1\n")
	s.Signal(t, syscall.SIGHUP)
	s.Says(t, "stays", 1)
	write(options)
	get(t, s.Address, "/page")
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	levels := map[string]int{}
	for line := range strings.Lines(s.Output()) {
		var record struct {
			Time       time.Time
			Level, Msg string
			Pid        int
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Time.IsZero() || record.Msg == "" || record.Pid == 0 {
			t.Errorf("%v: %s", err, line)
		}
		levels[record.Level]++
	}
	for _, level := range []string{"DEBUG", "INFO", "ERROR"} {
		if levels[level] == 0 {
			t.Errorf("nothing is reported as %s: %v", level, levels)
		}
	}
}
