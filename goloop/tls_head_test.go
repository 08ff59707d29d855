package goloop

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/handler/fileserver"
)

// TestLongHeadsOverTLS has responses whose heads are as long as a request allows. One that is longer than what is sealed at once at the most is
// not sent, and the server goes on.
func TestLongHeadsOverTLS(t *testing.T) {
	s := newSite(t)
	if err := os.Mkdir(filepath.Join(s.dir, "static", "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	server, client := startTLS(t, s, func(o *fileserver.Options, _ *ServerConfig) {
		o.Limits.HeadBytesMax, o.Limits.TargetBytesMax = 1<<20, 1<<20
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := client.Clone()
		cfg.MinVersion, cfg.MaxVersion = version, version
		for _, n := range []int{100_000, 250_000, 600_000} {
			query := strings.Repeat("0", n)
			request := "GET /directory?" + query + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
			c := dialTLS(t, server, cfg)
			if _, err := c.Write([]byte(request + request)); err != nil && n <= sealedHeadMax { // or the server may end it meanwhile
				t.Fatal(err)
			}
			in := bufio.NewReader(c)
			for range 2 {
				r, err := http.ReadResponse(in, nil)
				if n > sealedHeadMax {
					if err == nil {
						t.Errorf("%s, %d bytes: %s", tls.VersionName(version), n, r.Status)
					}
					break
				}
				if err != nil {
					t.Fatalf("%s, %d bytes: %v", tls.VersionName(version), n, err)
				}
				if got := r.Header.Get("Location"); r.StatusCode != http.StatusMovedPermanently || got != "directory/?"+query {
					t.Errorf("%s, %d bytes: %s, %.100q", tls.VersionName(version), n, r.Status, got)
				}
				_ = r.Body.Close()
			}
			_ = c.Close()
		}
	}
}
