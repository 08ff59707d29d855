package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// asIs adds no Accept-Encoding, and unpacks nothing.
var asIs = &http.Transport{DisableCompression: true}

// ask sends a request with fields, given as "Name: value", and returns the response with its body read.
func ask(t *testing.T, server *harness.Server, method, target string, fields ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+server.Address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	response, err := asIs.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// writeAt writes a file that was modified at a time.
func writeAt(t *testing.T, path, content string, at time.Time) {
	t.Helper()
	harness.WriteFile(t, path, []byte(content))
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestTimesThatSayNothing changes files whose modification time does not change with them: a client that has the old
// version never hears that it is the new one.
func TestTimesThatSayNothing(t *testing.T) {
	root := t.TempDir()
	server := harness.StartServe(t, harness.Options{}, root)
	for i, at := range []time.Time{time.Unix(0, 0), time.Unix(1, 0), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)} {
		name := fmt.Sprintf("/%d", i)
		writeAt(t, root+name, "old", at)
		old, _ := ask(t, server, "GET", name)
		tag := old.Header.Get("ETag")
		if tag == "" || old.Header.Get("Last-Modified") != "" {
			t.Errorf("%v: ETag %s, Last-Modified %q", at, tag, old.Header.Get("Last-Modified"))
		}
		if same, _ := ask(t, server, "GET", name, "If-None-Match: "+tag); same.StatusCode != 304 {
			t.Errorf("%v: the same version: %s", at, same.Status)
		}
		if dated, _ := ask(t, server, "GET", name, "If-Modified-Since: "+time.Now().UTC().Format(http.TimeFormat)); dated.StatusCode != 200 {
			t.Errorf("%v: If-Modified-Since: %s", at, dated.Status)
		}
		writeAt(t, root+name, "new", at)
		harness.Eventually(t, time.Minute, "the new version is served", func() error {
			now, body := ask(t, server, "GET", name, "If-None-Match: "+tag)
			if now.StatusCode != 200 || body != "new" || now.Header.Get("ETag") == tag {
				return harness.Errorf("%v: %s, %q, ETag %s", at, now.Status, body, now.Header.Get("ETag"))
			}
			return nil
		})
	}
}

// TestLastModified sees no date that lies in the future, and none that another version within the same second may have
// had (RFC 9110 sections 8.8.2.1 and 8.8.2.2); a part of a file is not joined to one by such a date (section 13.1.5).
func TestLastModified(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		root bool
	}{
		{"aws serve", nil, true},
		{"aws", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := func() *harness.Server { return harness.StartServe(t, harness.Options{}, root) }
			if !c.root {
				start = func() *harness.Server { return harness.StartAWS(t, root, harness.Options{}) }
			}
			server := start()
			for name, at := range map[string]time.Time{
				"past": time.Now().Add(-time.Hour), "future": time.Now().Add(time.Hour),
				"far": time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC), "further": time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC),
			} {
				writeAt(t, filepath.Join(root, "static", name), "0123456789", at)
				got, body := ask(t, server, "GET", "/static/"+name)
				date, err := http.ParseTime(got.Header.Get("Date"))
				if err != nil || body != "0123456789" {
					t.Fatalf("%s: %v, %q", name, err, body)
				}
				modified := got.Header.Get("Last-Modified")
				if modified == "" && (name == "past" || name == "future") {
					t.Errorf("%s: no Last-Modified", name)
				}
				if m, err := http.ParseTime(modified); modified != "" && (err != nil || m.After(date)) {
					t.Errorf("%s: Last-Modified %q is after Date %q", name, modified, date)
				}
			}
			// One that is written over and over never has a date that is a second of a write.
			path := filepath.Join(root, "static", "busy")
			for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); {
				harness.WriteFile(t, path, []byte("0123456789"))
				got, _ := ask(t, server, "GET", "/static/busy")
				if m := got.Header.Get("Last-Modified"); m != "" && m == got.Header.Get("Date") {
					t.Fatalf("Last-Modified is Date, %s, of a file that was just written", m)
				}
			}
		})
	}
	server := harness.StartServe(t, harness.Options{}, root)
	path := filepath.Join(root, "part")
	harness.WriteFile(t, path, []byte("0123456789"))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stamp := "If-Range: " + info.ModTime().UTC().Format(http.TimeFormat)
	if got, body := ask(t, server, "GET", "/part", "Range: bytes=5-", stamp); got.StatusCode != 200 && time.Now().Unix() == info.ModTime().Unix() {
		t.Errorf("a part by a date within its own second: %s %q", got.Status, body)
	}
	writeAt(t, filepath.Join(root, "later"), "0123456789", time.Now().Add(time.Hour))
	got, _ := ask(t, server, "GET", "/later")
	if part, _ := ask(t, server, "GET", "/later", "Range: bytes=5-", "If-Range: "+got.Header.Get("Last-Modified")); part.StatusCode != 200 {
		t.Errorf("a part by a date that was made up: %s", part.Status)
	}
	writeAt(t, path, "0123456789", time.Now().Add(-time.Hour))
	harness.Eventually(t, time.Minute, "an old date is a validator", func() error {
		got, _ := ask(t, server, "GET", "/part")
		if part, _ := ask(t, server, "GET", "/part", "Range: bytes=5-", "If-Range: "+got.Header.Get("Last-Modified")); part.StatusCode != 206 {
			return harness.Errorf("%s by %s", part.Status, got.Header.Get("Last-Modified"))
		}
		return nil
	})
}

// TestForms sees precompressed files be sent whose time the compressor has cut to whole seconds, and Vary be there whether
// or not somebody has asked for them before (RFC 9110 section 12.5.5).
func TestForms(t *testing.T) {
	root := t.TempDir()
	at := time.Unix(1_700_000_001, 500_000_000)
	for name, form := range map[string]time.Time{
		"same": at, "cut": at.Truncate(time.Second), "fat": time.Unix(1_700_000_000, 0), "old": at.Add(-time.Second),
	} {
		writeAt(t, filepath.Join(root, name+".css"), "plain", at)
		writeAt(t, filepath.Join(root, name+".css.gz"), "packed", form)
	}
	writeAt(t, filepath.Join(root, "alone.css"), "plain", at)
	server := harness.StartServe(t, harness.Options{}, root)
	for name, want := range map[string]string{"same": "packed", "cut": "packed", "fat": "packed", "old": "plain", "alone": "plain"} {
		varies := want == "packed"
		for _, method := range []string{"HEAD", "GET"} { // the first one is without Accept-Encoding
			for _, fields := range [][]string{nil, {"Range: bytes=0-1"}, {"Range: bytes=9-"}, {"If-None-Match: *"}, {"Accept-Encoding: gzip"}} {
				got, body := ask(t, server, method, "/"+name+".css", fields...)
				if (got.Header.Get("Vary") == "Accept-Encoding") != varies {
					t.Errorf("%s %s %q: %s with Vary %q", method, name, fields, got.Status, got.Header.Get("Vary"))
				}
				if method == "GET" && len(fields) > 0 && fields[0] == "Accept-Encoding: gzip" && body != want {
					t.Errorf("%s: %q, want %q", name, body, want)
				}
			}
		}
	}
}

// TestPreflight sees a browser's question be answered with success whatever is there, and with the conditions that a page
// may set.
func TestPreflight(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "dir/file"), []byte("x"))
	server := harness.StartServe(t, harness.Options{}, root, "--cors")
	for _, target := range []string{"/dir/file", "/dir", "/dir/", "/none", "/dir/file/none"} {
		got, _ := ask(t, server, "OPTIONS", target, "Origin: http://example.org", "Access-Control-Request-Method: GET")
		allowed := got.Header.Get("Access-Control-Allow-Headers")
		if got.StatusCode != 204 || got.Header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(allowed, "If-Match") || !strings.Contains(allowed, "If-Unmodified-Since") {
			t.Errorf("%s: %s, %v", target, got.Status, got.Header)
		}
	}
}

// TestReservedFields sees fields that frame a message be refused at the start, and the server's own be replaced.
func TestReservedFields(t *testing.T) {
	root := t.TempDir()
	harness.WriteFile(t, filepath.Join(root, "a"), []byte("x"))
	for _, field := range []string{
		"Content-Length: 5", "transfer-encoding: chunked", "Connection: keep-alive", "Upgrade: x", "Content-Type: a/b", "ETag: \"x\"",
		"Date: x", "Content-Range: bytes 0-1/2", "Trailer: x", "Keep-Alive: timeout=5",
	} {
		server := harness.Launch(t, harness.Options{Path: harness.AWS(t), Args: []string{"serve", root, "--listen", "127.0.0.1:0", "--header", field}})
		name, _, _ := strings.Cut(field, ":")
		if status := server.Wait(t); status != 2 || !strings.Contains(server.Output(), name) {
			t.Errorf("%s: status %d, %s", field, status, server.Output())
		}
	}
	server := harness.StartServe(t, harness.Options{}, root, "--cors", "--cache-control", "b=no-store",
		"--header", "server: mine", "--header", "X-Content-Type-Options: own", "--header", "Cache-Control: max-age=5",
		"--header", "Access-Control-Allow-Origin: http://example.org", "--header", "X-A: 1", "--header", "X-A: 2")
	harness.WriteFile(t, filepath.Join(root, "b"), []byte("x"))
	for target, cache := range map[string]string{"/a": "max-age=5", "/b": "no-store", "/none": "max-age=5"} {
		got, _ := ask(t, server, "GET", target)
		for name, want := range map[string]string{
			"Server": "[mine]", "X-Content-Type-Options": "[own]", "Cache-Control": "[" + cache + "]",
			"Access-Control-Allow-Origin": "[http://example.org]", "X-A": "[1 2]",
		} {
			if values := fmt.Sprint(got.Header.Values(name)); values != want {
				t.Errorf("%s: %s is %s, want %s", target, name, values, want)
			}
		}
	}
}

// TestRefusedInTheLog sees what was read of a request that is refused in the access log, and a HEAD without a body
// whatever becomes of it (RFC 9110 section 9.3.2).
func TestRefusedInTheLog(t *testing.T) {
	root, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	server := harness.StartServe(t, harness.Options{}, root, "--log", log, "--read-header-timeout", "300ms", "--max-header-bytes", "2KiB", "--max-target-bytes", "100")
	long := strings.Repeat("a", 3000)
	for _, c := range []struct {
		text   string
		status int
		logged string
	}{
		{"HEAD /one HTTP/1.1\r\nHost: a b\r\n\r\n", 400, `400 HEAD "/one"`},
		{"HEAD /two HTTP/1.1\r\nHost: a\r\nX: " + long + "\r\n\r\n", 431, `431 HEAD "/two"`},
		{"HEAD /three HTTP/1.1\r\nHost: a\r\n", 408, `408 HEAD "/three"`},
		{"HEAD /" + long[:100] + " HTTP/1.1\r\nHost: a\r\n", 414, `414 HEAD "/aaaa`},
		{"HEAD /four HTTP/3.0\r\nHost: a\r\n\r\n", 505, `505 HEAD "/four"`},
		{"HEAD /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, `404 HEAD "/none"`},
		{"BROKEN\r\n\r\n", 400, `400 `},
		{"GET /five HTTP/1.1\r\nHost: a b\r\n\r\n", 400, `400 GET "/five"`},
	} {
		conn, err := net.Dial("tcp", server.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, &http.Request{Method: "HEAD"})
		if err != nil {
			t.Fatalf("%.40q: %v", c.text, err)
		}
		rest, err := io.ReadAll(reader)
		if err != nil {
			t.Errorf("%.40q: %v", c.text, err)
		}
		_ = conn.Close()
		if response.StatusCode != c.status {
			t.Errorf("%.40q: %s, want %d", c.text, response.Status, c.status)
		}
		if (len(rest) > 0) == strings.HasPrefix(c.text, "HEAD") {
			t.Errorf("%.40q: a body of %d bytes", c.text, len(rest))
		}
		harness.Eventually(t, time.Minute, "the request is in the log", func() error {
			text, _ := os.ReadFile(log)
			if !strings.Contains(string(text), c.logged) {
				return harness.Errorf("%q is not in %q", c.logged, text)
			}
			return nil
		})
	}
}
