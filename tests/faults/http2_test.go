package faults

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestColdDiskHTTP2 lets streams of one connection download cold files from a disk of 20 MiB per second, by sendfile and by loading:
// requests for a file that is in memory, on the same connection, keep most of their rate. Noise is why the test wants less than
// docs/robustness.md has.
func TestColdDiskHTTP2(t *testing.T) {
	const (
		downloads      = 8
		bytesPerSecond = 20 << 20
		keptMin        = 0.5
		while          = 2 * time.Second
	)
	site := harness.NewSite(t)
	content := harness.Content(16<<20, 9)
	for i := range downloads {
		writeCold(t, filepath.Join(site.Root, fmt.Sprintf("cold%d", i)), content)
		writeCold(t, filepath.Join(site.Root, "dynamic", fmt.Sprintf("cold%d", i)), content)
	}
	server := startHTTPS(t, site.Root, harness.Options{})
	slowDisk(t, server.Server, site.Root, bytesPerSecond)
	tr := &http.Transport{TLSClientConfig: server.Client.Clone(), Protocols: new(http.Protocols), DisableCompression: true}
	tr.Protocols.SetHTTP2(true)
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	get := func(path string, take func(n int) bool) error {
		r, err := client.Get("https://" + server.Address + path)
		if err != nil {
			return err
		}
		defer func() { _ = r.Body.Close() }()
		if r.StatusCode != http.StatusOK || r.ProtoMajor != 2 {
			return fmt.Errorf("%s by %s", r.Status, r.Proto)
		}
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buf)
			if !take(n) || err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	hot := func() (whole int) { // requests one after the other
		for end := time.Now().Add(while); time.Now().Before(end); whole++ {
			if err := get("/static/small", func(int) bool { return true }); err != nil {
				t.Error(err)
				return whole
			}
		}
		return whole
	}
	if err := get("/static/small", func(int) bool { return true }); err != nil {
		t.Fatal(err)
	}
	before := hot()
	var group sync.WaitGroup
	var cold atomic.Int64
	var over atomic.Bool
	for i := range downloads {
		group.Go(func() {
			path := fmt.Sprintf("/cold%d", i/2)
			if i%2 == 0 {
				path = "/dynamic" + path
			}
			err := get(path, func(n int) bool {
				cold.Add(int64(n))
				return !over.Load()
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	during := hot()
	bytes := cold.Load()
	over.Store(true)
	group.Wait()
	after := hot()
	kept := 2 * float64(during) / float64(before+after)
	t.Logf("| a cold disk, one connection of HTTP/2: %d downloads have got %d KiB/s; hot requests keep %.2f of their rate (before %d, during %d, after %d in %v) |",
		downloads, int(float64(bytes)/while.Seconds())>>10, kept, before, during, after, while)
	if kept < keptMin || bytes == 0 {
		t.Errorf("hot requests keep %.2f of their rate, and downloads have got %d bytes", kept, bytes)
	}
	stop(t, server.Server)
}
