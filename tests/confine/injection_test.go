package confine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws/tests/harness"
)

// hostile are names of directories that would make a line of their own if they got into a header, a log or a
// listing as they are.
var hostile = []string{
	"a\r\nX-Evil: 1", "b\nX-Evil: 1", "c\rX-Evil: 1", "d\r\n\r\n<script>X-Evil</script>", "e\x1b[2J X-Evil", "f\x7f X-Evil",
	"g\"' X-Evil", "h\\r\\nX-Evil: 1", "i\u2028X-Evil", "j\xc2\x85X-Evil: 1", "k\xe5\x98\x8a\xe5\x98\x8dX-Evil: 1", "l%0d%0aX-Evil: 1", "m;X-Evil",
}

// escape writes every byte of a name as a %-escape.
func escape(name string) string {
	var text strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&text, "%%%02x", name[i])
	}
	return text.String()
}

// knownFields are the fields that answers may have.
var knownFields = []string{
	"Date", "Server", "X-Content-Type-Options", "Content-Type", "Content-Length", "Location", "Connection", "Last-Modified", "Etag",
	"Accept-Ranges", "Content-Range", "Cache-Control", "Allow", "Vary", "Content-Security-Policy", "Referrer-Policy", "X-Frame-Options",
}

// hostileRequests are requests that try to get a line of their own into a response or the log.
func hostileRequests() []string {
	var requests []string
	add := func(target, fields string) {
		requests = append(requests, "GET "+target+" HTTP/1.1\r\nHost: h\r\n"+fields+"Connection: close\r\n\r\n")
	}
	for _, directory := range []string{"/", "/static/", "/dynamic/"} {
		for _, name := range hostile {
			for _, tail := range []string{"", "/", "?", "?x=%0d%0aX-Evil:%201", "/missing", "#"} {
				add(directory+escape(name)+tail, "")
			}
			if !strings.ContainsAny(name, "\r\n ") {
				add(directory+name, "") // as it is
			}
		}
	}
	for _, host := range []string{"evil.example", "h%0d%0aX-Evil: 1", "h\tX-Evil", "h\x0bX-Evil", "\"><X-Evil"} {
		requests = append(requests, "GET /static/"+escape(hostile[0])+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	}
	for _, start := range []string{"//evil.example/%2f..", "/%5cevil.example/..", "/%2f%2fevil.example", "/\\evil.example/", "http://h/%0d%0aX-Evil:1", "//evil.example/static/" + escape(hostile[0])} {
		add(start, "")
	}
	for _, value := range []string{"\x01", "\x1b[31mX-Evil", "a\rX-Evil: 1", "a\x00X-Evil", "\" X-Evil\"", "a\\nX-Evil", "\x7f", "\xff\xfe", "a\r\n X-Evil: folded", "a\nX-Evil: 1"} {
		for _, name := range []string{"User-Agent", "Referer", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "X-Forwarded-For", "Accept-Encoding", "X-Other"} {
			add("/static/inside", name+": "+value+"\r\n")
		}
	}
	for _, method := range []string{"G\x1bT", "GET\tX-Evil", "X-Evil", "\"GET\"", "get\x00"} {
		requests = append(requests, method+" /static/inside HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	}
	return requests
}

// TestInjection sends hostile names, targets, fields and methods. No response has a field that the server did
// not mean, no redirect leads to another host, and the log has one printable line per request.
func TestInjection(t *testing.T) {
	for _, mode := range modes {
		for _, format := range []string{"fields", "common", "combined", "json"} {
			if mode == "dropin" && format != "fields" {
				continue
			}
			t.Run(mode+"/"+format, func(t *testing.T) {
				root := newRoot(t)
				for _, directory := range []string{"static", "dynamic"} {
					for _, name := range hostile {
						harness.WriteFile(t, filepath.Join(root, directory, name, "file"), []byte("inside\n"))
					}
				}
				log := filepath.Join(filepath.Dir(root), "log")
				var args []string
				if mode == "serve" {
					args = []string{"--list", "--access-log", log, "--access-log-format", format}
				}
				server := start(t, mode, root, harness.Options{}, args...)
				requests := hostileRequests()
				redirects := 0
				for _, request := range requests {
					response, err := raw(server.Address, request)
					if err != nil {
						t.Fatalf("%q: %v", request, err)
					}
					redirects += checkHead(t, request, response)
				}
				if mode == "serve" && redirects < len(hostile) {
					t.Errorf("%d redirects", redirects)
				}
				if status := server.Stop(t); status != 0 {
					t.Errorf("status %d", status)
				}
				t.Logf("%d requests, %d redirects", len(requests), redirects)
				if mode == "serve" {
					checkLog(t, log, format, len(requests))
				}
			})
		}
	}
}

// escapedSlash matches a request whose path has an escaped slash in its last segment.
var escapedSlash = regexp.MustCompile(`^\S+ [^ ?]*/[^ ?/]*%2[fF]`)

// checkHead checks the head of a response, and returns 1 if it is a redirect.
func checkHead(t *testing.T, request string, response []byte) int {
	t.Helper()
	head, _, ok := bytes.Cut(response, []byte("\r\n\r\n"))
	if !ok {
		t.Errorf("%q: no head in %q", request, response)
		return 0
	}
	redirect := 0
	for i, line := range strings.Split(string(head), "\r\n") {
		for _, c := range []byte(line) {
			if c < ' ' || c > '~' {
				t.Errorf("%q: a byte %#x in the line %q", request, c, line)
				break
			}
		}
		if i == 0 {
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		if !slices.ContainsFunc(knownFields, func(known string) bool { return strings.EqualFold(known, name) }) {
			t.Errorf("%q: the field %q", request, line)
		}
		if name == "Location" {
			redirect = 1
			// Relative to what was asked for: one segment, or two with a dot in front of it, and no scheme.
			path, _, _ := strings.Cut(value, "?")
			segment := strings.TrimSuffix(strings.TrimPrefix(path, "./"), "/")
			relative := segment != "" && !strings.ContainsAny(segment, "/\\") && (strings.HasPrefix(path, "./") || !strings.Contains(segment, ":"))
			// Where the client can't see the border of the segment, the whole path, which is not that of another host.
			whole := escapedSlash.MatchString(request) && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.Contains(path, "\\")
			if !relative && !whole {
				t.Errorf("%q: redirected to %q", request, value)
			}
		}
	}
	return redirect
}

// checkLog checks that the log has a line per request and nothing else.
func checkLog(t *testing.T, file, format string, requests int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != requests {
		t.Errorf("%d lines for %d requests", len(lines), requests)
	}
	for _, line := range lines {
		for _, c := range []byte(line) {
			if c < ' ' || c > '~' {
				t.Errorf("a byte %#x in the line %q", c, line)
				break
			}
		}
		if strings.HasPrefix(line, "X-Evil") {
			t.Errorf("the line %q", line)
		}
		if format == "json" && !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}
