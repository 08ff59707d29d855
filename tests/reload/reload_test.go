package reload

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestMain lets more tests run at once than there are processors: they wait, most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	harness.Main(m)
}

// deadline is only reached by a broken server.
const deadline = time.Minute

// stage is a supervised server with a configuration file, on a TCP address and on a Unix socket.
type stage struct {
	*harness.Server
	t         *testing.T
	directory string
	program   string // which is replaced by upgrades
	config    string
	socket    string
	serves    int // workers that have been said to serve in the place of another
}

// configure writes the configuration file. Lines are added to what is always there.
func (s *stage) configure(lines ...string) {
	s.t.Helper()
	text := fmt.Sprintf("listen = [\"127.0.0.1:0\", \"unix:%s\"]\nroot = %q\nsupervise = true\n", s.socket, filepath.Join(s.directory, "root"))
	for _, line := range lines {
		text += line + "\n"
	}
	harness.WriteFile(s.t, s.config+".new", []byte(text))
	if err := os.Rename(s.config+".new", s.config); err != nil {
		s.t.Fatal(err)
	}
}

// prepare makes the directory, with a copy of the two programs.
func prepare(t *testing.T) *stage {
	t.Helper()
	directory := t.TempDir()
	s := &stage{
		t: t, directory: directory,
		program: filepath.Join(directory, "aws"), config: filepath.Join(directory, "c.toml"),
		socket: filepath.Join(directory, "s,1;%41"), // what is handed to a worker has commas and semicolons of its own
	}
	s.install(harness.AWS(t))
	harness.WriteFile(t, filepath.Join(directory, "root", "page"), []byte("page"))
	return s
}

// install puts an aws, and the awsd beside it, in the place of those that are there, as a package manager does.
func (s *stage) install(program string) {
	s.t.Helper()
	for from, to := range map[string]string{program: s.program, harness.Daemon(program): harness.Daemon(s.program)} {
		// By another process: what this one has open for writing might be so in a process that is just started,
		// and could not be executed.
		if output, err := exec.Command("cp", from, to+".new").CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, output)
		}
		if err := os.Rename(to+".new", to); err != nil {
			s.t.Fatal(err)
		}
	}
}

// start starts the server and waits until it listens.
func (s *stage) start(o harness.Options, args ...string) {
	s.t.Helper()
	o.Path = s.program
	o.Args = append([]string{"serve", "--config", s.config}, args...)
	s.Server = harness.Start(s.t, o)
}

// says waits until the server has printed something that matches, and returns the latest match.
func (s *stage) says(pattern string) []string {
	s.t.Helper()
	return s.Says(s.t, pattern, 1)
}

// replaced waits until another worker has taken over, and returns its number.
func (s *stage) replaced() int {
	s.t.Helper()
	s.serves++
	return number(s.t, s.Says(s.t, `worker (\d+) serves, worker \d+ drains`, s.serves)[1])
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// worker returns the one worker there is.
func (s *stage) worker() int {
	s.t.Helper()
	var pids []int
	harness.Eventually(s.t, deadline, "there is one worker", func() error {
		if pids = harness.Children(s.t, s.PID()); len(pids) != 1 {
			return fmt.Errorf("%v", pids)
		}
		return nil
	})
	return pids[0]
}

// build builds the two programs with another version, as the Makefile does, and returns the path of aws.
func build(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-X aws/internal/command.Version="+version,
		"-o", dir+"/", "./cmd/aws", "./cmd/awsd")
	command.Dir = harness.Root(t)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return filepath.Join(dir, "aws")
}

// versionOf asks a program for its version.
func versionOf(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(program, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Version string }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	return report.Version
}

// get asks for something over a new connection and returns header and body.
func get(url string) (http.Header, string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}
	r, err := client.Get(url)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	return r.Header, string(body), err
}

// requestsWanted is how many requests have to be answered, beside all the reloads.
func requestsWanted(t *testing.T) int64 {
	t.Helper()
	if text := os.Getenv("REQUESTS"); text != "" {
		return int64(number(t, text))
	}
	return 100_000
}

// TestNoRequestIsLost replaces the worker under load: by reloads, of which one is refused, and by upgrades
// to other programs. Each is begun when a number of requests have been answered, and the load goes on
// until all are over.
func TestNoRequestIsLost(t *testing.T) {
	wanted := requestsWanted(t)
	s := prepare(t)
	s.directory = filepath.Dir(s.config)
	site := harness.NewSite(t)
	if err := os.RemoveAll(filepath.Join(s.directory, "root")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(site.Root, filepath.Join(s.directory, "root")); err != nil {
		t.Fatal(err)
	}
	generation := 0
	configure := func(more ...string) {
		s.configure(append([]string{fmt.Sprintf(`header = ["X-Generation: %d"]`, generation), `admin = "127.0.0.1:0"`}, more...)...)
	}
	configure()
	s.start(harness.Options{})
	first := s.worker()
	programs := map[string]string{versionOf(t, s.program): harness.AWS(t)}
	versions := []string{versionOf(t, s.program)}
	for _, v := range []string{"upgrade-1", "upgrade-2"} {
		programs[v] = build(t, v)
		if got := versionOf(t, programs[v]); got != v {
			t.Fatalf("version %q, want %q", got, v)
		}
		versions = append(versions, v)
	}

	var sum tally
	var stop atomic.Bool
	var group sync.WaitGroup
	// Whatever happens, the clients end before the server does.
	defer func() {
		stop.Store(true)
		group.Wait()
	}()
	small := []string{"static/small", "static/small", "static/one", "static/empty", "dynamic/small", "dynamic/one", "static/odd", "dynamic/odd"}
	large := []string{"static/huge", "dynamic/huge", "dynamic/large"}
	for _, target := range []struct{ network, address string }{{"tcp", s.Address}, {"unix", s.socket}} {
		for _, kind := range []struct {
			clients int
			kept    bool
			paths   []string
			think   func(*rand.Rand) time.Duration
		}{
			{clients: 3, kept: true, paths: small},
			{clients: 2, kept: false, paths: small},
			{clients: 1, kept: true, paths: large},
			{clients: 1, kept: false, paths: large},
			{clients: 3, kept: true, paths: small, think: func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(400)) * time.Millisecond }},
			// Longer than a connection that is idle is kept when the worker drains: some find it closed.
			{clients: 3, kept: true, paths: small, think: func(r *rand.Rand) time.Duration {
				return 1800*time.Millisecond + time.Duration(r.IntN(800))*time.Millisecond
			}},
		} {
			for range kind.clients {
				c := &client{
					tally: &sum, network: target.network, address: target.address, kept: kind.kept, paths: kind.paths, think: kind.think,
					files: site.Bytes, random: rand.New(rand.NewPCG(1, uint64(generation))),
				}
				generation++
				group.Go(func() { c.run(&stop) })
			}
		}
	}
	generation = 0

	worker := first
	refused, reloads, upgrades := 0, 0, 0
	refuse := func(want string, more ...string) {
		t.Helper()
		configure(more...)
		s.Signal(t, syscall.SIGHUP)
		refused++
		s.Says(s.t, fmt.Sprintf(`worker \d+ did not come to serve \(exit status 2\): worker %d stays`, worker), 1)
		if !strings.Contains(s.Output(), want) {
			t.Errorf("it does not say %q", want)
		}
		if pids := harness.Children(t, s.PID()); !slices.Contains(pids, worker) {
			t.Errorf("worker %d has not stayed: %v", worker, pids)
		}
	}
	replace := func(sig syscall.Signal) {
		t.Helper()
		generation++
		configure()
		s.Signal(t, sig)
		before := worker
		if worker = s.replaced(); worker == before {
			t.Errorf("worker %d has replaced itself", worker)
		}
		harness.Eventually(t, deadline, "new connections are the new worker's", func() error {
			header, _, err := get("http://" + s.Address + "/static/one")
			if err == nil && header.Get("X-Generation") != strconv.Itoa(generation) {
				err = fmt.Errorf("generation %s, want %d", header.Get("X-Generation"), generation)
			}
			return err
		})
	}
	steps := []func(){
		func() { refuse(s.config+":6: unknown key \"lst\"", "lst = true") },
		func() { replace(syscall.SIGHUP); reloads++ },
		func() { upgrade(t, s, programs, versions[1], replace, &worker); upgrades++ },
		func() { replace(syscall.SIGHUP); reloads++ },
		func() { replace(syscall.SIGHUP); reloads++ },
		func() { upgrade(t, s, programs, versions[2], replace, &worker); upgrades++ },
		func() { replace(syscall.SIGHUP); reloads++ },
		func() { upgrade(t, s, programs, versions[0], replace, &worker); upgrades++ },
		func() { replace(syscall.SIGHUP); reloads++ },
	}
	reach := func(n int64) {
		t.Helper()
		harness.Eventually(t, 5*time.Minute, fmt.Sprintf("%d requests are answered", n), func() error {
			if got := sum.whole.Load(); got < n && sum.failed.Load() == 0 {
				return fmt.Errorf("%d", got)
			}
			return nil
		})
	}
	began := time.Now()
	for i, step := range steps {
		reach(wanted * int64(i+1) / int64(len(steps)+1))
		step()
	}
	reach(wanted)
	harness.Eventually(t, deadline, "all workers but one have drained", func() error {
		if pids := harness.Children(t, s.PID()); len(pids) != 1 {
			return fmt.Errorf("%v", pids)
		}
		return nil
	})
	stop.Store(true)
	group.Wait()
	took := time.Since(began)
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	t.Logf("%d reloads, %d refused, %d upgrades, %v: %v", reloads, refused, upgrades, took.Round(time.Millisecond), &sum)
	for _, f := range sum.failures {
		t.Error(f)
	}
	if sum.failed.Load() > 0 || sum.whole.Load() < wanted {
		t.Errorf("%v", &sum)
	}
	if reloads < 5 || upgrades < 3 || refused < 1 {
		t.Error("not all was done that was to be done")
	}
	if n := strings.Count(s.Output(), ": drained after "); n != reloads+upgrades+1 {
		t.Errorf("%d workers say that they drained, of %d", n, reloads+upgrades+1)
	}
	if strings.Contains(s.Output(), "cut off") || strings.Contains(s.Output(), "ended by itself") {
		t.Errorf("the server said:\n%s", s.Output())
	}
	if _, err := os.Lstat(s.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file: %v", err)
	}
}

// upgrade replaces the program and then the worker, and checks that the worker is of that program.
func upgrade(t *testing.T, s *stage, programs map[string]string, version string, replace func(syscall.Signal), worker *int) {
	t.Helper()
	before := s.Says(s.t, `admin at (http://\S+)`, 1)[1]
	s.install(programs[version])
	replace(syscall.SIGUSR2)
	exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", *worker))
	if err != nil {
		t.Fatal(err)
	}
	installed, err := os.Stat(harness.Daemon(s.program))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(exe, installed) {
		t.Errorf("worker %d does not run the program that was installed", *worker)
	}
	harness.Eventually(t, deadline, "the running version is "+version, func() error {
		at := s.Says(s.t, `admin at (http://\S+)`, 1)[1]
		if at == before {
			return errors.New("the address is that of the worker before")
		}
		_, body, err := get(at + "metrics")
		if err == nil && !strings.Contains(body, `version="`+version+`"`) {
			err = errors.New("another version")
		}
		return err
	})
}

// unixConn connects to the Unix socket.
func (s *stage) unixConn() net.Conn {
	s.t.Helper()
	conn, err := net.DialTimeout("unix", s.socket, deadline)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(deadline))
	return conn
}
