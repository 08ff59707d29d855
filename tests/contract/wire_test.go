package contract

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// condition is one way in which the server is run for the tests of the wire.
type condition struct {
	name        string
	options     func(t *testing.T) harness.Options
	clientGroup int // how many dynamic clients come at once
}

func conditions() []condition {
	shorten := func(t *testing.T) harness.Options { return harness.Options{Preload: harness.Build(t).Shorten} }
	return []condition{
		{"plain", func(*testing.T) harness.Options { return harness.Options{} }, 300},
		{"shorten", shorten, 300},
		{"valgrind", func(t *testing.T) harness.Options {
			o := shorten(t)
			o.Wrap = harness.Valgrind(t)
			o.Path = harness.AWSValgrind(t)
			return o
		}, 60},
	}
}

// TestWire is everything that clients see or do, under each condition. Afterwards the server has closed
// every connection and ends with status 0, which under valgrind means without errors and lost blocks.
func TestWire(t *testing.T) {
	s := newSite(t)
	paths := append(s.addIrregular(t, "static"), s.addIrregular(t, "dynamic")...)
	for _, c := range conditions() {
		t.Run(c.name, func(t *testing.T) {
			started := time.Now()
			server := harness.StartAWS(t, s.root, c.options(t))
			t.Logf("listening after %v", time.Since(started).Round(time.Millisecond))
			sockets := socketCount(t, server)
			for _, test := range []struct {
				name string
				run  func(t *testing.T)
			}{
				{"every byte arrives", func(t *testing.T) { s.testBytes(t, server) }},
				{"versions", func(t *testing.T) { s.testVersions(t, server) }},
				{"headers", func(t *testing.T) { s.testHeaders(t, server) }},
				{"fifty wget", func(t *testing.T) { s.testWget(t, server) }},
				{"links", func(t *testing.T) { s.testLinks(t, server, c.name) }},
				{"not found", func(t *testing.T) { testNotFound(t, server, paths) }},
				{"escapes", func(t *testing.T) { s.testEscapes(t, server, c.name) }},
				{"idle clients in lsof", func(t *testing.T) { testIdle(t, server) }},
				{"clients that go away", func(t *testing.T) { s.testGone(t, server) }},
				{"garbage", func(t *testing.T) { s.testGarbage(t, server) }},
				{"a group of dynamic clients", func(t *testing.T) { s.testManyClients(t, server, c.clientGroup) }},
				{"SIGPIPE", func(t *testing.T) {
					server.Signal(t, syscall.SIGPIPE)
					s.wantFile(t, server, "static/small")
				}},
			} {
				if !server.Running() {
					t.Fatalf("the server has ended on its own\n%s", server.Output())
				}
				t.Run(test.name, test.run)
			}
			wantSockets(t, server, sockets)
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d after SIGTERM\n%s", status, server.Findings())
			}
		})
	}
}

func (s *site) testBytes(t *testing.T, server *harness.Server) {
	for _, directory := range []string{"static", "dynamic"} {
		for _, name := range []string{"small", "large", "huge"} {
			s.wantFile(t, server, directory+"/"+name)
		}
	}
}

// testVersions fetches with nc, curl and wget, which speak HTTP/1.0 and 1.1.
func (s *site) testVersions(t *testing.T, server *harness.Server) {
	host, port, _ := strings.Cut(server.Address, ":")
	for _, path := range []string{"static/small", "dynamic/large"} {
		url := "http://" + server.Address + "/" + path
		for name, args := range map[string][]string{
			"curl -0":        {"curl", "-sS", "--noproxy", "*", "-0", url},
			"curl --http1.1": {"curl", "-sS", "--noproxy", "*", "--http1.1", url},
			"wget":           {"wget", "-q", "--no-proxy", "--tries=1", "-O", "-", url},
		} {
			body, err := exec.Command(harness.Tool(t, args[0]), args[1:]...).Output()
			if err != nil || harness.Sum(body) != s.sums[path] {
				t.Errorf("%s %s: %d bytes that are not the file's, %v", name, path, len(body), err)
			}
		}
		for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
			nc := exec.Command(harness.Tool(t, "nc"), host, port)
			nc.Stdin = strings.NewReader("GET /" + path + " " + version + "\r\n\r\n")
			output, err := nc.Output()
			head, body, _ := strings.Cut(string(output), "\r\n\r\n")
			if err != nil || harness.Sum([]byte(body)) != s.sums[path] {
				t.Errorf("nc %s %s: %d bytes that are not the file's, %v", version, path, len(body), err)
			}
			if !strings.HasPrefix(head, "HTTP/1.") || !strings.Contains(head, " 200 OK\r\n") {
				t.Errorf("nc %s %s: %q", version, path, head)
			}
		}
	}
}

// testHeaders looks at the header lines, of GET and of HEAD.
func (s *site) testHeaders(t *testing.T, server *harness.Server) {
	for _, directory := range []string{"static", "dynamic"} {
		path := directory + "/small"
		info, err := os.Stat(filepath.Join(s.root, path))
		if err != nil {
			t.Fatal(err)
		}
		full := get(server, "/"+path)
		head := harness.Exchange(server.Address, harness.Text("HEAD /"+path+" HTTP/1.1\r\nHost: a\r\n\r\n"))
		for method, got := range map[string]harness.Response{"GET": full, "HEAD": head} {
			if got.Status != 200 || got.ContentLength != smallBytes || got.Header.Get("Connection") != "close" {
				t.Errorf("%s %s: %v %v", method, path, got, got.Header)
			}
			for _, name := range []string{"Date", "Server", "Content-Type"} {
				if len(got.Header.Values(name)) != 1 {
					t.Errorf("%s %s: %s: %q", method, path, name, got.Header.Values(name))
				}
			}
			if date, err := http.ParseTime(got.Header.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
				t.Errorf("%s %s: Date: %q", method, path, got.Header.Get("Date"))
			}
			modified, err := http.ParseTime(got.Header.Get("Last-Modified"))
			if err != nil || !modified.Equal(info.ModTime().Truncate(time.Second)) {
				t.Errorf("%s %s: Last-Modified: %q, want %v", method, path, got.Header.Get("Last-Modified"), info.ModTime())
			}
		}
		if head.BodyBytes != 0 {
			t.Errorf("HEAD %s: a body of %d bytes", path, head.BodyBytes)
		}
	}
}

// testWget lets fifty wget run at once, for small and large, static and dynamic files.
func (s *site) testWget(t *testing.T, server *harness.Server) {
	wget := harness.Tool(t, "wget")
	directory := t.TempDir()
	var group sync.WaitGroup
	for i := range 50 {
		path := []string{"static/small", "dynamic/large", "static/large", "dynamic/small"}[i%4]
		group.Go(func() {
			file := filepath.Join(directory, fmt.Sprint(i))
			output, err := exec.Command(wget, "-nv", "--no-proxy", "--tries=1", "--timeout=120", "-O", file,
				"http://"+server.Address+"/"+path).CombinedOutput()
			if err != nil {
				t.Errorf("wget %s: %v\n%s", path, err, output)
				return
			}
			content, err := os.ReadFile(file)
			if err != nil || harness.Sum(content) != s.sums[path] {
				t.Errorf("wget %s: %d bytes that are not the file's, %v", path, len(content), err)
			}
		})
	}
	group.Wait()
}

// testLinks serves dynamic files that are links to static ones, and links to links and directories.
func (s *site) testLinks(t *testing.T, server *harness.Server, prefix string) {
	at := func(name string) string { return filepath.Join(s.root, "dynamic", prefix+name) }
	harness.Symlink(t, "../static/large", at("-link"))
	harness.Symlink(t, prefix+"-link", at("-chain"))
	harness.Symlink(t, "../static", at("-directory"))
	for _, target := range []string{"-link", "-chain", "-directory/large"} {
		s.wantBytes(t, server, "/dynamic/"+prefix+target, "static/large")
	}
}

// testNotFound asks for what leaves the root, is not a regular file or can't be opened.
func testNotFound(t *testing.T, server *harness.Server, paths []string) {
	for _, path := range append(paths, "/", "/nowhere", "/static", "/dynamic", "/../root/static/small", "*", "small") {
		wantNotFound(t, server, path)
	}
}

func (s *site) testEscapes(t *testing.T, server *harness.Server, prefix string) {
	for _, directory := range []string{"static", "dynamic"} {
		path := directory + "/" + prefix + " ä%41.txt"
		s.add(t, path, []byte(path))
		s.wantBytes(t, server, "/"+directory+"/"+prefix+"%20%c3%A4%2541.txt", path)
		s.wantBytes(t, server, "/"+directory+"/%73mall", directory+"/small")
		wantNotFound(t, server, "/"+directory+"/%zzsmall")
		wantNotFound(t, server, "/"+directory+"/small%00")
	}
}

// testIdle connects with nc and says nothing. lsof sees the connection as ESTABLISHED, for as long as nc
// lives: it is killed, as a client is that crashes.
func testIdle(t *testing.T, server *harness.Server) {
	host, port, _ := strings.Cut(server.Address, ":")
	wantEstablished(t, server, 0)
	nc := exec.Command(harness.Tool(t, "nc"), host, port)
	stdin, err := nc.StdinPipe() // which stays open, so that nc waits for it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	if err := nc.Start(); err != nil {
		t.Fatal(err)
	}
	wantEstablished(t, server, 1)
	if err := nc.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = nc.Wait() // it was killed
	wantEstablished(t, server, 0)
}

// testGone lets clients disappear in every state of their connection. Each costs its own connection and
// nothing else.
func (s *site) testGone(t *testing.T, server *harness.Server) {
	sockets := socketCount(t, server)
	for range 5 {
		for _, directory := range []string{"static", "dynamic"} {
			begin(t, server, "/"+directory+"/huge").abort(t)
			if err := begin(t, server, "/"+directory+"/huge").conn.Close(); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{
				"", "GET /" + directory + "/hu", "GET /" + directory + "/huge HTTP/1.1\r\n\r\n",
				"GET /" + directory + "/absent HTTP/1.1\r\n\r\n",
			} {
				conn := dial(t, server)
				if _, err := conn.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
				transfer{conn: conn}.abort(t)
			}
		}
		s.wantFile(t, server, "static/small")
		s.wantFile(t, server, "dynamic/small")
	}
	wantSockets(t, server, sockets)
}

// testGarbage sends bytes that are not a request. The connection ends, and the server lives.
func (s *site) testGarbage(t *testing.T, server *harness.Server) {
	for i := range 40 {
		garbage := harness.Content(1<<(i%18), uint64(i))
		got := harness.Exchange(server.Address, harness.Request{Pieces: [][]byte{garbage}, HalfClose: true})
		if got.Status != 404 && got.Status != 0 || got.Ending != harness.Closed && got.Ending != harness.Reset {
			t.Errorf("%d random bytes: %v", len(garbage), got)
		}
	}
	for _, text := range []string{
		"\r\n\r\n", "GET\r\n\r\n", "GET /static/small\r\n\r\n", "GET /static/small HTTP/9.9\r\n\r\n",
		"POST /static/small HTTP/1.1\r\n\r\n", "GET /static/small HTTP/1.1\r\nno colon\r\n\r\n",
		strings.Repeat("x", 100_000), "GET /" + strings.Repeat("x", 100_000),
	} {
		got := harness.Exchange(server.Address, harness.Request{Pieces: [][]byte{[]byte(text)}, HalfClose: true})
		if got.Status != 404 && text != "\r\n\r\n" || got.Ending != harness.Closed {
			t.Errorf("%.40q: %v, want 404", text, got)
		}
	}
	s.wantFile(t, server, "static/small")
}

// testManyClients has more dynamic clients at once than a context for each would allow.
func (s *site) testManyClients(t *testing.T, server *harness.Server, clients int) {
	var group sync.WaitGroup
	for range clients {
		group.Go(func() { s.wantFile(t, server, "dynamic/large") })
	}
	group.Wait()
}
