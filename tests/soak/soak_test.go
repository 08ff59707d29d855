package soak

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	durationDefault = 20 * time.Second
	durationMax     = 24 * time.Hour
)

func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("DURATION")
	if text == "" {
		return durationDefault
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > durationMax {
		t.Fatalf("DURATION=%s: it must be a time from 1s to %v, such as 10m", text, durationMax)
	}
	return d
}

// holding is what a process has at one moment.
type holding struct {
	anonymous   int64 // bytes of memory of its own
	descriptors int
	sockets     int
	threads     int
	contexts    int // of kernel AIO; each is a mapping (aio(7))
}

func (h holding) String() string {
	return fmt.Sprintf("%.1f MiB, %d descriptors (%d sockets), %d threads, %d AIO contexts",
		float64(h.anonymous)/(1<<20), h.descriptors, h.sockets, h.threads, h.contexts)
}

func held(t *testing.T, s *harness.Server) holding {
	t.Helper()
	var h holding
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "RssAnon" && name != "Threads" {
			continue
		}
		n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if name == "Threads" {
			h.threads = int(n)
		} else {
			h.anonymous = n << 10
		}
	}
	for kind, count := range s.Descriptors(t) {
		h.descriptors += count
		if kind == "socket" {
			h.sockets = count
		}
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	h.contexts = bytes.Count(maps, []byte("/[aio]"))
	return h
}

// settled waits until the server holds no connection and no file that is not in use.
func settled(t *testing.T, s *harness.Server, sockets, files int) holding {
	t.Helper()
	var h holding
	harness.Eventually(t, 40*time.Second, "connections and files are closed", func() error {
		h = held(t, s)
		if h.sockets > sockets || files > 0 && h.descriptors > files {
			return harness.Errorf("%v", h)
		}
		return nil
	})
	return h
}

// faultPlan is what goes wrong all the time: nothing that a connection does not survive, and some that
// it does not.
const faultPlan = "recv=EINTR:EAGAIN:short:ECONNRESET,send=EINTR:EAGAIN:short:EPIPE:ENOBUFS," +
	"sendfile=EINTR:EAGAIN:short:ENOMEM:EIO,accept4=EINTR:EAGAIN:ECONNABORTED,io_submit=EAGAIN:short:EIO," +
	"io_getevents=EINTR:short,preadv2=EAGAIN"

// TestSoak runs a mixed load with faults and compares what the server holds afterwards.
func TestSoak(t *testing.T) {
	each := duration(t) / 3
	for _, mode := range []string{"dropin", "serve", "https"} {
		t.Run(mode, func(t *testing.T) {
			site := harness.NewSite(t)
			options := harness.Options{Preload: harness.Build(t).Faults, Env: []string{
				"AWS_FAULT_CALLS=" + faultPlan, "AWS_FAULT_PERMILLE=10",
			}}
			var server *harness.Server
			var secure *harness.HTTPS
			perConn, reloads := 15, 0
			switch mode {
			case "serve":
				server = harness.StartServe(t, options, site.Root, "--verbose", "--log", "/dev/null")
			case "https":
				secure = harness.StartHTTPS(t, options, site.Root, "--verbose", "--log", "/dev/null")
				secure.Client.Time = harness.BeforeExpiry
				server = secure.Server
			default:
				options.Args = []string{"--verbose"}
				server = harness.StartAWS(t, site.Root, options)
				perConn = 1
			}
			sockets := map[string]int{"dropin": 1, "serve": 2, "https": 4}[mode]
			trouble := func(d time.Duration) *harness.Loaded {
				l := harness.Load{Address: server.Address, Site: site, Clients: 8, Seed: 1, PerConn: perConn}
				if secure != nil {
					l.TLS = secure.Client
				}
				return trouble(t, server, l, d, func() {
					if secure == nil {
						return
					}
					if reloads++; reloads%2 == 0 {
						secure.ReissueExpired(t)
					} else {
						secure.Reissue(t)
					}
					server.Signal(t, syscall.SIGHUP)
				})
			}
			before, aioBefore := settled(t, server, sockets, 0), aioTaken(t)
			// The most that it ever has to hold is held once at the beginning.
			rampUp := trouble(max(each/4, 2*time.Second))
			rampUp.Check(t, true)
			after := settled(t, server, sockets, 0)
			got := trouble(each - max(each/4, 2*time.Second))
			got.Check(t, true)
			end := settled(t, server, sockets, before.descriptors)
			t.Logf("at the start:   %v", before)
			t.Logf("after ramp-up:  %v; %v", after, rampUp)
			t.Logf("after the soak: %v; %v", end, got)
			if end.descriptors > before.descriptors || end.contexts != before.contexts {
				t.Errorf("at the end it holds %v, at the start %v", end, before)
			}
			// Go's heap breathes by a few megabytes, and threads are never given back.
			const breath = 16 << 20
			if end.anonymous > after.anonymous+after.anonymous/5+breath {
				t.Errorf("memory has grown from %d to %d bytes", after.anonymous, end.anonymous)
			}
			if end.threads > after.threads+16 {
				t.Errorf("threads have grown from %d to %d", after.threads, end.threads)
			}
			if status := server.Stop(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
			if secure != nil {
				server.Says(t, `hangup: the files of certificates, keys and client CAs were read again`, 3)
				server.Says(t, `the certificate has expired on`, 1)
			}
			t.Logf("AIO slots of the machine: %d before, %d after", aioBefore, aioTaken(t))
			t.Log(server.Output())
		})
	}
}

// aioTaken returns how many AIO slots the machine has given away, to whomever.
func aioTaken(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/fs/aio-nr")
	if err != nil {
		t.Skip(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// trouble loads the server for a while, with clients that behave, clients that leave or stall, files that
// are replaced, and pauses of the whole process, each followed by a call of reload.
func trouble(t *testing.T, s *harness.Server, l harness.Load, d time.Duration, reload func()) *harness.Loaded {
	t.Helper()
	site := l.Site
	running := l.Start()
	var over atomic.Bool
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(i)))
			for !over.Load() {
				if err := misbehave(s.Address, l.TLS, site, random); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	group.Go(func() { // replaced by the same contents, so that all responses can be compared
		random := rand.New(rand.NewPCG(4, 4))
		for !over.Load() {
			name := site.Paths[random.IntN(len(site.Paths))]
			path := filepath.Join(site.Root, name)
			err := os.WriteFile(path+".new", site.Bytes[name], 0o644)
			if err == nil {
				err = os.Rename(path+".new", path)
			}
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(time.Second, time.Until(end)))
		s.Signal(t, syscall.SIGSTOP)
		time.Sleep(50 * time.Millisecond)
		s.Signal(t, syscall.SIGCONT)
		reload()
	}
	over.Store(true)
	group.Wait()
	return running.Stop()
}

// misbehave is one client that goes away where it should not.
func misbehave(address string, cfg *tls.Config, site *harness.Site, random *rand.Rand) error {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return errors.New("no TCP")
	}
	sender := net.Conn(tcp)
	if cfg != nil && random.IntN(4) > 0 { // else it speaks no TLS
		secure, err := harness.Secure(tcp, cfg)
		if err != nil {
			return nil //nolint:nilerr // a fault has ended the connection
		}
		sender = secure
	}
	text := "GET /" + site.Paths[random.IntN(len(site.Paths))] + " HTTP/1.1\r\nHost: a\r\n\r\n"
	switch random.IntN(5) {
	case 0: // it says half of it
		_, _ = io.WriteString(sender, text[:random.IntN(len(text))])
	case 1: // it takes a part of the response
		_, _ = io.WriteString(sender, text)
		_, _ = io.CopyN(io.Discard, sender, random.Int64N(300_000))
	case 2: // it sends what is not a request
		_, _ = io.WriteString(sender, strings.Repeat("\x16\x03\x01", 1+random.IntN(20_000)))
		_, _ = io.CopyN(io.Discard, sender, 1)
	case 3: // it floods
		_, _ = io.WriteString(sender, strings.Repeat(text, 50))
	case 4: // it stalls
		_, _ = io.WriteString(sender, text)
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
	}
	if random.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
	return nil
}
