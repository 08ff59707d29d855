// Package contrib_test holds the files of this directory against the program: that they parse, that what
// they say to it exists, and that the service's cage has room for it.
package contrib_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"

	"go.yaml.in/yaml/v3"
)

// bin is the program, made once for all tests.
var bin string

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "contrib")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "aws")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/awsd").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
		return 1
	}
	return m.Run()
}

// program returns a command of the program with none of this process's variables that it reads.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWSD_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	return cmd
}

// mustKnow fails if aws serve has no such flags.
func mustKnow(t *testing.T, where string, args []string) {
	t.Helper()
	help, err := program("serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 || args[0] != "serve" {
		t.Errorf("%s: %q does not begin with serve", where, args)
	}
	for _, a := range args {
		name, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(name, "--") && !bytes.Contains(help, []byte("      "+name+" ")) {
			t.Errorf("%s: aws serve has no %s", where, name)
		}
	}
}

// mustCheck has aws check read a configuration. What it names need not be there.
func mustCheck(t *testing.T, where, toml string, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "awsd.toml")
	if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := program(append([]string{"check", "--config", file}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Errorf("%s: %v: %s", where, err, out)
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConfig reads the example as it is and with all that is commented out.
func TestConfig(t *testing.T) {
	text := mustRead(t, "config/awsd.toml")
	mustCheck(t, "awsd.toml", text)
	mustCheck(t, "awsd.toml, all of it", regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(text, "$1"))
}

// section is the settings of a section of a unit, in order.
type section map[string][]string

// mustUnit reads a unit of systemd.
func mustUnit(t *testing.T, name string) map[string]section {
	t.Helper()
	unit := map[string]section{}
	current := ""
	for line := range strings.Lines(mustRead(t, name)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			current = strings.Trim(line, "[]")
			unit[current] = section{}
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || unit[current] == nil {
				t.Fatalf("%s: what is %q?", name, line)
			}
			unit[current][key] = append(unit[current][key], value)
		}
	}
	return unit
}

func TestUnits(t *testing.T) {
	service := mustUnit(t, "systemd/awsd.service")["Service"]
	command := strings.Fields(service["ExecStart"][0])
	mustKnow(t, "awsd.service", command[1:])
	for key, want := range map[string]string{
		"Type": "notify", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
		"PrivateDevices": "yes", "MemoryDenyWriteExecute": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
		"AmbientCapabilities": "CAP_NET_BIND_SERVICE", "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
	} {
		if got := service[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if len(service["LimitNOFILE"]) != 1 || len(service["SystemCallFilter"]) == 0 {
		t.Error("no LimitNOFILE or no SystemCallFilter")
	}
	if socket := mustUnit(t, "systemd/awsd.socket")["Socket"]; len(socket["ListenStream"]) == 0 {
		t.Error("awsd.socket has no address")
	}
}

// TestUnitsVerify has systemd read the units, within a directory that has what they start.
func TestUnitsVerify(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed (apt-get install systemd)")
	}
	// systemd wants the program to be where the unit says, so the unit gets another place to look.
	dir := t.TempDir()
	for _, name := range []string{"awsd.service", "awsd.socket"} {
		text := strings.ReplaceAll(mustRead(t, "systemd/"+name), "/usr/bin/awsd", bin)
		text = strings.ReplaceAll(text, "Documentation=man:awsd(1)\n", "")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no",
		filepath.Join(dir, "awsd.service"), filepath.Join(dir, "awsd.socket")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
	// The exposure that systemd computes, of 100; a service without any setting has 96.
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager",
		filepath.Join(dir, "awsd.service")).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v: %s", err, out)
	}
}

// filtered returns the system calls that the service's filter lets through.
func filtered(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "syscall-filter").Output()
	if err != nil {
		t.Skipf("systemd-analyze syscall-filter: %v", err)
	}
	sets := map[string][]string{}
	current := ""
	for line := range strings.Lines(string(out)) {
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "@"):
			current = word
		case word == "":
			current = ""
		case current != "" && !strings.HasPrefix(word, "#"):
			sets[current] = append(sets[current], word)
		}
	}
	let := map[string]bool{}
	var apply func(word string, allow bool)
	apply = func(word string, allow bool) {
		if !strings.HasPrefix(word, "@") {
			let[word] = allow
			return
		}
		if sets[word] == nil {
			t.Errorf("systemd knows no %s", word)
		}
		for _, w := range sets[word] {
			apply(w, allow)
		}
	}
	// systemd.exec(5): what a service needs to be started at all.
	apply("@default", true)
	for _, list := range mustUnit(t, "systemd/awsd.service")["Service"]["SystemCallFilter"] {
		words, deny := strings.CutPrefix(list, "~")
		for _, word := range strings.Fields(words) {
			apply(word, !deny)
		}
	}
	return let
}

// TestSystemCalls serves files, static and dynamic, cold and resident, by http and https, reloads and drains, and sees every
// system call in the service's filter.
func TestSystemCalls(t *testing.T) {
	for _, tool := range []string{"strace", "systemd-analyze"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (apt-get install strace systemd)", tool)
		}
	}
	let := filtered(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "site")
	mustSite(t, root)
	trace := filepath.Join(dir, "trace")
	ca := certtest.NewCA(t, "root")
	certificate, key := ca.Issue(t, certtest.Template{Hosts: []string{"127.0.0.1"}}).WritePair(t, dir, "server")
	cmd := exec.Command("strace", "-f", "-qq", "-o", trace, "-e", "signal=none",
		bin, "serve", root, "--supervise", "--listen=127.0.0.1:0", "--list", "--access-log="+filepath.Join(dir, "log"), "--admin=127.0.0.1:0",
		"--listen-tls=127.0.0.1:0", "--certificate="+certificate, "--key="+key)
	url, stop := mustServe(t, cmd, "--supervise")
	secure := regexp.MustCompile(`listening at (https://\S+?)/?\n`).FindStringSubmatch(cmd.Stderr.(*lockedBuffer).String())
	if secure == nil {
		t.Fatalf("it does not listen for https: %s", cmd.Stderr)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	defer transport.CloseIdleConnections()
	for range 3 {
		for _, path := range []string{"/", "/a.bin", "/dynamic/b.bin", "/nothing", "/sub/"} {
			mustGet(t, http.DefaultTransport, url+path)
			mustGet(t, transport, secure[1]+path)
		}
	}
	stop()
	seen := map[string]bool{}
	call := regexp.MustCompile(`^\d+ +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed)`)
	for line := range strings.Lines(mustRead(t, trace)) {
		if m := call.FindStringSubmatch(line); m != nil {
			seen[m[1]] = true
		}
	}
	for _, name := range []string{"io_setup", "sendfile", "openat2", "epoll_ctl", "prctl", "setpriority", "memfd_create"} {
		if !seen[name] {
			t.Errorf("%s was not called: the test sees too little", name)
		}
	}
	// Newer than the lists of systemd 252 and than strace's; the server does without it if it is refused.
	may := []string{"cachestat", "syscall_0x1c3"}
	var names []string
	for name := range seen {
		if !let[name] && !slices.Contains(may, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		t.Errorf("the filter has no room for %q", names)
	}
}

// mustSite makes a directory to serve. What is written within the current second has no Last-Modified yet, so its files
// are an hour old.
func mustSite(t *testing.T, root string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	for _, d := range []string{"dynamic", "sub"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int{"index.html": 100, "a.bin": 3 << 20, "dynamic/b.bin": 3 << 20, "sub/c.txt": 5} {
		if err := os.WriteFile(filepath.Join(root, name), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(root, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// mustServe starts a server, and returns where it listens once it does. The function ends it; before
// that it reloads the server, if a flag says that it can.
func mustServe(t *testing.T, cmd *exec.Cmd, flags ...string) (url string, stop func()) {
	t.Helper()
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	at := regexp.MustCompile(`listening at (http://\S+?)/?\n`)
	wait := func(n int) []string {
		for range 300 {
			if m := at.FindAllStringSubmatch(stderr.String(), -1); len(m) >= n {
				return m[n-1]
			}
			time.Sleep(100 * time.Millisecond)
		}
		kill()
		t.Fatalf("it does not listen: %s", stderr.String())
		return nil
	}
	url = wait(1)[1]
	signal := func(s syscall.Signal) {
		// Under strace the program is strace's child: all of the group but strace get the signal.
		pids := []int{cmd.Process.Pid}
		if filepath.Base(cmd.Path) == "strace" {
			out, _ := exec.Command("pgrep", "-o", "-P", fmt.Sprint(cmd.Process.Pid)).Output()
			pids = nil
			var pid int
			if _, err := fmt.Sscan(string(out), &pid); err == nil {
				pids = append(pids, pid)
			}
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, s)
		}
	}
	return url, func() {
		t.Helper()
		if slices.Contains(flags, "--supervise") {
			signal(syscall.SIGHUP)
			wait(2)
		}
		signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v: %s", err, stderr.String())
			}
		case <-time.After(40 * time.Second):
			kill()
			t.Errorf("it does not end: %s", stderr.String())
		}
	}
}

// mustGet fetches a page and returns its header.
func mustGet(t *testing.T, transport http.RoundTripper, url string) http.Header {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.Header
}

// lockedBuffer is a buffer that a process's output goes to while a test reads it.
type lockedBuffer struct {
	lock sync.Mutex
	b    bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.b.String()
}

// TestKubernetes reads the manifest, and follows its references.
func TestKubernetes(t *testing.T) {
	kinds := map[string]map[string]any{}
	d := yaml.NewDecoder(strings.NewReader(mustRead(t, "kubernetes/awsd.yaml")))
	for {
		var object map[string]any
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds[fmt.Sprint(object["kind"])] = object
	}
	for _, kind := range []string{"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"} {
		if kinds[kind] == nil {
			t.Fatalf("there is no %s", kind)
		}
	}
	toml := fmt.Sprint(at(kinds["ConfigMap"], "data", "awsd.toml"))
	mustCheck(t, "the ConfigMap", toml)
	pod := at(kinds["Deployment"], "spec", "template", "spec")
	container := at(pod, "containers").([]any)[0]
	mustKnow(t, "the Deployment", texts(at(container, "args")))
	ports := map[string]string{}
	for _, p := range at(container, "ports").([]any) {
		ports[fmt.Sprint(at(p, "name"))] = fmt.Sprint(at(p, "containerPort"))
	}
	for key, port := range map[string]string{"listen": "http", "admin": "admin"} {
		if !regexp.MustCompile(`(?m)^` + key + ` = .*:` + ports[port] + `"`).MatchString(toml) {
			t.Errorf("%s is not port %s of the pod, %s", key, port, ports[port])
		}
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		if port := fmt.Sprint(at(container, probe, "httpGet", "port")); ports[port] == "" {
			t.Errorf("%s asks port %s, which there is not", probe, port)
		}
	}
	labels := fmt.Sprint(at(kinds["Deployment"], "spec", "template", "metadata", "labels"))
	for _, selector := range []any{
		at(kinds["Deployment"], "spec", "selector", "matchLabels"),
		at(kinds["Service"], "spec", "selector"),
		at(kinds["PodDisruptionBudget"], "spec", "selector", "matchLabels"),
	} {
		if fmt.Sprint(selector) != labels {
			t.Errorf("a selector is %v, and the pods have %s", selector, labels)
		}
	}
	if at(pod, "enableServiceLinks") != false || fmt.Sprint(at(kinds["Service"], "metadata", "name")) == "awsd" {
		t.Error("Kubernetes would make up variables that begin with AWSD_")
	}
}

// TestCompose reads the file, and looks its flags and variables up.
func TestCompose(t *testing.T) {
	var file map[string]any
	if err := yaml.Unmarshal([]byte(mustRead(t, "compose/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	service := at(file, "services", "awsd")
	command := texts(at(service, "command"))
	mustKnow(t, "compose.yaml", command)
	cmd := program("check", t.TempDir())
	cmd.Args = append(cmd.Args, command[2:]...)
	for name, value := range at(service, "environment").(map[string]any) {
		cmd.Env = append(cmd.Env, name+"="+fmt.Sprint(value))
	}
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("warning: AWSD_")) {
		t.Errorf("aws check: %v: %s", err, out)
	}
	for _, volume := range append(texts(at(service, "volumes")), texts(at(file, "services", "balancer", "volumes"))...) {
		source, _, _ := strings.Cut(volume, ":")
		if _, err := os.Stat(filepath.Join("compose", source)); err != nil {
			t.Error(err)
		}
	}
}

// TestComposeHTTPS reads the example with certificates by ACME: its configuration, its ports and its volumes fit together.
func TestComposeHTTPS(t *testing.T) {
	var file map[string]any
	if err := yaml.Unmarshal([]byte(mustRead(t, "compose/https.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	service := at(file, "services", "awsd")
	mustKnow(t, "https.yaml", texts(at(service, "command")))
	toml := mustRead(t, "compose/https.toml")
	mustCheck(t, "https.toml", toml)
	for _, p := range texts(at(service, "ports")) {
		if _, inside, _ := strings.Cut(p, ":"); !strings.Contains(toml, `[":`+inside+`"]`) {
			t.Errorf("port %s: nothing listens at it", p)
		}
	}
	for _, volume := range texts(at(service, "volumes")) {
		source, target, _ := strings.Cut(volume, ":")
		target, _, _ = strings.Cut(target, ":")
		if strings.HasPrefix(source, "./") {
			if _, err := os.Stat(filepath.Join("compose", source)); err != nil {
				t.Error(err)
			}
		} else if at(file, "volumes").(map[string]any)[source] != nil || !strings.Contains(toml, `acme-storage = "`+target+`/`) || !strings.Contains(mustRead(t, "container/Dockerfile"), target) {
			t.Errorf("the volume %s is not that of acme-storage", volume)
		}
	}
}

// TestReplicas has two replicas with a copy of the files each, and a client that goes from one to the
// other: what it knows from the first has to hold at the second.
func TestReplicas(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "0"), filepath.Join(dir, "1")
	mustSite(t, first)
	if err := os.WriteFile(filepath.Join(first, "a.bin.gz"), []byte("not really"), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(first, "a.bin.gz"), old, old); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", first, second).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	urls := [2]string{}
	for i, root := range []string{first, second} {
		url, stop := mustServe(t, program("serve", root, "--listen=127.0.0.1:0"))
		defer stop()
		urls[i] = url
	}
	ask := func(replica int, path string, fields ...string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls[replica]+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(fields); i += 2 {
			req.Header.Set(fields[i], fields[i+1])
		}
		resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	for _, path := range []string{"/index.html", "/a.bin", "/dynamic/b.bin", "/sub/c.txt"} {
		for _, coding := range []string{"identity", "gzip"} {
			one, other := ask(0, path, "Accept-Encoding", coding), ask(1, path, "Accept-Encoding", coding)
			tag, modified := one.Header.Get("ETag"), one.Header.Get("Last-Modified")
			if one.StatusCode != 200 || tag == "" || modified == "" || tag != other.Header.Get("ETag") || modified != other.Header.Get("Last-Modified") {
				t.Errorf("%s, %s: %d %s %s, and the other has %s %s", path, coding, one.StatusCode, tag, modified, other.Header.Get("ETag"), other.Header.Get("Last-Modified"))
			}
			for _, c := range []struct {
				name, value string
				status      int
			}{
				{"If-None-Match", tag, 304},
				{"If-Modified-Since", modified, 304},
				{"If-Range", tag, 206},
				{"If-Range", `"another"`, 200},
			} {
				fields := []string{"Accept-Encoding", coding, c.name, c.value}
				if c.name == "If-Range" {
					fields = append(fields, "Range", "bytes=1-")
				}
				if got := ask(1, path, fields...); got.StatusCode != c.status {
					t.Errorf("%s, %s, with %s: %s is %d at the other, want %d", path, coding, c.name, c.value, got.StatusCode, c.status)
				}
			}
		}
	}
}

// TestBalancer puts HAProxy before three replicas with a copy of the files each, as the Compose file
// does, and sees that it makes no difference which of them responses.
func TestBalancer(t *testing.T) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed (apt-get install haproxy)")
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "0")
	mustSite(t, first)
	servers := ""
	for i := range 3 {
		root := filepath.Join(dir, fmt.Sprint(i))
		if i > 0 {
			if out, err := exec.Command("cp", "-a", first, root).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		url, stop := mustServe(t, program("serve", root, "--listen=127.0.0.1:0", fmt.Sprintf("--header=X-Replica: %d", i)))
		defer stop()
		servers += fmt.Sprintf("    server s%d %s\n", i, strings.TrimPrefix(url, "http://"))
	}
	port := mustFreePort(t)
	text := mustRead(t, "compose/haproxy.cfg")
	for _, change := range [][2]string{
		{"    server-template awsd 1-3 awsd:8080 check port 9100 inter 2s resolvers docker init-addr none\n", servers},
		{"maxconn 20000", "maxconn 100"},
		{"bind :8080", "bind 127.0.0.1:" + port},
		{"balance uri", "balance roundrobin"},
		{"    hash-type consistent\n", ""},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("haproxy.cfg has no %q", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var said lockedBuffer
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	defer func() {
		if t.Failed() {
			t.Log(said.String())
		}
	}()
	url := "http://127.0.0.1:" + port + "/a.bin"
	for range 100 {
		if conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second); err == nil {
			_ = conn.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	replicas, tags := map[string]bool{}, map[string]bool{}
	for range 12 {
		h := mustGet(t, http.DefaultTransport, url)
		replicas[h.Get("X-Replica")] = true
		tags[h.Get("ETag")+" "+h.Get("Last-Modified")+" "+h.Get("Content-Length")] = true
	}
	if len(replicas) != 3 || len(tags) != 1 {
		t.Errorf("replicas %v answered with %v; all three should, with one and the same", replicas, tags)
	}
}

// mustFreePort returns a port that nobody listens at.
func mustFreePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// at follows keys into a document. It panics with the key that is not there.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok || m[k] == nil {
			panic("there is no " + k + " of " + strings.Join(keys, "."))
		}
		v = m[k]
	}
	return v
}

// texts returns a list as strings.
func texts(v any) []string {
	var list []string
	for _, e := range v.([]any) {
		list = append(list, fmt.Sprint(e))
	}
	return list
}
