package goloop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
)

// startServe runs a server with the handler of `aws serve` until the test ends: the site's directory
// static at / and dynamic at /dynamic/.
func startServe(t testing.TB, s *site, change func(*fileserver.Options, *ServerConfig)) *Server {
	t.Helper()
	o := serveOptions(t, s)
	cfg := ServerConfig{
		Loop: ServeConfig(), Loops: 1, Kernel: kernel.DefaultConfig(),
		Listen: []kernel.Address{{TCP: netip.MustParseAddrPort("127.0.0.1:0")}},
		Cache:  docroot.Limits{FilesMax: 64, MaxAge: time.Second, IdleMax: time.Second, AbsentMax: time.Second},
	}
	cfg.Kernel.ReadsMax = 32
	if change != nil {
		change(&o, &cfg)
	}
	handler, err := fileserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Handler = handler
	return runServer(t, &cfg)
}

// serveOptions returns options of a handler that serves the site so.
func serveOptions(t testing.TB, s *site) fileserver.Options {
	t.Helper()
	var mounts []*docroot.Mount
	for prefix, dir := range map[string]string{"/": "static", "/dynamic/": "dynamic"} {
		root, err := kernel.OpenRoot(s.dir+"/"+dir, kernel.LinksBeneath)
		if err != nil {
			t.Fatal(err)
		}
		m := &docroot.Mount{Prefix: prefix, Strip: len(prefix), Root: root, Dir: dir}
		if dir == "dynamic" {
			m.Kind = docroot.Dynamic
		}
		mounts = append(mounts, m)
		t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	}
	return fileserver.Options{Mounts: mounts, Index: []string{"index.html"}, Precompress: true}
}

func dial(t testing.TB, server *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", server.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func TestPipelinedResponsesComeInOrder(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, nil)
	c := dial(t, server)
	paths := []string{"/k", "/none", "/m", "/dynamic/m", "/empty", "/dynamic/k", "/one", "/window", "/odd"}
	var requests strings.Builder
	var want []string
	for i := range 300 {
		path := paths[i%len(paths)]
		method := http.MethodGet
		if i%5 == 4 {
			method = http.MethodHead
		}
		fmt.Fprintf(&requests, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, path)
		want = append(want, method+" "+path)
	}
	go func() { _, _ = io.WriteString(c, requests.String()) }()
	r := bufio.NewReader(c)
	for i, w := range want {
		method, path, _ := strings.Cut(w, " ")
		req, _ := http.NewRequest(method, path, nil)
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			t.Fatalf("response %d, to %s: %v", i, w, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("response %d, to %s: %v", i, w, err)
		}
		file, ok := s.files["/static"+path]
		if strings.HasPrefix(path, "/dynamic/") {
			file, ok = s.files[path]
		}
		switch {
		case !ok && resp.StatusCode != 404:
			t.Fatalf("response %d, to %s: %s", i, w, resp.Status)
		case ok && (resp.StatusCode != 200 || resp.ContentLength != int64(len(file))):
			t.Fatalf("response %d, to %s: %s, %d bytes", i, w, resp.Status, resp.ContentLength)
		case ok && method == http.MethodGet && !bytes.Equal(body, file):
			t.Fatalf("response %d, to %s: other bytes", i, w)
		}
	}
}

func TestPipelinedRequestsShareCgoCalls(t *testing.T) {
	s := newSite(t)
	var server *Server
	t.Run("exchange", func(t *testing.T) {
		server = startServe(t, s, nil)
		c := dial(t, server)
		const count = 160
		if _, err := io.WriteString(c, strings.Repeat("GET /one HTTP/1.1\r\nHost: x\r\n\r\n", count)); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		for range count {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		}
	})
	// The first request may wait for its file; the others leave together.
	if n := server.Counts(); n.Requests != 160 || n.CgoCalls > 60 {
		t.Errorf("%d requests took %d cgo calls", n.Requests, n.CgoCalls)
	}
}

func TestSeveralRangesOfADynamicFile(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, nil)
	for _, path := range []string{"/large", "/dynamic/large"} {
		file := s.files["/static"+path]
		if path != "/large" {
			file = s.files[path]
		}
		req, _ := http.NewRequest(http.MethodGet, "http://"+server.Addrs()[0].String()+path, nil)
		req.Header.Set("Range", "bytes=5-9, 1048570-3145740, -7")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 206 || int64(len(body)) != resp.ContentLength {
			t.Fatalf("%s: %s, %d bytes of %d, %v", path, resp.Status, len(body), resp.ContentLength, err)
		}
		for _, part := range [][]byte{file[5:10], file[1048570:3145741], file[len(file)-7:]} {
			if !bytes.Contains(body, part) {
				t.Errorf("%s: a part of %d bytes is missing", path, len(part))
			}
		}
		http.DefaultClient.CloseIdleConnections()
	}
}
