package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"aws/tests/harness"
)

// http2Attacker is a client that sends frames.
type http2Attacker struct {
	*net.TCPConn
	*http2.Framer
	out     bytes.Buffer
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// dialHTTP2 connects, and exchanges SETTINGS.
func dialHTTP2(address, from string, settings ...http2.Setting) (*http2Attacker, error) {
	conn, err := dial(address, from, 0)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	a := &http2Attacker{TCPConn: conn}
	a.Framer = http2.NewFramer(&a.out, conn)
	a.AllowIllegalWrites = true
	a.encoder = hpack.NewEncoder(&a.block)
	a.out.WriteString(http2.ClientPreface)
	return a, errors.Join(a.WriteSettings(settings...), a.WriteSettingsAck(), a.flush())
}

// flush sends what has been written.
func (a *http2Attacker) flush() error {
	_, err := a.Write(a.out.Bytes())
	a.out.Reset()
	return err
}

// request writes HEADERS.
func (a *http2Attacker) request(id uint32, path string, ends bool, more ...hpack.HeaderField) error {
	a.block.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "a"}, {Name: ":path", Value: path},
	}, more...) {
		_ = a.encoder.WriteField(f)
	}
	return a.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: a.block.Bytes(), EndHeaders: true, EndStream: ends})
}

// goAway reads until the server ends the connection, and returns why.
func (a *http2Attacker) goAway() (code http2.ErrCode, said bool) {
	for {
		f, err := a.ReadFrame()
		if err != nil {
			return code, said
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			code, said = g.ErrCode, true
		}
	}
}

// floods are attacks that go on until the server ends the connection. Each call writes some frames.
var floods = []struct {
	name  string
	frame func(a *http2Attacker, i uint32) error
}{
	{"rapid reset (CVE-2023-44487)", func(a *http2Attacker, i uint32) error {
		return errors.Join(a.request(2*i+1, "/static/large", true), a.WriteRSTStream(2*i+1, http2.ErrCodeCancel))
	}},
	{"resets by the server (CVE-2025-8671), WINDOW_UPDATE 0", func(a *http2Attacker, i uint32) error {
		return errors.Join(a.request(2*i+1, "/static/large", true), a.WriteWindowUpdate(2*i+1, 0))
	}},
	{"resets by the server, DATA behind END_STREAM", func(a *http2Attacker, i uint32) error {
		return errors.Join(a.request(2*i+1, "/dynamic/large", true), a.WriteData(2*i+1, true, []byte("x")))
	}},
	{"resets by the server, malformed requests", func(a *http2Attacker, i uint32) error {
		return a.request(2*i+1, "", true)
	}},
	{"more streams than there may be", func(a *http2Attacker, i uint32) error { return a.request(2*i+1, "/dynamic/large", false) }},
	{"CONTINUATION without end (CVE-2024-27316)", func(a *http2Attacker, i uint32) error {
		if i == 0 {
			return a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
		}
		return a.WriteContinuation(1, false, []byte{0x82})
	}},
	{"large header blocks", func(a *http2Attacker, i uint32) error {
		if i == 0 {
			return a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 16000)})
		}
		return a.WriteContinuation(1, false, make([]byte, 16000))
	}},
	{"PING", func(a *http2Attacker, _ uint32) error { return a.WritePing(false, [8]byte{}) }},
	{"SETTINGS", func(a *http2Attacker, _ uint32) error {
		return a.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 5})
	}},
	{"PRIORITY", func(a *http2Attacker, i uint32) error { return a.WritePriority(2*i+1, http2.PriorityParam{}) }},
	{"empty DATA", func(a *http2Attacker, i uint32) error {
		if i == 0 {
			return a.request(1, "/static/small", false)
		}
		return a.WriteData(1, false, nil)
	}},
	{"WINDOW_UPDATE of one byte", func(a *http2Attacker, _ uint32) error { return a.WriteWindowUpdate(0, 1) }},
	{"unknown frames", func(a *http2Attacker, _ uint32) error { return a.WriteRawFrame(0x99, 0, 0, nil) }},
}

// TestHTTP2Floods floods a server over several connections, again and again: each is ended with ENHANCE_YOUR_CALM, other clients are
// served, and memory stays bounded.
func TestHTTP2Floods(t *testing.T) {
	site := harness.NewSite(t)
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			server := start(t, "serve", site.Root, "--h2c")
			memory := anonymousBytes(t, server)
			var calmed, others atomic.Int64
			conns := 0
			victims := beside(t, server, site, flood.name, func(s *harness.Server) func() {
				var group sync.WaitGroup
				for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
					if s == server {
						conns += 4
					}
					for i := range 4 {
						group.Go(func() { attackOnce(t, s, fmt.Sprintf("127.0.0.%d", 2+i), flood.frame, &calmed, &others) })
					}
					group.Wait()
				}
				return func() {}
			})
			grown := anonymousBytes(t, server) - memory
			t.Logf("%d connections were ended with ENHANCE_YOUR_CALM, %d otherwise; memory has grown by %d KiB", calmed.Load(), others.Load(), grown>>10)
			if calmed.Load() == 0 || others.Load() > calmed.Load()/4 {
				t.Errorf("%d connections were ended with ENHANCE_YOUR_CALM, and %d otherwise", calmed.Load(), others.Load())
			}
			const most = 80 << 20 // a heap that has grown, the buffers of four connections, and those of others
			if grown > most {
				t.Errorf("memory has grown by %d KiB", grown>>10)
			}
			// What an attacker makes the server do does not depend on the time.
			if n := requestsOf(t, stop(t, server)) - victims; n > conns*requestsPerAttacker {
				t.Errorf("%d requests were served on %d connections of attackers", n, conns)
			}
		})
	}
}

// requestsPerAttacker is how many requests a connection may have served without one response that is completed: those that may be reset, and those that there may be at
// once.
const requestsPerAttacker = 300 + 128 + 1

// requestsOf returns how many requests a server has counted, by its output.
func requestsOf(t *testing.T, output string) (n int) {
	t.Helper()
	_, rest, _ := strings.Cut(output, " requests ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return n
}

// attackOnce floods over one connection until that ends.
func attackOnce(t *testing.T, server *harness.Server, from string, frame func(a *http2Attacker, i uint32) error, calmed, others *atomic.Int64) {
	a, err := dialHTTP2(server.Address, from)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = a.Close() }()
	var group sync.WaitGroup
	group.Go(func() {
		if code, said := a.goAway(); said && code == http2.ErrCodeEnhanceYourCalm {
			calmed.Add(1)
		} else {
			others.Add(1)
		}
		_ = a.Close()
	})
	for i := uint32(0); i < 20_000; i++ {
		if frame(a, i) != nil {
			break
		}
		if a.out.Len() > 4096 && a.flush() != nil {
			break
		}
	}
	_ = a.CloseWrite()
	group.Wait()
}

// TestHPACKBomb sends header blocks of some kilobytes that stand for megabytes: they cost no memory, and the request is refused.
func TestHPACKBomb(t *testing.T) {
	site := harness.NewSite(t)
	server := start(t, "serve", site.Root, "--h2c")
	memory := anonymousBytes(t, server)
	beside(t, server, site, "HPACK bomb", func(s *harness.Server) func() {
		for i := range 20 {
			a, err := dialHTTP2(s.Address, "127.0.0.2")
			if err != nil {
				t.Fatal(err)
			}
			// An entry of 4,000 bytes, and then its index, 12,000 times.
			if err := a.request(1, "/static/small", true, hpack.HeaderField{Name: "x", Value: strings.Repeat("y", 4000)}); err != nil {
				t.Fatal(err)
			}
			block := append([]byte{0x82, 0x86, 0x84}, bytes.Repeat([]byte{0xbe}, 12_000)...)
			for id := uint32(3); id < 23; id += 2 {
				if err := a.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true}); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.flush(); err != nil {
				t.Fatal(err)
			}
			statuses := map[string]int{}
			a.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
			for len(statuses) < 2 || statuses["431"] < 10 {
				f, err := a.ReadFrame()
				if err != nil {
					t.Fatalf("client %d, %v: %v", i, statuses, err)
				}
				if h, ok := f.(*http2.MetaHeadersFrame); ok {
					statuses[h.PseudoValue("status")]++
				}
			}
			_ = a.Close()
		}
		return func() {}
	})
	if grown := anonymousBytes(t, server) - memory; grown > 32<<20 {
		t.Errorf("memory has grown by %d KiB", grown>>10)
	}
	stop(t, server)
}

// TestHTTP2ClientsThatDoNotRead lets clients request files on as many streams as there may be, and take nothing: their windows are empty, or they do not
// read. What that costs is stated for each stream. The buffers of a connection's streams have 1 MiB at the most.
func TestHTTP2ClientsThatDoNotRead(t *testing.T) {
	site := harness.NewSite(t)
	if err := os.WriteFile(filepath.Join(site.Root, "static", "page"), make([]byte, 8<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []stalled{
		{"windows of nothing, static", 20, "/static/huge", 0, false, 10 << 10},
		{"windows of nothing, dynamic", 20, "/dynamic/huge", 0, false, 10 << 10},
		{"windows of nothing, small files", 20, "/static/page", 0, false, 6 << 10},
		{"windows of nothing, error pages", 20, "/none", 0, false, 6 << 10},
		{"windows of one byte", 20, "/static/huge", 1, false, 10 << 10},
		{"open windows, and nothing is read", 20, "/static/huge", 1 << 30, false, 12 << 10},
		{"open windows, and little is read", 20, "/static/huge", 1 << 30, true, 12 << 10},
		{"nothing is read, long heads", 5, "/static?" + strings.Repeat("0", 8000), 1 << 30, false, 12 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := start(t, "serve", site.Root, "--h2c")
			const streams = 128 // as many as there may be
			var memory, each int64
			beside(t, server, site, c.name, func(s *harness.Server) func() {
				if s == server && memory == 0 { // what others take has been taken
					memory = anonymousBytes(t, s)
				}
				group := c.open(t, s, streams)
				time.Sleep(300 * time.Millisecond)
				if s == server && each == 0 {
					each = (anonymousBytes(t, server) - memory) / int64(c.conns*streams)
				}
				return group.end
			})
			t.Logf("| %d connections with %d streams each, %s | %d bytes for each stream |", c.conns, streams, c.name, each)
			if each > c.most {
				t.Errorf("each stream takes %d bytes", each)
			}
			stop(t, server)
		})
	}
}

// stalled is clients that take nothing, or little.
type stalled struct {
	name   string
	conns  int
	path   string
	window uint32
	slow   bool  // they read a little, now and then
	most   int64 // bytes for a stream
}

// stalledGroup is their connections.
type stalledGroup struct {
	clients []*http2Attacker
	reads   sync.WaitGroup
}

// open connects, and sends the requests. The first of each connection is for a large file.
func (c *stalled) open(t *testing.T, server *harness.Server, streams int) *stalledGroup {
	t.Helper()
	g := &stalledGroup{}
	t.Cleanup(g.end)
	for i := range c.conns {
		a, err := dialHTTP2(server.Address, fmt.Sprintf("127.0.0.%d", 2+i%4), http2.Setting{ID: http2.SettingInitialWindowSize, Val: c.window})
		if err != nil {
			t.Fatal(err)
		}
		g.clients = append(g.clients, a)
		if c.window > 1 {
			_ = a.WriteWindowUpdate(0, 1<<30)
		}
		_ = a.request(1, "/static/huge", true)
		for s := range uint32(streams - 1) {
			_ = a.request(2*s+3, c.path, true)
		}
		if err := a.flush(); err != nil {
			t.Fatal(err)
		}
		if c.slow {
			g.reads.Go(func() {
				for buf := make([]byte, 512); ; time.Sleep(20 * time.Millisecond) {
					if _, err := a.Read(buf); err != nil {
						return
					}
				}
			})
		}
	}
	return g
}

// end resets the connections.
func (g *stalledGroup) end() {
	for _, a := range g.clients {
		_ = a.SetLinger(0)
		_ = a.Close()
	}
	g.clients = nil
	g.reads.Wait()
}

// TestStreamNumbers uses the numbers of streams up, on one connection after the other: the server announces the end before that.
func TestStreamNumbers(t *testing.T) {
	site := harness.NewSite(t)
	server := start(t, "serve", site.Root, "--h2c")
	memory := anonymousBytes(t, server)
	beside(t, server, site, "numbers of streams used up", func(s *harness.Server) func() {
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			useNumbersUp(t, s)
		}
		return func() {}
	})
	if grown := anonymousBytes(t, server) - memory; grown > 32<<20 {
		t.Errorf("memory has grown by %d KiB", grown>>10)
	}
	stop(t, server)
}

// useNumbersUp begins the last stream that a connection may have, and waits for the end of both.
func useNumbersUp(t *testing.T, server *harness.Server) {
	t.Helper()
	a, err := dialHTTP2(server.Address, "127.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	if err := errors.Join(a.request(1<<31-1, "/static/small", true), a.flush()); err != nil {
		t.Fatal(err)
	}
	said, content := false, 0
	for !said || content == 0 {
		f, err := a.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			said = f.ErrCode == http2.ErrCodeNo
		case *http2.DataFrame:
			content += len(f.Data())
		case *http2.PingFrame:
			if err := errors.Join(a.WritePing(true, f.Data), a.flush()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := io.Copy(io.Discard, a.TCPConn); err != nil {
		t.Error(err)
	}
}
