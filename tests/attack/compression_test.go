package attack

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// memoryFiles returns the number of files in memory that a server has open, and the size of all.
func memoryFiles(t *testing.T, s *harness.Server) (count int, size int64) {
	t.Helper()
	directory := fmt.Sprintf("/proc/%d/fd", s.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(directory, e.Name())
		if target, err := os.Readlink(path); err != nil || !strings.HasPrefix(target, "/memfd:") {
			continue
		}
		if info, err := os.Stat(path); err == nil { // else it has been closed meanwhile
			count++
			size += info.Size()
		}
	}
	return count, size
}

// TestFloodOfCompressions has clients ask for thousands of files in all codings. The memory of compressed files stays within
// --compress-memory-bytes, that of the process within what docs/operators-guide.md says, and the directory within its bound.
func TestFloodOfCompressions(t *testing.T) {
	const (
		files, clients = 3000, 8
		memoryBytes    = 4 << 20
		directoryBytes = 6 << 20
		compressorsMax = 2 * 48 << 20 // of two loops
	)
	directory, cache := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	for i := range files {
		harness.WriteFile(t, filepath.Join(directory, fmt.Sprintf("%d.html", i)), append(bytes.Repeat([]byte("<p>text</p>"), 200), harness.Content(8000, uint64(i))...))
	}
	time.Sleep(2200 * time.Millisecond) // until the files are settled
	server := harness.StartServe(t, harness.Options{}, directory, "--compress", "--compress-memory-bytes", fmt.Sprint(memoryBytes),
		"--compress-cache", cache, "--compress-cache-bytes", fmt.Sprint(directoryBytes))
	before := anonymousBytes(t, server)
	stop, watched := make(chan struct{}), make(chan struct{})
	var most int64
	go func() {
		defer close(watched)
		for {
			count, size := memoryFiles(t, server)
			if size > memoryBytes {
				t.Errorf("%d files in memory have %d bytes", count, size)
			}
			most = max(most, size)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range files {
				request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/%d.html", server.Address, (i+client*377)%files), nil)
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("Accept-Encoding", []string{"gzip", "br", "zstd"}[(i+client)%3])
				response, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Error(err)
					return
				}
				var body bytes.Buffer
				if n, err := body.ReadFrom(response.Body); err != nil || n != response.ContentLength || response.StatusCode != 200 {
					t.Errorf("%s, %d bytes, %v", response.Status, n, err)
				}
				_ = response.Body.Close()
			}
		})
	}
	group.Wait()
	close(stop)
	<-watched
	if most == 0 {
		t.Error("nothing is compressed")
	}
	grown := anonymousBytes(t, server) - before
	if grown > compressorsMax {
		t.Errorf("the memory of the process has grown by %d bytes", grown)
	}
	var sum int64
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	if sum == 0 || sum > directoryBytes {
		t.Errorf("the directory has %d bytes", sum)
	}
	t.Logf("at most %d bytes in memory; %d in the directory; the process has grown by %d", most, sum, grown)
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
}
