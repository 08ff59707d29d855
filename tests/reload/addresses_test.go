package reload

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// target is an address that clients use while it is listened at.
type target struct {
	network, address string
	listen           string      // as the configuration has it
	gone             atomic.Bool // a reload removes it, or has: a connect may fail
	served           atomic.Int64
	refused          atomic.Int64
}

// visit makes requests at an address until it is asked to stop. Each connection that is established has to be served, whatever
// becomes of the address. silence is how long a new connection may send nothing.
func (c *client) visit(at *target, silence time.Duration, stop *atomic.Bool) {
	defer c.hangUp()
	for !stop.Load() {
		if c.conn != nil && c.used && c.closed() {
			c.idle.Add(1)
			c.hangUp()
		}
		if c.conn == nil {
			if err := c.dial(); err != nil {
				if !at.gone.Load() {
					c.fail("%s: %v", at.listen, err)
				}
				at.refused.Add(1)
				time.Sleep(20 * time.Millisecond)
				continue
			}
			if silence > 0 {
				time.Sleep(time.Duration(c.random.Int64N(int64(silence))))
			}
		}
		again, err := c.exchange(c.paths[c.random.IntN(len(c.paths))])
		switch {
		case err == nil:
			c.whole.Add(1)
			at.served.Add(1)
			continue
		case again:
			c.crossed.Add(1)
		default:
			c.fail("%s, connection used before: %v: %v", at.listen, c.used, err)
		}
		c.hangUp()
	}
}

// load runs clients at addresses, and counts what comes of it.
type load struct {
	tally
	files map[string][]byte
	stop  atomic.Bool
	group sync.WaitGroup
}

// at starts the clients of an address: with a connection per request, with kept ones, and with some that send nothing for a
// while, which the kernel holds back (TCP_DEFER_ACCEPT).
func (l *load) at(targets ...*target) {
	for i, at := range targets {
		for j, kind := range []struct {
			kept    bool
			silence time.Duration
		}{{}, {}, {kept: true}, {silence: 1200 * time.Millisecond}, {silence: 1200 * time.Millisecond}, {silence: 20 * time.Millisecond}} {
			c := &client{
				tally: &l.tally, network: at.network, address: at.address, kept: kind.kept, files: l.files,
				paths: []string{"static/small", "static/one", "static/empty", "dynamic/small", "dynamic/one", "static/odd"}, random: rand.New(rand.NewPCG(uint64(i), uint64(j))),
			}
			l.group.Go(func() { c.visit(at, kind.silence, &l.stop) })
		}
	}
}

// reach waits until a number of requests have a response.
func (l *load) reach(t *testing.T, n int64) {
	t.Helper()
	harness.Eventually(t, 5*time.Minute, fmt.Sprintf("%d requests have a response", n), func() error {
		if got := l.whole.Load(); got < n && l.failed.Load() == 0 {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
}

// listenAt writes the configuration with addresses, and more lines.
func (s *stage) listenAt(targets []*target, more ...string) {
	s.t.Helper()
	var words []string
	for _, at := range targets {
		words = append(words, fmt.Sprintf("%q", at.listen))
	}
	text := fmt.Sprintf("listen = [%s]\nroot = %q\nsupervise = true\nsocket-mode = \"0640\"\n", strings.Join(words, ", "), filepath.Join(s.directory, "root"))
	harness.WriteFile(s.t, s.config+".new", []byte(text+strings.Join(append(more, ""), "\n")))
	if err := os.Rename(s.config+".new", s.config); err != nil {
		s.t.Fatal(err)
	}
}

// closedAt waits until connects to a removed address are refused.
func closedAt(t *testing.T, targets ...*target) {
	t.Helper()
	for _, at := range targets {
		harness.Eventually(t, deadline, at.listen+" is closed", func() error {
			conn, err := net.DialTimeout(at.network, at.address, time.Second)
			if err == nil {
				_ = conn.Close()
				return errors.New("a connection is accepted")
			}
			if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
				return err
			}
			return nil
		})
	}
}

// TestAddressesUnderLoad adds, removes and keeps addresses while clients use them. Who has connected gets a response; an
// address that stays refuses nobody, whether a reload is refused or not.
func TestAddressesUnderLoad(t *testing.T) {
	wanted := requestsWanted(t)
	s := prepare(t)
	site := harness.NewSite(t)
	if err := os.RemoveAll(filepath.Join(s.directory, "root")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(site.Root, filepath.Join(s.directory, "root")); err != nil {
		t.Fatal(err)
	}
	tcp := func() *target {
		address := freeAddress(t)
		return &target{network: "tcp", address: address, listen: address}
	}
	unix := func(path string) *target { return &target{network: "unix", address: path, listen: "unix:" + path} }
	chosen, a, b := &target{network: "tcp", listen: "127.0.0.1:0"}, tcp(), tcp()
	u, v := unix(s.socket), unix(s.socket+"2")
	wildcard := &target{network: "tcp", address: a.address, listen: ":" + port(a.address)}
	occupied := tcp()
	other, err := net.Listen("tcp", occupied.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()

	s.listenAt([]*target{chosen, u, a})
	s.start(harness.Options{})
	chosen.address = s.Address
	was := inode(t, s.socket)
	b.gone.Store(true)
	v.gone.Store(true)
	l := &load{files: site.Bytes}
	defer func() {
		l.stop.Store(true)
		l.group.Wait()
	}()
	l.at(chosen, u, a, b, v)

	worker := s.worker()
	replace := func(sig syscall.Signal, targets ...*target) {
		t.Helper()
		s.listenAt(targets)
		s.Signal(t, sig)
		worker = s.replaced()
	}
	refused := 0
	refuse := func(message string, sig syscall.Signal, targets []*target, more ...string) {
		t.Helper()
		s.listenAt(targets, more...)
		s.Signal(t, sig)
		refused++
		s.Says(t, fmt.Sprintf(`: worker %d stays`, worker), refused)
		s.says(message)
	}
	used := func(targets ...*target) {
		t.Helper()
		for _, at := range targets {
			at.gone.Store(false)
			before := at.served.Load()
			harness.Eventually(t, deadline, at.listen+" is served", func() error {
				if at.served.Load() < before+20 && l.failed.Load() == 0 {
					return errors.New("too few requests")
				}
				return nil
			})
		}
	}
	steps := []func(){
		func() { replace(syscall.SIGHUP, chosen, b, u, a, v); used(b, v) },
		func() {
			stays := []*target{occupied, u, unix(s.socket + "3"), chosen}
			refuse(`the reload is refused: listen `+occupied.address+`: .*another server listens there.*listen comes from `+s.config+`:1`, syscall.SIGHUP, stays)
			refuse(`worker \d+ did not come to serve \(exit status 2\)`, syscall.SIGUSR2, stays[1:], `header = ["none"]`)
			refused = 0 // of the next worker
		},
		func() {
			a.gone.Store(true)
			replace(syscall.SIGHUP, chosen, u, b, v)
			closedAt(t, a)
		},
		func() {
			b.gone.Store(true)
			replace(syscall.SIGUSR2, a, chosen, u, v)
			used(a)
			closedAt(t, b)
		},
		func() { // the second one comes while what the first one removes is being closed
			v.gone.Store(true)
			replace(syscall.SIGHUP, chosen, u, a)
			replace(syscall.SIGHUP, chosen, u, v, b, a)
			used(v, b)
		},
		func() { replace(syscall.SIGHUP, wildcard, v, u, chosen, b); used(a) }, // nobody is refused at a
		func() {
			v.gone.Store(true)
			b.gone.Store(true)
			replace(syscall.SIGUSR2, wildcard, u, chosen)
			closedAt(t, v, b)
		},
	}
	began := time.Now()
	for i, step := range steps {
		l.reach(t, wanted*int64(i+1)/int64(len(steps)+1))
		step()
	}
	l.reach(t, wanted)
	s.worker()
	if inode(t, s.socket) != was {
		t.Error("the file of the Unix socket that stays is another one")
	}
	l.stop.Store(true)
	l.group.Wait()
	took := time.Since(began)
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	t.Logf("%v: %v", took.Round(time.Millisecond), &l.tally)
	for _, at := range []*target{chosen, u, a, b, v} {
		t.Logf("%s: %d served, %d connects refused", at.listen, at.served.Load(), at.refused.Load())
	}
	for _, f := range l.failures {
		t.Error(f)
	}
	if l.failed.Load() > 0 || l.whole.Load() < wanted {
		t.Errorf("%v", &l.tally)
	}
	if n := chosen.refused.Load() + u.refused.Load(); n > 0 {
		t.Errorf("%d connects to addresses that stay were refused", n)
	}
	for _, text := range []string{"cut off", "ended by itself", "may be lost", "is killed"} {
		if strings.Contains(s.Output(), text) {
			t.Errorf("the server printed %q:\n%s", text, s.Output())
		}
	}
	for _, at := range []*target{u, v} {
		if _, err := os.Lstat(at.address); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket's file: %v", err)
		}
	}
}

// TestAddressesOfAllKinds reloads with an IPv6 address, another number of loops, other permissions of a Unix socket, another
// admin address and the PROXY protocol, and removes all but one.
func TestAddressesOfAllKinds(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	unix := &target{network: "unix", address: s.socket, listen: "unix:" + s.socket}
	first := &target{network: "tcp", listen: "127.0.0.1:0"}
	s.listenAt([]*target{first, unix}, "loops = 2", `admin = "127.0.0.1:0"`)
	s.start(harness.Options{})
	first.address = s.Address
	mode := func(want os.FileMode) {
		t.Helper()
		harness.Eventually(t, deadline, "the file has other permissions", func() error {
			info, err := os.Lstat(s.socket)
			if err == nil && info.Mode().Perm() != want {
				err = fmt.Errorf("%v", info.Mode())
			}
			return err
		})
	}
	mode(0o640)
	was, admin := inode(t, s.socket), s.says(`admin at (http://\S+)`)[1]

	v6 := &target{network: "tcp6", address: "[::1]:" + port(freeAddress(t)), listen: ""}
	v6.listen = v6.address
	ipv6 := true
	if other, err := net.Listen("tcp6", v6.address); err == nil {
		_ = other.Close()
	} else { // a machine without IPv6
		v6.network, v6.address = "tcp", freeAddress(t)
		v6.listen, ipv6 = v6.address, false
	}
	s.listenAt([]*target{v6, unix, first}, "loops = 3", `admin = "127.0.0.1:0"`, `proxy-from = ["192.0.2.1/32"]`)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	harness.WriteFile(t, s.config, []byte(strings.ReplaceAll(string(text), "0640", "0600")))
	s.Signal(t, syscall.SIGHUP)
	s.replaced()
	s.says(`loops = 3 takes a restart: it stays 2`)
	mode(0o600)
	if inode(t, s.socket) != was {
		t.Error("the file is another one")
	}
	if _, body, err := get("http://" + v6.address + "/page"); err != nil || body != "page" {
		t.Errorf("IPv6 %v: %q, %v", ipv6, body, err)
	}
	s.page()
	if now := s.says(`admin at (http://\S+)`)[1]; now == admin {
		t.Error("the admin address is that of the worker before")
	}
	s.worker()

	// A worker that has been started again without a reload reports that other addresses are configured.
	s.listenAt([]*target{v6})
	if err := syscall.Kill(s.worker(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.says(`listen = \[".*"\] takes a reload, or a restart if the supervisor is of another version: it stays `)
	s.says(`worker \d+ serves\n`)
	s.page()
	s.Signal(t, syscall.SIGUSR2)
	s.replaced()
	closedAt(t, first, unix)
	if _, body, err := get("http://" + v6.address + "/page"); err != nil || body != "page" {
		t.Errorf("the last address: %q, %v", body, err)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// port returns the port of an address.
func port(address string) string { return address[strings.LastIndex(address, ":")+1:] }

// TestHangupWithoutSupervisor changes nothing, and a message says so.
func TestHangupWithoutSupervisor(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	first := &target{network: "tcp", listen: "127.0.0.1:0"}
	s.listenAt([]*target{first})
	s.start(harness.Options{}, "--supervise=false")
	added := &target{network: "tcp", address: freeAddress(t)}
	added.listen = added.address
	s.listenAt([]*target{added})
	s.Signal(t, syscall.SIGHUP)
	s.says(`hangup needs --supervise: nothing is changed`)
	s.page()
	closedAt(t, added)
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestOverlappingAddresses refuses two addresses that take the same connections, as a start does, even if one of the old
// addresses overlaps with the wildcard, too.
func TestOverlappingAddresses(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	kept := &target{network: "tcp", address: freeAddress(t)}
	kept.listen = kept.address
	removed := &target{network: "tcp", address: "127.0.0.2:" + port(kept.address), listen: "127.0.0.2:" + port(kept.address)}
	wildcard := &target{listen: ":" + port(kept.address)}
	s.listenAt([]*target{kept, removed}, "loops = 2")
	s.start(harness.Options{})
	worker := s.worker()
	s.listenAt([]*target{kept, wildcard}, "loops = 2")
	s.Signal(t, syscall.SIGHUP)
	s.says(`--listen: .* and .* take the same connections; leave one of them out \(listen comes from .*:1\)`)
	s.says(fmt.Sprintf(`worker \d+ did not come to serve \(exit status 2\): worker %d stays`, worker))
	s.page()
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
