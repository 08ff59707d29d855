package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// patience is how long one run of a client may take, on a slow and busy machine.
const patience = 3 * time.Minute

// lab is the server that all clients fetch from, and the directory of one of them.
type lab struct {
	*testing.T
	server *harness.HTTPS
	root   string // what the server serves
	log    string
	name   string // the client's directories are /NAME/ and /dynamic/NAME/
	work   string // the client's current directory
	base   int    // the server's sockets when nobody is connected
}

// clientTests are all clients, with the programs that they need and the packages that have them.
var clientTests = []struct {
	name  string
	heavy bool
	needs map[string]string
	test  func(l *lab)
}{
	{"curl", false, map[string]string{"curl": "curl"}, testCurl},
	{"wget", false, map[string]string{"wget": "wget"}, testWget},
	{"aria2c", false, map[string]string{"aria2c": "aria2"}, testAria2},
	{"lftp", false, map[string]string{"lftp": "lftp"}, testLftp},
	{"axel", false, map[string]string{"axel": "axel"}, testAxel},
	{"zsync", false, map[string]string{"zsync": "zsync", "zsyncmake": "zsync"}, testZsync},
	{"git", false, map[string]string{"git": "git"}, testGit},
	{"apt", false, map[string]string{"apt-get": "apt", "dpkg-deb": "dpkg", "apt-ftparchive": "apt-utils"}, testApt},
	{"rclone", false, map[string]string{"rclone": "rclone"}, testRclone},
	{"linkchecker", false, map[string]string{"linkchecker": "linkchecker"}, testLinkchecker},
	{"ffmpeg", true, map[string]string{"ffmpeg": "ffmpeg"}, testFfmpeg},
	{"mpv", true, map[string]string{"mpv": "mpv", "ffmpeg": "ffmpeg"}, testMpv},
	{"chromium", true, map[string]string{"chromium": "chromium", "ffmpeg": "ffmpeg"}, testChromium},
	{"chromium-http2", true, map[string]string{"chromium": "chromium", "ffmpeg": "ffmpeg"}, testChromiumHTTP2},
}

// TestClients runs all clients against one server, one after the other, as they would meet it: it has
// served the others before, and they have left it in the middle of transfers.
func TestClients(t *testing.T) {
	root, logs := t.TempDir(), t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "alive"), []byte("alive"))
	if err := os.MkdirAll(filepath.Join(root, "dynamic"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(logs, "log")
	server := harness.StartHTTPS(t, harness.Options{}, root, "--list", "--log", log)
	before := server.Descriptors(t)
	for _, c := range clientTests {
		t.Run(c.name, func(t *testing.T) {
			for program, pkg := range c.needs {
				need(t, program, pkg, c.heavy)
			}
			l := &lab{T: t, server: server, root: root, log: log, name: c.name, work: t.TempDir(), base: before["socket"]}
			started := time.Now()
			c.test(l)
			l.settled()
			responses := l.responses()
			for _, a := range responses[max(0, len(responses)-6):] {
				t.Log(a.line)
			}
			fmt.Printf("clients: %s: %d responses logged, %.1f s: %s\n", c.name, len(responses), time.Since(started).Seconds(), l.statuses())
		})
	}
	harness.Eventually(t, patience, "the server has as many descriptors as at first", func() error {
		if now := server.Descriptors(t); total(now) > total(before) {
			return harness.Errorf("%d, and %d at first: %v, %v", total(now), total(before), now, before)
		}
		return nil
	})
	fmt.Printf("clients: the server has %d descriptors, as at first\n", total(before))
	if status := server.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func total(kinds map[string]int) (n int) {
	for _, count := range kinds {
		n += count
	}
	return n
}

var updateOnce = sync.OnceValue(func() error {
	return exec.Command("apt-get", "update").Run()
})

// need finds a program, or installs the package that has it, or skips the test.
func need(t *testing.T, program, pkg string, heavy bool) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Geteuid() != 0 || heavy && (testing.Short() || os.Getenv("AWS_CLIENTS") != "all") {
		t.Skipf("%s is not installed (package %s)", program, pkg)
	}
	if err := updateOnce(); err != nil {
		t.Skipf("%s is not installed (package %s), and apt-get update fails: %v", program, pkg, err)
	}
	install := exec.Command("apt-get", "install", "-y", "--no-install-recommends", pkg)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := install.CombinedOutput(); err != nil {
		t.Skipf("%s can't be installed (package %s): %v\n%.2000s", program, pkg, err, output)
	}
}

// url is the address of something in the client's static directory; dynamicURL in its dynamic one.
func (l *lab) url(path string) string {
	return fmt.Sprintf("http://%s/%s/%s", l.server.Plain, l.name, path)
}

func (l *lab) dynamicURL(path string) string {
	return fmt.Sprintf("http://%s/dynamic/%s/%s", l.server.Plain, l.name, path)
}

// both calls test for a file in the static directory, and for one in the dynamic directory.
func (l *lab) both(name string, content []byte, test func(url, path string)) {
	l.serve(name, content)
	harness.WriteFile(l, filepath.Join(l.root, "dynamic", l.name, name), content)
	l.stamp(filepath.Join(l.root, "dynamic", l.name, name))
	test(l.url(name), "/"+l.name+"/"+name)
	test(l.dynamicURL(name), "/dynamic/"+l.name+"/"+name)
}

// serve puts a file into the static directory and returns its path on disk.
func (l *lab) serve(name string, content []byte) string {
	path := filepath.Join(l.root, l.name, name)
	harness.WriteFile(l, path, content)
	l.stamp(path)
	return path
}

// modified is when the served files were changed: long ago, and not on a full second.
var modified = time.Date(2022, 3, 4, 5, 6, 7, 800_000_000, time.UTC)

func (l *lab) stamp(path string) {
	if err := os.Chtimes(path, modified, modified); err != nil {
		l.Fatal(err)
	}
}

// client runs a program in the client's directory, with nothing of this user's settings, and returns what it
// prints and its exit status.
func (l *lab) client(program string, args ...string) (output string, status int) {
	l.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = l.work
	command.Env = l.env()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	text, err := command.CombinedOutput()
	if ctx.Err() != nil {
		l.Fatalf("%s %q has not ended within %v:\n%s", program, args, patience, text)
	}
	if err != nil && command.ProcessState == nil {
		l.Fatalf("%s: %v", program, err)
	}
	return string(text), command.ProcessState.ExitCode()
}

func (l *lab) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + l.work, "TMPDIR=" + l.work, "LANG=C.UTF-8", "TZ=UTC", "no_proxy=*",
		"XDG_RUNTIME_DIR=" + l.work, "XDG_CONFIG_HOME=" + l.work, "XDG_CACHE_HOME=" + l.work, "GIT_CONFIG_NOSYSTEM=1", "DEBIAN_FRONTEND=noninteractive",
	}
}

// must runs a program that has to succeed.
func (l *lab) must(program string, args ...string) string {
	l.Helper()
	output, status := l.client(program, args...)
	if status != 0 {
		l.Fatalf("%s %q: exit status %d:\n%.5000s", program, args, status, output)
	}
	return output
}

// same fails the test unless a file in the client's directory has the content.
func (l *lab) same(name string, want []byte) {
	l.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.work, name)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		l.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		l.Fatalf("%s has %d bytes, wanted %d; they differ from byte %d on", name, len(got), len(want), at)
	}
}

// put writes a file into the client's directory.
func (l *lab) put(name string, content []byte) string {
	path := filepath.Join(l.work, name)
	harness.WriteFile(l, path, content)
	return path
}

// logged is a line of the server's log.
type logged struct {
	status         int
	method, target string
	values         map[string]string // what is said as name=value or name="value"
	flags          string            // what is said in a word
	line           string
}

// caughtUp counts the requests by which a test knows how far the log is.
var caughtUp int

// catchUp waits until the log has all that the server has answered: it is written a while later. The second
// request begins when the log has the first, and with it all that another loop was about to say then.
func (l *lab) catchUp() {
	l.Helper()
	for range 2 {
		caughtUp++
		target := fmt.Sprintf("/alive?%d", caughtUp)
		l.alive(target)
		harness.Eventually(l, patience, "the log has "+target, func() error {
			text, err := os.ReadFile(l.log)
			if err == nil && !bytes.Contains(text, []byte(`"`+target+`"`)) {
				err = harness.Errorf("it has %d bytes", len(text))
			}
			return err
		})
	}
}

// responses returns what the server has logged of the client's directories.
func (l *lab) responses() (list []logged) {
	l.Helper()
	l.catchUp()
	text, err := os.ReadFile(l.log)
	if err != nil {
		l.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		a, ok := parseLogged(strings.TrimSuffix(line, "\n"))
		if !ok {
			l.Fatalf("log line %q", line)
		}
		if strings.HasPrefix(a.target, "/"+l.name+"/") || strings.HasPrefix(a.target, "/dynamic/"+l.name+"/") {
			list = append(list, a)
		}
	}
	return list
}

func parseLogged(line string) (a logged, ok bool) {
	a.line, a.values = line, map[string]string{}
	status, rest, ok := strings.Cut(line, " ")
	if !ok {
		return a, false
	}
	a.status, _ = strconv.Atoi(status)
	if a.method, rest, ok = strings.Cut(rest, " "); !ok {
		return a, false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return a, false
	}
	a.target, _ = strconv.Unquote(quoted)
	rest = rest[len(quoted):]
	for rest = strings.TrimPrefix(rest, " "); rest != ""; rest = strings.TrimPrefix(rest, " ") {
		word, _, _ := strings.Cut(rest, " ")
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			a.flags += word + " "
			rest = rest[len(word):]
			continue
		}
		rest = rest[len(name)+1:]
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			value, _ = strconv.Unquote(quoted)
			rest = rest[len(quoted):]
		} else {
			rest = rest[len(value):]
		}
		a.values[name] = value
	}
	return a, true
}

// mark returns how many responses have been logged, for since.
func (l *lab) mark() int { return len(l.responses()) }

// since waits until a response that has been logged after the mark satisfies want, and returns the responses
// after the mark.
func (l *lab) since(mark int, what string, want func(a *logged) bool) (list []logged) {
	l.Helper()
	harness.Eventually(l, 30*time.Second, "the log has "+what, func() error {
		list = l.responses()[mark:]
		for i := range list {
			if want(&list[i]) {
				return nil
			}
		}
		var lines []string
		for _, a := range list {
			lines = append(lines, a.line)
		}
		return harness.Errorf("it has\n%.3000s", strings.Join(lines, "\n"))
	})
	return list
}

// has returns a condition for since: a target with a status, and values that begin as given.
func has(status int, target string, values ...string) func(a *logged) bool {
	return func(a *logged) bool {
		if a.status != status || a.target != target {
			return false
		}
		for i := 0; i+1 < len(values); i += 2 {
			if !strings.HasPrefix(a.values[values[i]], values[i+1]) {
				return false
			}
		}
		return true
	}
}

// statuses counts the client's responses by status.
func (l *lab) statuses() string {
	counts := map[int]int{}
	aborted := 0
	for _, a := range l.responses() {
		counts[a.status]++
		if strings.Contains(a.flags, "aborted") {
			aborted++
		}
	}
	return fmt.Sprintf("by status %v, %d aborted", counts, aborted)
}

// settled fails the test unless the server lives, serves, and has let go of all that the client has left.
func (l *lab) settled() {
	l.Helper()
	if !l.server.Running() {
		l.Fatalf("the server is gone:\n%s", l.server.Output())
	}
	l.alive("/alive")
	harness.Eventually(l, patience, "the server has closed what the client has left", func() error {
		if n := l.server.Descriptors(l)["socket"]; n > l.base {
			return harness.Errorf("%d sockets, %d at first", n, l.base)
		}
		return nil
	})
}

// alive fails the test unless the server answers over a new connection.
func (l *lab) alive(target string) {
	l.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Get("http://" + l.server.Plain + target)
	if err != nil {
		l.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || string(body) != "alive" {
		l.Errorf("the server answers %s %q, %v", response.Status, body, err)
	}
}
