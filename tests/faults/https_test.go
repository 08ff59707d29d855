package faults

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// startHTTPS starts a file server with https.
func startHTTPS(t *testing.T, root string, o harness.Options, args ...string) *harness.HTTPS {
	t.Helper()
	return harness.StartHTTPS(t, o, root, append([]string{"--verbose", "--max-connections-per-ip", "0"}, args...)...)
}

// loadHTTPS returns a load over https.
func loadHTTPS(s *harness.HTTPS, site *harness.Site, clients int) harness.Load {
	l := load(s.Server, "serve", site, clients)
	l.TLS = s.Client
	return l
}

// TestInjectedHTTPS is TestInjected over https. Files are read and sealed there, and nothing is sent by sendfile.
func TestInjectedHTTPS(t *testing.T) {
	site := harness.NewSite(t)
	requests := requestsPerPlan(t)
	for i, p := range plans {
		if strings.HasPrefix(p.calls, "sendfile") {
			continue
		}
		t.Run(p.calls, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			server := startHTTPS(t, site.Root, p.options(t, i, log))
			waiting := beginWith(t, server.Server, 50, "\x16\x03\x01")
			defer waiting.leave()
			l := loadHTTPS(server, site, 16)
			l.Seed = uint64(i + 1)
			got := l.Run(requests)
			p.check(t, log, got)
			waiting.leave()
			wantQuiet(t, server.Server, "https")
			stop(t, server.Server)
		})
	}
}

// idleTLSBytesMax is how much memory an idle connection of https may take, once handshakes have ceased. See docs/robustness.md for what
// others take.
var idleTLSBytesMax = map[uint16]int64{tls.VersionTLS12: 9 << 10, tls.VersionTLS13: 5 << 10}

// TestIdleConnectionsHTTPS holds 10,000 idle connections of each version of TLS that have got a response, while others are
// served.
func TestIdleConnectionsHTTPS(t *testing.T) {
	site := harness.NewSite(t)
	const wanted = 10_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < wanted+5000 {
		t.Skipf("%d descriptors are not enough for %d connections and their files", limit.Max, wanted)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server := startHTTPS(t, site.Root, harness.Options{}, "--idle-timeout", "5m")
			cfg := server.Client.Clone()
			cfg.MaxVersion = version
			empty := residentBytes(t, server.Server)
			idle := make([]*net.TCPConn, wanted)
			defer func() {
				for _, conn := range idle {
					if conn != nil {
						reset(conn)
					}
				}
			}()
			each(t, wanted, 8, func(i int) (err error) {
				if idle[i], err = dial(server.Address, fmt.Sprintf("127.0.0.%d", 2+i%8), 0); err != nil {
					return err
				}
				secure, err := harness.Secure(idle[i], cfg)
				if err != nil {
					return err
				}
				if _, err := io.WriteString(secure, "GET /static/one HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
					return err
				}
				var buf [4096]byte
				_, err = secure.Read(buf[:])
				return err
			})
			before := processorTime(t, server.Server)
			begin := time.Now()
			time.Sleep(500 * time.Millisecond)
			used, took := processorTime(t, server.Server)-before, time.Since(begin)
			if used > took/2 {
				t.Errorf("%v of processor time in %v without a request", used, took)
			}
			var bytes int64
			harness.Eventually(t, time.Minute, "the server has given back what the handshakes have left", func() error {
				if bytes = int64(residentBytes(t, server.Server)-empty) / wanted; bytes > idleTLSBytesMax[version] {
					return fmt.Errorf("an idle connection takes %d bytes, more than %d", bytes, idleTLSBytesMax[version])
				}
				return nil
			})
			got := loadHTTPS(server, site, 8).Run(500)
			row(t, fmt.Sprintf("%d idle connections, which take %d bytes of memory each and %v of %v processor time",
				wanted, bytes, used, took.Round(time.Millisecond)), got)
			got.Check(t, false)
			for _, conn := range idle {
				reset(conn)
			}
			wantQuiet(t, server.Server, "https")
			stop(t, server.Server)
		})
	}
}
