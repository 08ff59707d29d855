package goloop

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler/fileserver"

	"golang.org/x/crypto/bcrypt"
)

// startArchives serves archives of the files of a site.
func startArchives(t testing.TB, s *site, change func(*fileserver.Options, *ServerConfig)) *Server {
	t.Helper()
	return startServe(t, s, func(o *fileserver.Options, c *ServerConfig) {
		o.List, o.Archive = true, []string{"tar.gz", "zip"}
		if change != nil {
			change(o, c)
		}
	})
}

// add adds files to a site.
func (s *site) add(t testing.TB, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sendRequest opens a connection and sends a request.
func sendRequest(t testing.TB, server *Server, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", server.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// untar returns the files of a tar.gz.
func untar(in io.Reader) (map[string][]byte, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

// TestArchive has the whole site as an archive, over HTTP/1.1 with a pipelined request behind it and over HTTP/1.0, and the head alone.
func TestArchive(t *testing.T) {
	s := newSite(t)
	s.add(t, map[string]string{"static/sub/ü": "text", "static/.hidden": "x", "static/sub/index.html": "index"})
	server := startArchives(t, s, nil)
	check := func(files map[string][]byte) {
		t.Helper()
		count := 0
		for name, body := range s.files {
			if name, ok := strings.CutPrefix(name, "/static/"); ok {
				count++
				if !bytes.Equal(files["files/"+name], body) {
					t.Errorf("%s has %d bytes, want %d", name, len(files["files/"+name]), len(body))
				}
			}
		}
		if string(files["files/sub/ü"]) != "text" || len(files) != count+4 {
			t.Errorf("%d files", len(files))
		}
	}
	in := bufio.NewReader(sendRequest(t, server, "GET /?archive=tar.gz HTTP/1.1\r\nHost: x\r\n\r\nGET /one HTTP/1.1\r\nHost: x\r\n\r\nHEAD /?archive=zip HTTP/1.1\r\nHost: x\r\n\r\n"))
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/gzip", "Content-Disposition": `attachment; filename="files.tar.gz"`, "Cache-Control": "no-store",
		"Accept-Ranges": "none", "ETag": "", "Content-Length": "", "Last-Modified": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	files, err := untar(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	check(files)
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	if r, err = http.ReadResponse(in, nil); err != nil || r.ContentLength != 1 {
		t.Fatalf("the pipelined request: %v, %v", r, err)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if r, err = http.ReadResponse(in, &http.Request{Method: http.MethodHead}); err != nil || r.Header.Get("Content-Type") != "application/zip" {
		t.Fatalf("HEAD: %v, %v", r, err)
	}
	if in.Buffered() > 0 {
		t.Error("HEAD has a body")
	}

	old := roundTrip(t, server, "GET /?archive=zip HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	head, body, _ := bytes.Cut(old, []byte("\r\n\r\n"))
	if bytes.Contains(head, []byte("Transfer-Encoding")) || !bytes.Contains(head, []byte("Connection: close")) {
		t.Errorf("%q", head)
	}
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
	check(files)

	sub := roundTrip(t, server, "GET /sub/?archive=zip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !bytes.HasSuffix(sub, []byte("index")) {
		t.Errorf("a directory with an index: %q", sub)
	}
	if page := roundTrip(t, server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !bytes.Contains(page, []byte(`href="?archive=tar.gz"`)) {
		t.Error("the page has no link")
	}
}

// TestArchiveLeavesOut has routes below the directory that not everybody may have, or that have another root.
func TestArchiveLeavesOut(t *testing.T) {
	s := newSite(t)
	s.add(t, map[string]string{"static/d/private/key": "secret", "static/d/public/x": "1", "static/d/private2": "2", "static/dynamic/hidden": "behind a mount"})
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, err := docroot.ParsePasswords(fmt.Appendf(nil, "ann:%s\n", hash))
	if err != nil {
		t.Fatal(err)
	}
	server := startArchives(t, s, func(o *fileserver.Options, _ *ServerConfig) {
		o.Access = []*docroot.AccessRule{{Prefix: "/d/private/", Users: users}}
	})
	all := func(path, fields string) []string {
		t.Helper()
		r, err := http.ReadResponse(bufio.NewReader(sendRequest(t, server, "GET "+path+"?archive=tar.gz HTTP/1.1\r\nHost: x\r\n"+fields+"\r\n")), nil)
		if err != nil || r.StatusCode != 200 {
			return []string{fmt.Sprint(r.StatusCode, err)}
		}
		files, err := untar(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range files {
			names = append(names, name)
		}
		return names
	}
	for _, name := range append(all("/d/", ""), all("/", "")...) {
		if strings.Contains(name, "key") || strings.Contains(name, "private/") || strings.Contains(name, "dynamic") {
			t.Errorf("%q is in the archive", name)
		}
	}
	if names := all("/d/", ""); len(names) != 4 {
		t.Errorf("%q", names)
	}
	if names := all("/d/private/", ""); names[0] != "401 <nil>" {
		t.Errorf("%q", names)
	}
	if names := all("/d/private/", "Authorization: Basic YW5uOnNlc2FtZQ==\r\n"); len(names) != 2 {
		t.Errorf("%q", names)
	}
}

// TestArchiveThatFails has a file that becomes shorter: the archive has no end.
func TestArchiveThatFails(t *testing.T) {
	s := newSite(t)
	s.add(t, map[string]string{"static/d/a": strings.Repeat("a", 1000), "static/d/z": ""})
	random := s.files["/static/large"]
	path := filepath.Join(s.dir, "static/d/z")
	for _, version := range []string{"1.0", "1.1"} {
		if err := os.WriteFile(path, random, 0o600); err != nil {
			t.Fatal(err)
		}
		server := startArchives(t, s, nil)
		c := sendRequest(t, server, "GET /d/?archive=tar.gz HTTP/"+version+"\r\nHost: x\r\n\r\n")
		in := bufio.NewReaderSize(c, 1<<10)
		if _, err := io.CopyN(io.Discard, in, 100<<10); err != nil { // of the file
			t.Fatal(err)
		}
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(in)
		if err == nil || bytes.HasSuffix(rest, []byte("\r\n0\r\n\r\n")) {
			t.Errorf("HTTP/%s: %d bytes and %v", version, len(rest), err)
		}
	}
}

// TestArchivesOfSlowClients has more clients than archives that take nothing: others get 503 and files, memory is bounded, and when
// they have left, there are archives again.
func TestArchivesOfSlowClients(t *testing.T) {
	s := newSite(t)
	var server *Server
	t.Cleanup(func() { // when it has ended
		if n := server.loops[0].pieces.free.Len(); n > piecesMax*16 {
			t.Errorf("%d buffers were needed", n)
		}
	})
	server = startArchives(t, s, func(_ *fileserver.Options, c *ServerConfig) { c.Loop.Publish = true })
	var slow []net.Conn
	refused := 0
	for range 50 {
		c := sendRequest(t, server, "GET /?archive=zip HTTP/1.1\r\nHost: x\r\n\r\n")
		line, err := bufio.NewReaderSize(c, 16).Peek(12)
		if err != nil {
			t.Fatal(err)
		}
		if string(line) == "HTTP/1.1 503" {
			refused++
		}
		slow = append(slow, c)
	}
	if refused != 50-16 {
		t.Errorf("%d of 50 are refused", refused)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				if r := roundTrip(t, server, "GET /k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !bytes.Contains(r, []byte("200 OK")) {
					t.Errorf("%.100q", r)
				}
			}
		})
	}
	group.Wait()
	for _, c := range slow {
		_ = c.Close()
	}
	deadline := time.Now().Add(20 * time.Second)
	for n := server.Published()[0]; n.Archives > 0 || n.ArchivesAborted < 16; n = server.Published()[0] {
		if time.Now().After(deadline) {
			t.Fatalf("%d archives are in progress", server.Published()[0].Archives)
		}
		_ = roundTrip(t, server, "GET /k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		time.Sleep(10 * time.Millisecond)
	}
	if n := server.Published()[0]; n.ArchivesAborted != 16 || n.ArchivesCompleted != 0 {
		t.Errorf("%d aborted, %d completed", n.ArchivesAborted, n.ArchivesCompleted)
	}
	r := roundTrip(t, server, "GET /?archive=zip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !bytes.HasSuffix(r, []byte("\r\n0\r\n\r\n")) {
		t.Errorf("afterwards: %.100q", r)
	}
}

// TestFrameChunk has chunks, and the last one.
func TestFrameChunk(t *testing.T) {
	for _, n := range []int{1, 15, 16, 4096, pieceBytesMax} {
		buffer := make([]byte, pieceBufferBytes)
		copy(buffer[chunkHeadBytes:], bytes.Repeat([]byte{'x'}, n))
		open := string(buffer[:frameChunk(buffer, n, false)])
		if want := fmt.Sprintf("%08x\r\n%s\r\n", n, strings.Repeat("x", n)); open != want {
			t.Errorf("%.40q, want %.40q", open, want)
		}
		if ended := string(buffer[:frameChunk(buffer, n, true)]); ended != open+"0\r\n\r\n" {
			t.Errorf("%.40q", ended)
		}
	}
}
