//go:build !race && !asan && !msan && !goexperiment.cgocheck2

package goloop

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws/internal/compression"
	"aws/internal/docroot"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/response"
)

func newAllocLoop(t testing.TB, s *site) (*Loop, *client) {
	t.Helper()
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := dropin.New(root, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	return newAllocLoopOf(t, handler, DropInConfig(), dropin.CacheLimits(64))
}

func allocsPerRequest(t testing.TB, l *Loop, c *client, request []byte) float64 {
	for range 50 { // until queues and pools have their size
		c.get(l, request)
	}
	return testing.AllocsPerRun(300, func() { c.get(l, request) })
}

func TestNoAllocationPerRequest(t *testing.T) {
	s := newSite(t)
	l, c := newAllocLoop(t, s)
	for _, path := range []string{"/static/k", "/static/m", "/dynamic/k", "/dynamic/m", "/dynamic/large"} {
		request := []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n")
		if n := allocsPerRequest(t, l, c, request); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

// TestNoAllocationPerCodedRequest asks for precompressed siblings, for forms that the server has made, and for a file without a
// form, in memory and by sendfile.
func TestNoAllocationPerCodedRequest(t *testing.T) {
	s := newSite(t)
	content := bytes.Repeat([]byte("text that is compressed\n"), 4000)
	for name, size := range map[string]int{
		"small.css": 2000, "small.css.br": 1000, "large.css": 90_000, "large.css.br": 30_000, "made.txt": 90_000, "none.txt": 1501,
	} {
		path, modified := filepath.Join(s.dir, "static", name), time.Unix(1_700_000_000, 0)
		if err := errors.Join(os.WriteFile(path, content[:size], 0o600), os.Chtimes(path, modified, modified)); err != nil {
			t.Fatal(err)
		}
	}
	forms := compression.NewCache(compression.Limits{MemoryBytesMax: 1 << 20, FilesMax: 16, Running: 1, PendingMax: 8}, compression.Encoder{
		Version: 1, Encode: func(content []byte, c response.Coding) ([]byte, bool) {
			return content[:len(content)/2], len(content)%2 == 0
		},
	}, nil)
	root, err := kernel.OpenRoot(filepath.Join(s.dir, "static"), kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	handler, err := fileserver.New(fileserver.Options{Mounts: []*docroot.Mount{{Prefix: "/", Strip: 1, Root: root}}, Precompress: true, Compress: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ServeConfig()
	cfg.Forms = forms
	l, c := newAllocLoopOf(t, handler, cfg, docroot.Limits{FilesMax: 64, MaxAge: time.Minute, IdleMax: time.Minute, AbsentMax: time.Minute})
	for _, name := range []string{"made.txt", "none.txt"} { // which are not settled yet, so that the loop does not ask for their forms
		var file kernel.Opened
		if class := kernel.OpenFile(root, name, &file); class != kernel.Done {
			t.Fatal(class)
		}
		key := compression.Key{Info: file.Info, Coding: response.Brotli}
		forms.Begin(&key, 0, nil)
		forms.Make(&kernel.Linux{}, file.FD, &key)
		if err := kernel.CloseAll([]int32{file.FD}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, fields, want string
	}{
		{"small.css", "", "Content-Encoding: br"},
		{"large.css", "", "Content-Encoding: br"},
		{"made.txt", "", "-br1"},
		{"made.txt", "Range: bytes=5-99\r\n", "206 Partial Content"},
		{"none.txt", "", "Vary: Accept-Encoding"},
	} {
		request := []byte("GET /" + test.name + " HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip;q=0.1, br\r\nConnection: close\r\n" + test.fields + "\r\n")
		if n := allocsPerRequest(t, l, c, request); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
		if head, _, _ := bytes.Cut(c.buf, []byte("\r\n\r\n")); !bytes.Contains(head, []byte(test.want)) {
			t.Errorf("%s: %q", test.name, head)
		}
	}
}

// BenchmarkRequest is a request from connect to close, client and server on one thread.
func BenchmarkRequest(b *testing.B) {
	s := newSite(b)
	for _, path := range []string{"/static/k", "/dynamic/k"} {
		b.Run(path[1:], func(b *testing.B) {
			l, c := newAllocLoop(b, s)
			request := []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
			c.get(l, request)
			b.ReportAllocs()
			for b.Loop() {
				c.get(l, request)
			}
		})
	}
}
