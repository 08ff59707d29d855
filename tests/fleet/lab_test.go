package fleet

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// The addresses of the files in contrib/fleet, and one for the clients.
const (
	edgeAddress   = "192.0.2.1"
	clientAddress = "192.0.2.100"
	cacheAddress  = edgeAddress + ":80"
	webAddress    = edgeAddress + ":8080"
)

// replicas is how many replicas contrib/fleet has.
const replicas = 3

// deadline is only reached by a broken fleet.
const deadline = time.Minute

func TestMain(m *testing.M) { harness.Main(m) }

// replica is one aws of the fleet.
type replica struct {
	*harness.Server
	space   *namespace
	name    string // of the server in haproxy.cfg, and of the link
	address string
	root    string
	program string // which an upgrade replaces
}

// lab is a running fleet.
type lab struct {
	t         *testing.T
	site      *harness.Site
	directory string // contrib/fleet
	run       string // where HAProxy and Varnish have their sockets
	flags     []string
	edge      *namespace
	client    *namespace
	replicas  []*replica
	haproxy   *harness.Server
	varnish   *harness.Server
}

// newLab starts a fleet with further flags for its replicas, and waits until all of it serves.
func newLab(t *testing.T, flags ...string) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	for _, tool := range []string{"ip", "nsenter", "haproxy", "varnishd"} {
		harness.Tool(t, tool)
	}
	l := &lab{
		t: t, site: newSite(t), flags: flags, directory: filepath.Join(harness.Root(t), "contrib", "fleet"),
		edge: newNamespace(t), client: newNamespace(t),
	}
	connect(t, "client", l.edge, edgeAddress, l.client, clientAddress)
	for i := range replicas {
		l.replicas = append(l.replicas, l.newReplica(i))
	}
	// Both have their sockets and files below a directory of the test. Varnish's processes have users of their own.
	run, err := os.MkdirTemp("", "aws-fleet-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	l.run = run
	if err := os.Chmod(run, 0o755); err != nil {
		t.Fatal(err)
	}
	l.haproxy = harness.Launch(t, harness.Options{
		Wrap: l.edge.wrap(), Path: "haproxy", Args: []string{"-db", "-f", filepath.Join(l.directory, "haproxy.cfg")},
		Env: []string{"FLEET_RUN=" + run, "FLEET_LOG=stdout"},
	})
	for _, r := range l.replicas {
		l.waitState(r, "UP")
	}
	l.varnish = harness.Launch(t, harness.Options{
		Wrap: l.edge.wrap(), Path: "varnishd", Args: []string{
			"-F", "-n", filepath.Join(run, "varnish"), "-a", cacheAddress, "-f", filepath.Join(l.directory, "default.vcl"),
			"-s", "malloc,64m", "-p", "http_gzip_support=off", "-p", "nuke_limit=10000",
		},
	})
	harness.Eventually(t, deadline, "Varnish serves", func() error {
		if !l.varnish.Running() {
			t.Fatal("Varnish has ended")
		}
		response, err := l.client.get("http://" + cacheAddress + "/static/one")
		if err == nil && response.StatusCode != http.StatusOK {
			err = errors.New(response.Status)
		}
		return err
	})
	return l
}

const (
	// film is a file that the buffers of sockets and proxies cannot hold.
	film      = "static/film"
	filmBytes = 64 << 20

	smallFiles = 80
)

// close ends HAProxy and Varnish. Otherwise each replica would wait at the end of the test for connections that they keep, and
// Varnish's worker process takes seconds to notice that its manager was killed.
func (l *lab) close() {
	for _, s := range []*harness.Server{l.varnish, l.haproxy} {
		if s.Running() {
			s.Stop(l.t)
		}
	}
}

// newSite makes the files. Those of harness.NewSite are written within the current second, and have no Last-Modified.
func newSite(t *testing.T) *harness.Site {
	t.Helper()
	site := harness.NewSite(t)
	for i := range smallFiles {
		site.Add(t, fmt.Sprintf("static/small-%d", i), harness.Content(2<<10, uint64(1000+i)))
	}
	site.Add(t, film, make([]byte, filmBytes))
	old := time.Now().Add(-time.Hour)
	for _, path := range site.Paths {
		if err := os.Chtimes(filepath.Join(site.Root, path), old, old); err != nil {
			t.Fatal(err)
		}
	}
	return site
}

// newReplica makes a namespace with a replica, which has a copy of the files and of the programs.
func (l *lab) newReplica(i int) *replica {
	l.t.Helper()
	directory := l.t.TempDir()
	r := &replica{
		space: newNamespace(l.t), name: fmt.Sprintf("replica%d", i+1), address: fmt.Sprintf("192.0.2.%d", 11+i),
		root: filepath.Join(directory, "root"), program: filepath.Join(directory, "aws"),
	}
	connect(l.t, r.name, l.edge, edgeAddress, r.space, r.address)
	copyFile(l.t, l.site.Root, r.root)
	l.install(r, harness.AWS(l.t))
	l.start(r)
	return r
}

// install puts an aws, and the awsd beside it, in the place of those of a replica, as a package manager does.
func (l *lab) install(r *replica, program string) {
	l.t.Helper()
	for from, to := range map[string]string{program: r.program, harness.Daemon(program): harness.Daemon(r.program)} {
		copyFile(l.t, from, to+".new")
		if err := os.Rename(to+".new", to); err != nil {
			l.t.Fatal(err)
		}
	}
}

// start starts the server of a replica, with a field that names it.
func (l *lab) start(r *replica) {
	l.t.Helper()
	r.Server = harness.Launch(l.t, harness.Options{
		Wrap: r.space.wrap(), Path: r.program, Args: append([]string{
			"serve", r.root, "--config", filepath.Join(l.directory, "awsd.toml"), "--header", "X-Replica: " + r.name, "--loops", "1",
		}, l.flags...),
	})
	r.Says(l.t, `listening at http`, 1)
}

// copyFile copies a file or directory with its times, by another process: what this one has open for writing might be so in a
// process that it has just started, and could not be executed.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if output, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// kill ends the supervisor and the worker of a replica without warning.
func (l *lab) kill(r *replica) {
	l.t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", fmt.Sprint(r.PID())).Output()
	if err != nil {
		l.t.Fatalf("the workers of %s: %v", r.name, err)
	}
	r.Signal(l.t, syscall.SIGKILL)
	for _, word := range strings.Fields(string(out)) {
		var pid int
		if _, err := fmt.Sscan(word, &pid); err != nil {
			l.t.Fatal(err)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL) // the supervisor's death ends it, too
	}
	r.Wait(l.t)
}

// get requests a URL on a connection of its own, and discards the body. fields are names and values.
func (n *namespace) get(url string, fields ...string) (response *http.Response, err error) {
	n.do(func() { response, err = get(url, fields) })
	return response, err
}

func get(url string, fields []string) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	conn, err := net.DialTimeout("tcp4", request.URL.Host, deadline)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DisableCompression: true, DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	response, err := (&http.Client{Transport: transport, Timeout: deadline}).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response, err
}

// waitState waits until HAProxy has a replica in a state: UP or DOWN.
func (l *lab) waitState(r *replica, want string) {
	l.t.Helper()
	harness.Eventually(l.t, deadline, r.name+" is "+want, func() error {
		if !l.haproxy.Running() {
			l.t.Fatal("HAProxy has ended")
		}
		state, err := l.state(r)
		if err == nil && state != want {
			err = errors.New(state)
		}
		return err
	})
}

// state is what HAProxy has found out about a replica: UP, DOWN, or one of them with the checks that it has passed or failed.
func (l *lab) state(r *replica) (string, error) {
	conn, err := net.Dial("unix", filepath.Join(l.run, "admin.sock"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "show stat\n"); err != nil {
		return "", err
	}
	lines, err := csv.NewReader(conn).ReadAll()
	if err != nil {
		return "", err
	}
	column := slices.Index(lines[0], "status")
	for _, line := range lines {
		if line[0] == "files" && line[1] == r.name && column >= 0 {
			return line[column], nil
		}
	}
	return "", fmt.Errorf("HAProxy has no %s", r.name)
}

// waitReady waits until a replica says that it is ready.
func (l *lab) waitReady(r *replica) {
	l.t.Helper()
	harness.Eventually(l.t, deadline, r.name+" is ready", func() error {
		response, err := r.space.get("http://127.0.0.1:9100/readyz")
		if err == nil && response.StatusCode != http.StatusOK {
			err = errors.New(response.Status)
		}
		return err
	})
}
