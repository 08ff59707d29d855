package goloop

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/internal/compression"
	"aws/internal/compression/encoders"
	"aws/internal/handler/fileserver"
	"aws/internal/response"
)

// addTexts adds files of text, whose last change is long ago, to the site, and returns their contents. Their change times are
// those of the test, so that it has to wait until they are settled.
func addTexts(t testing.TB, s *site, count, size int) []byte {
	t.Helper()
	content := bytes.Repeat([]byte("some text that is worth compressing\n"), size/36+1)[:size]
	for i := range count {
		if err := os.WriteFile(filepath.Join(s.dir, "static", fmt.Sprintf("text-%d.txt", i)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

// withForms returns what makes a server compress with the limits.
func withForms(l compression.Limits, e compression.Encoder) func(*fileserver.Options, *ServerConfig) {
	return func(o *fileserver.Options, cfg *ServerConfig) {
		o.Compress = true
		cfg.Loops = 2
		cfg.Loop.Forms = compression.NewCache(l, e, nil)
	}
}

func getCoded(t testing.TB, url, coding string) (*http.Response, []byte) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	request.Header.Set("Accept-Encoding", coding)
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r, body
}

// TestFloodOfCompressions asks for many files at once. No more than one per loop is compressed at a time, the queue and the
// memory stay within their bounds, and each client gets the right bytes.
func TestFloodOfCompressions(t *testing.T) {
	const files = 400
	s := newSite(t)
	content := addTexts(t, s, files, 30_000)
	var running, most atomic.Int64
	encoder := compression.Encoder{Version: 1, Encode: func(content []byte, c response.Coding) ([]byte, bool) {
		now := running.Add(1)
		defer running.Add(-1)
		for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
		}
		time.Sleep(time.Millisecond)
		return encoders.Encode(content, c)
	}}
	l := compression.Limits{MemoryBytesMax: 1 << 20, FilesMax: 32, Running: 2, PendingMax: 8}
	server := startServe(t, s, withForms(l, encoder))
	time.Sleep(time.Duration(formSettledNs) + 100*time.Millisecond)
	var group sync.WaitGroup
	var coded atomic.Int64
	stop := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			if s := server.Compression(); s.Pending > l.PendingMax || s.Bytes > l.MemoryBytesMax || s.Files > l.FilesMax {
				t.Errorf("%+v", s)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	for client := range 16 {
		group.Go(func() {
			for i := range files {
				r, body := getCoded(t, fmt.Sprintf("http://%s/text-%d.txt", server.Addrs()[0], (i*7+client*31)%files), "gzip")
				if r == nil {
					return
				}
				if r.Header.Get("Content-Encoding") == "gzip" {
					coded.Add(1)
					z, err := gzip.NewReader(bytes.NewReader(body))
					if err == nil {
						body, err = io.ReadAll(z)
					}
					if err != nil {
						t.Error(err)
					}
				}
				if !bytes.Equal(body, content) || r.Header.Get("Vary") != "Accept-Encoding" {
					t.Errorf("%d bytes, %v", len(body), r.Header)
				}
			}
		})
	}
	group.Wait()
	close(stop)
	<-watched
	http.DefaultClient.CloseIdleConnections()
	if n := most.Load(); n > 2 {
		t.Errorf("%d were compressed at once", n)
	}
	if s := server.Compression(); s.Made == 0 || s.Refused == 0 || coded.Load() == 0 {
		t.Errorf("%+v, and %d compressed responses", s, coded.Load())
	}
}

// TestClientsDoNotWaitForCompression has a compression that takes for ever, and clients that ask for the file and for others.
func TestClientsDoNotWaitForCompression(t *testing.T) {
	s := newSite(t)
	content := addTexts(t, s, 3, 30_000)
	release := make(chan struct{})
	encoder := compression.Encoder{Version: 1, Encode: func(content []byte, c response.Coding) ([]byte, bool) {
		<-release
		return encoders.Encode(content, c)
	}}
	l := compression.Limits{MemoryBytesMax: 1 << 20, FilesMax: 32, Running: 2, PendingMax: 2}
	server := startServe(t, s, withForms(l, encoder))
	time.Sleep(time.Duration(formSettledNs) + 100*time.Millisecond)
	for range 3 {
		for i := range 3 {
			r, body := getCoded(t, fmt.Sprintf("http://%s/text-%d.txt", server.Addrs()[0], i), "br")
			if r == nil || r.Header.Get("Content-Encoding") != "" || !bytes.Equal(body, content) {
				t.Fatalf("%v", r)
			}
		}
	}
	close(release)
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, _ := getCoded(t, fmt.Sprintf("http://%s/text-0.txt", server.Addrs()[0]), "br")
		if r == nil || r.Header.Get("Content-Encoding") == "br" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no form")
		}
		time.Sleep(time.Millisecond)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestFreshFilesAreNotCompressed asks for a file that may be written to at this moment.
func TestFreshFilesAreNotCompressed(t *testing.T) {
	s := newSite(t)
	l := compression.Limits{MemoryBytesMax: 1 << 20, FilesMax: 32, Running: 2, PendingMax: 2}
	server := startServe(t, s, withForms(l, compression.Encoder{Version: 1, Encode: encoders.Encode}))
	path := filepath.Join(s.dir, "static", "fresh.txt")
	if err := os.WriteFile(path, bytes.Repeat([]byte("fresh\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, future, future); err != nil {
		t.Fatal(err)
	}
	r, _ := getCoded(t, fmt.Sprintf("http://%s/fresh.txt", server.Addrs()[0]), "br")
	if r == nil || r.Header.Get("Content-Encoding") != "" || r.Header.Get("Vary") != "Accept-Encoding" || server.Compression().Pending != 0 {
		t.Errorf("%v, %+v", r, server.Compression())
	}
	http.DefaultClient.CloseIdleConnections()
}
