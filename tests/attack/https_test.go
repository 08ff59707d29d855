package attack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/internal/tlsrecord"
	"aws/tests/harness"
)

// startHTTPS starts a file server with https.
func startHTTPS(t *testing.T, site *harness.Site, args ...string) *harness.HTTPS {
	t.Helper()
	return harness.StartHTTPS(t, harness.Options{}, site.Root, append([]string{"--verbose"}, args...)...)
}

// established requests a small file over connections that exist before an attack begins, one after the other, until it is
// stopped. It returns the latencies, sorted.
func established(t *testing.T, s *harness.HTTPS) (stop func() []time.Duration) {
	t.Helper()
	var over atomic.Bool
	var group sync.WaitGroup
	var latencies []time.Duration
	raw, err := dial(s.Address, "127.0.0.99", 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := harness.Secure(raw, s.Client)
	if err != nil {
		t.Fatal(err)
	}
	group.Go(func() {
		defer func() { _ = conn.Close() }()
		buf := make([]byte, 16<<10)
		for !over.Load() {
			begin := time.Now()
			_ = conn.SetDeadline(begin.Add(30 * time.Second))
			_, err := io.WriteString(conn, "GET /static/one HTTP/1.1\r\nHost: a\r\n\r\n")
			for head := ""; err == nil && !strings.HasSuffix(head, "\r\n\r\n") && !strings.Contains(head, "\r\n\r\n"); {
				var n int
				n, err = conn.Read(buf)
				head += string(buf[:n])
			}
			if err != nil {
				t.Errorf("an established connection: %v", err)
				return
			}
			latencies = append(latencies, time.Since(begin))
			time.Sleep(time.Millisecond)
		}
	})
	return func() []time.Duration {
		over.Store(true)
		group.Wait()
		slices.Sort(latencies)
		return latencies
	}
}

func quantile(l []time.Duration, q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[min(int(q*float64(len(l))), len(l)-1)]
}

// floodHandshakes lets clients of several addresses make full handshakes, one after the other, for a while. It returns how many
// they have got.
func floodHandshakes(address string, clients, addresses int, cfg *tls.Config, d time.Duration) int64 {
	cfg = cfg.Clone()
	cfg.ClientSessionCache = nil
	cfg.CurvePreferences = []tls.CurveID{tls.X25519}
	var done atomic.Int64
	var group sync.WaitGroup
	end := time.Now().Add(d)
	for i := range clients {
		group.Go(func() {
			for time.Now().Before(end) {
				conn, err := dial(address, fmt.Sprintf("127.0.0.%d", 2+i%addresses), 0)
				if err != nil {
					continue
				}
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				if tls.Client(conn, cfg).Handshake() == nil {
					done.Add(1)
				}
				clientGroup{conn}.hangUp()
			}
		})
	}
	group.Wait()
	return done.Load()
}

// floodMemoryMax bounds what a flood of handshakes may make the server hold: twice what the limits of the loops let them have.
const floodMemoryMax = 150 << 20

// TestHandshakeFlood floods the server with handshakes, from one address and from many: an established connection is served as
// before, and the memory is bounded. What it is compared with is a flood of another server of this machine, which takes as
// much of the processors.
func TestHandshakeFlood(t *testing.T) {
	site := harness.NewSite(t)
	for _, addresses := range []int{1, 32} {
		t.Run(fmt.Sprintf("%d addresses", addresses), func(t *testing.T) {
			server, other := startHTTPS(t, site), startHTTPS(t, site)
			stopBefore := established(t, server)
			floodHandshakes(other.Address, 32, addresses, other.Client, 3*time.Second)
			before := stopBefore()
			stop(t, other.Server)
			memory := anonymousBytes(t, server.Server)
			during := established(t, server)
			done := floodHandshakes(server.Address, 32, addresses, server.Client, 3*time.Second)
			held := anonymousBytes(t, server.Server)
			got := during()
			t.Logf("| flood of %d handshakes, %d addresses | established connection while another server is flooded: p50 %v, p99 %v | during, %d responses: p50 %v, p99 %v, longest %v | memory %d to %d KiB |",
				done, addresses, quantile(before, 0.5), quantile(before, 0.99), len(got), quantile(got, 0.5), quantile(got, 0.99),
				quantile(got, 1), memory>>10, held>>10)
			const noisy = 100 * time.Millisecond
			if p90 := quantile(got, 0.9); p90 > max(2*quantile(before, 0.9), noisy) {
				t.Errorf("p90 of an established connection: %v while another server is flooded, %v during", quantile(before, 0.9), p90)
			}
			if held > floodMemoryMax {
				t.Errorf("the server holds %d bytes", held)
			}
			if done == 0 {
				t.Error("no handshake was made")
			}
			stop(t, server.Server)
		})
	}
}

// TestSlowHandshakes sends ClientHellos a byte at a time over thousands of connections: others get their handshakes, and the slow
// ones are ended by their deadline.
func TestSlowHandshakes(t *testing.T) {
	site := harness.NewSite(t)
	server := startHTTPS(t, site, "--max-connections-per-ip", "0")
	const count = 3000
	hello := clientHello(t)
	memory := anonymousBytes(t, server.Server)
	group := attackers(t, server.Address, count, 0, func(int) string { return string(hello[:1]) })
	begin := time.Now()
	victim := wellBehaved(server.Server, site)
	victim.TLS = server.Client
	running := victim.Start()
	var held int64
	ended := 0
	for at := 1; at < 16 && ended < count; at++ {
		time.Sleep(time.Second - time.Since(begin)%time.Second)
		held = max(held, anonymousBytes(t, server.Server))
		ended = 0
		for _, conn := range group {
			if _, err := conn.Write(hello[at : at+1]); err != nil {
				ended++
			}
		}
	}
	got := running.Stop()
	t.Logf("| %d slow handshakes | %d ended after %v | others: %v | %d KiB each |", count, ended,
		time.Since(begin).Round(time.Second), got, (held-memory)/count>>10)
	got.Check(t, false)
	if ended < count {
		t.Errorf("%d of %d slow handshakes were ended", ended, count)
	}
	stop(t, server.Server)
}

// clientHello returns the first record of a client.
func clientHello(t *testing.T) []byte {
	t.Helper()
	here, there := net.Pipe()
	go func() { _ = tls.Client(here, &tls.Config{ServerName: "localhost"}).Handshake() }()
	buf := make([]byte, 4096)
	n, err := there.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	_ = here.Close()
	_ = there.Close()
	return buf[:n]
}

// TestBrokenHandshakes sends what is not a ClientHello, or not all of one: each connection is ended, and others are served.
func TestBrokenHandshakes(t *testing.T) {
	site := harness.NewSite(t)
	server := startHTTPS(t, site)
	hello := clientHello(t)
	huge := []byte{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}
	fragments := []byte{}
	for i := range hello[5:] { // a record for each byte
		fragments = append(fragments, 22, 3, 1, 0, 1, hello[5+i])
	}
	cases := map[string][]byte{
		"garbage":                 harness.Content(20_000, 1),
		"zeros":                   make([]byte, 20_000),
		"empty records":           []byte(strings.Repeat("\x16\x03\x01\x00\x00", 4000)),
		"half a ClientHello":      hello[:len(hello)/2],
		"its header":              hello[:5],
		"a hello of 16 MiB":       append(huge, make([]byte, 1<<20)...),
		"a record too large":      append([]byte{22, 3, 1, 0xff, 0xff}, make([]byte, 1<<16)...),
		"alerts":                  []byte(strings.Repeat("\x15\x03\x01\x00\x02\x01\x00", 2000)),
		"change_cipher_specs":     []byte(strings.Repeat("\x14\x03\x03\x00\x01\x01", 2000)),
		"data before the end":     append(slices.Clone(hello), []byte("\x17\x03\x03\x00\x20"+strings.Repeat("x", 0x20))...),
		"a record for each byte":  fragments,
		"the ClientHello, twice":  append(slices.Clone(hello), hello...),
		"plain HTTP":              []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		"bit flips in the middle": flip(hello),
	}
	victim := wellBehaved(server.Server, site)
	victim.TLS = server.Client
	running := victim.Start()
	for name, text := range cases {
		for range 20 {
			conn, err := dial(server.Address, "127.0.0.9", 0)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = conn.Write(text)
			_ = conn.CloseWrite()
			var timeout net.Error
			if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("%s: the connection is not ended", name)
			}
			clientGroup{conn}.hangUp()
		}
	}
	running.Stop().Check(t, false)
	stop(t, server.Server)
}

func flip(hello []byte) []byte {
	b := slices.Clone(hello)
	for i := 10; i < len(b); i += 17 {
		b[i] ^= 0x41
	}
	return b
}

// TestRecordFloods sends records that bring nothing. What has no end is refused; one byte in each record is served.
func TestRecordFloods(t *testing.T) {
	site := harness.NewSite(t)
	server := startHTTPS(t, site)
	const request = "GET /static/one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for _, c := range []struct {
		name   string
		served bool
		make   func(s *harness.SecureConn) []byte
	}{
		{"empty records", false, func(s *harness.SecureConn) (b []byte) {
			for range 5000 {
				b = s.AppendRecord(b, tlsrecord.TypeData, nil)
			}
			return b
		}},
		{"KeyUpdates", false, func(s *harness.SecureConn) (b []byte) {
			for i := range 5000 {
				b, _ = s.AppendKeyUpdate(b, i%2 == 0)
			}
			return b
		}},
		{"records of one byte", true, func(s *harness.SecureConn) (b []byte) {
			for i := range len(request) {
				b = s.AppendRecord(b, tlsrecord.TypeData, []byte(request[i:i+1]))
			}
			return b
		}},
		{"a KeyUpdate for each byte", true, func(s *harness.SecureConn) (b []byte) {
			for i := range len(request) {
				b = s.AppendRecord(b, tlsrecord.TypeData, []byte(request[i:i+1]))
				b, _ = s.AppendKeyUpdate(b, true)
			}
			return b
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := dial(server.Address, "127.0.0.9", 0)
			if err != nil {
				t.Fatal(err)
			}
			defer clientGroup{raw}.hangUp()
			_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
			conn, err := harness.Secure(raw, server.Client)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.WriteRecords(c.make(conn))
			if !c.served {
				_ = conn.WriteRecords(conn.AppendRecord(nil, tlsrecord.TypeData, []byte(request)))
			}
			got, err := io.ReadAll(conn)
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatal("the connection is not ended")
			}
			if served := strings.HasPrefix(string(got), "HTTP/1.1 200 "); served != c.served {
				t.Errorf("served: %v; %v", served, err)
			}
		})
	}
	stop(t, server.Server)
}

// TestClientsThatDoNotReadHTTPS lets clients request a large file over TLS and read nothing: the server keeps the rest of a record
// for each at the most.
func TestClientsThatDoNotReadHTTPS(t *testing.T) {
	site := harness.NewSite(t)
	const count = 500
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server := startHTTPS(t, site)
			cfg := server.Client.Clone()
			cfg.MaxVersion = version
			client := func(i int) *net.TCPConn {
				raw, err := dial(server.Address, fmt.Sprintf("127.0.0.%d", 2+i%4), 4096)
				if err != nil {
					t.Fatal(err)
				}
				conn, err := harness.Secure(raw, cfg)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.WriteString(conn, "GET /static/huge HTTP/1.1\r\nHost: a\r\n\r\n")
				return raw
			}
			// Handshakes leave garbage up to a bound of the collector's, whatever the clients do afterwards: it is reached before
			// by clients that leave one after the other.
			for i := range count {
				_ = client(i).Close()
			}
			memory := anonymousBytes(t, server.Server)
			var group clientGroup
			defer func() { group.hangUp() }()
			for i := range count {
				group = append(group, client(i))
			}
			victim := wellBehaved(server.Server, site)
			victim.TLS = server.Client
			got := victim.RunFor(time.Second)
			got.Check(t, false)
			each := (anonymousBytes(t, server.Server) - memory) / count
			t.Logf("| %d clients that read nothing, %s | %d bytes of memory each | others: %v |", count, tls.VersionName(version), each, got)
			const recordAndMore = 80 << 10
			if each > recordAndMore {
				t.Errorf("each takes %d bytes", each)
			}
			group.hangUp()
			stop(t, server.Server)
		})
	}
}

// TestRenegotiation lets a client of TLS 1.2 ask for another handshake on its connection, which ends it (RFC 5746).
func TestRenegotiation(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	site := harness.NewSite(t)
	server := startHTTPS(t, site)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "s_client", "-tls1_2", "-connect", server.Address)
	input, typed := io.Pipe()
	cmd.Stdin = input
	var output harness.Transcript
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, 20*time.Second, "the handshake is complete", func() error {
		if !strings.Contains(output.String(), "Verify return code") {
			return harness.Errorf("%s", output.String())
		}
		return nil
	})
	_, _ = io.WriteString(typed, "R\n")
	harness.Eventually(t, 20*time.Second, "the server has refused another one", func() error {
		if text := output.String(); !strings.Contains(text, "RENEGOTIATING") || !strings.Contains(text, "alert") {
			return harness.Errorf("%s", text)
		}
		return nil
	})
	_ = typed.Close()
	_ = cmd.Wait() // it ends with an error, as it should
	stop(t, server.Server)
}
