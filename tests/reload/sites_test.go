package reload

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// siteFile is a configuration with two sites. Its root is put in place of DIR.
const siteFile = `
listen = ["127.0.0.1:0"]
supervise = true
[defaults]
headers.set = { X-Frame-Options = "DENY" }
[[site]]
hosts = ["a.example"]
root = "DIR/a"
try = ["{path}", "{path}.html"]
error-pages = { 404 = "DIR/a/404.html" }
[[site.route]]
path = "/private/"
auth = "DIR/users"
[[site.route]]
path = "/never/"
deny = ["all"]
[[site.route]]
match = "*.css"
cache-control = "max-age=60"
cors = { origins = ["https://app.example"] }
[[site.route]]
path = "/large/"
dynamic = true
[[site.redirect]]
from = "/old/*"
to = "/new/*"
[[site]]
hosts = ["*.b.example"]
root = "DIR/b"
list = true
limit-rate-total = "10MiB"
symlinks = "never"
[[site.route]]
path = "/loose/"
limit-rate = "64KiB"
symlinks = "same-owner"
`

// users has the user ali with the password sesame.
const users = "ali:$2a$04$F0l5NdcXuC18FpZXjZ9phu5URPjCiqY9pxx2B5d3yIGB4bDLJszGu\n"

// fetch requests a path of a host, and returns the response with its body.
func (s *stage) fetch(host, path string) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+s.Address+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Host = host
	transport := http.Transport{DisableKeepAlives: true, DisableCompression: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(body)
}

// expect checks the status and the body of responses. "" is any body.
func (s *stage) expect(want ...[3]string) {
	s.t.Helper()
	for _, w := range want {
		host, path, _ := strings.Cut(w[0], "/")
		if response, body := s.fetch(host, "/"+path); fmt.Sprint(response.StatusCode) != w[1] || w[2] != "" && body != w[2] {
			s.t.Errorf("%s: %s %q, want %v", w[0], response.Status, body, w)
		}
	}
}

func prepareSites(t *testing.T) *stage {
	t.Helper()
	s := prepare(t)
	for name, content := range map[string]string{
		"a/page.html": "page of a", "a/404.html": "not in a", "a/x.css": "css", "a/large/f": "large", "a/private/f": "secret", "a/never/f": "never",
		"a/page.html.gz": "not really gzip", "b/page.html": "page of b", "c/page.html": "page of c", "users": users,
	} {
		path := filepath.Join(s.directory, name)
		harness.WriteFile(t, path, []byte(content))
		if err := os.Chtimes(path, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil { // what is new has no Last-Modified
			t.Fatal(err)
		}
	}
	for _, link := range []string{"b/link.html", "b/loose/link.html"} {
		harness.Symlink(t, filepath.Join(s.directory, "b/page.html"), filepath.Join(s.directory, link))
	}
	s.writeSites(siteFile)
	return s
}

func (s *stage) writeSites(text string) {
	s.t.Helper()
	harness.WriteFile(s.t, s.config, []byte(strings.ReplaceAll(text, "DIR", s.directory)))
}

// TestSites serves two hosts, and takes other sites at a reload; wrong ones are reported, and those before them stay.
func TestSites(t *testing.T) {
	t.Parallel()
	s := prepareSites(t)
	s.start(harness.Options{})
	before := [][3]string{
		{"a.example/page", "200", "page of a"},
		{"A.example./page.html", "200", "page of a"},
		{"x.b.example/page.html", "200", "page of b"},
		{"a.example/nothing", "404", "not in a"},
		{"a.example/private/f", "401", ""},
		{"a.example/never/f", "403", ""},
		{"a.example/large/f", "200", "large"},
		{"a.example/old/x", "308", ""},
		{"x.b.example/link.html", "404", ""},
		{"x.b.example/loose/link.html", "200", "page of b"},
		{"b.example/", "421", ""},
		{"c.example/page.html", "421", ""},
	}
	s.expect(before...)

	s.writeSites(strings.ReplaceAll(siteFile, "root = \"DIR/b\"", "root = \"DIR/nothing\""))
	s.Signal(t, syscall.SIGHUP)
	s.says(`c\.toml:\d+: root .*/nothing: .*no such file`)
	s.expect(before...)
	s.writeSites(strings.Replace(siteFile, "list = true", "rooot = 1", 1))
	s.Signal(t, syscall.SIGHUP)
	s.says(`c\.toml:\d+:1: unknown key "rooot" in \[\[site\]\]; did you mean root\?`)
	s.expect(before...)

	s.writeSites(siteFile + "[[site]]\nhosts = [\"c.example\"]\nroot = \"DIR/c\"\n")
	s.Signal(t, syscall.SIGHUP)
	s.replaced()
	s.expect([3]string{"c.example/page.html", "200", "page of c"}, [3]string{"x.b.example/page.html", "200", "page of b"})
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestPoliciesOfReload changes the rate and the policy of links of a site. What was opened before, and what is being sent, keeps its own.
func TestPoliciesOfReload(t *testing.T) {
	t.Parallel()
	s := prepareSites(t)
	harness.WriteFile(t, filepath.Join(s.directory, "b/loose/body"), make([]byte, 160<<10))
	s.start(harness.Options{})
	took := func() time.Duration {
		began := time.Now()
		if r, body := s.fetch("x.b.example", "/loose/body"); r.StatusCode != 200 || len(body) != 160<<10 {
			t.Errorf("%s, %d bytes", r.Status, len(body))
		}
		return time.Since(began)
	}
	const limited = 2 * time.Second // a quarter of a second's bytes leave at once
	if d := took(); d < limited {
		t.Errorf("160 KiB at 64 KiB a second took %v", d)
	}
	ended := make(chan time.Duration, 1)
	go func() { ended <- took() }()
	s.expect([3]string{"x.b.example/link.html", "404", ""}, [3]string{"x.b.example/loose/link.html", "200", "page of b"})
	s.writeSites(strings.NewReplacer(`"64KiB"`, `"64MiB"`, `"never"`, `"within-root"`, `"same-owner"`, `"never"`).Replace(siteFile))
	s.Signal(t, syscall.SIGHUP)
	s.replaced()
	s.expect([3]string{"x.b.example/link.html", "200", "page of b"}, [3]string{"x.b.example/loose/link.html", "404", ""})
	if d := took(); d >= limited {
		t.Errorf("160 KiB at 64 MiB a second took %v", d)
	}
	if d := <-ended; d < limited {
		t.Errorf("160 KiB that were being sent took %v", d)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestExplain compares what check explains with what the server responds.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := prepareSites(t)
	s.start(harness.Options{})
	for _, url := range []string{
		"a.example/page", "a.example/page.html", "a.example/x.css", "a.example/large/f", "a.example/nothing", "a.example/private/f", "a.example/never/f",
		"a.example/old/a%20b?q=1", "a.example/..", "a.example/.git", "x.b.example/", "x.b.example/page.html", "x.b.example/link.html", "x.b.example/loose/", "x.b.example/loose/link.html", "b.example/", "c.example/x",
	} {
		var stderr strings.Builder
		check := exec.Command(s.program, "check", "--config", s.config, "--explain", "http://"+url)
		check.Env = append(os.Environ(), "TZ=UTC")
		check.Stderr = &stderr
		out, err := check.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s", url, err, stderr.String())
			continue
		}
		_, explained, ok := strings.Cut(string(out), "\nresponse:\n")
		if !ok {
			t.Errorf("%s: no response in %s", url, out)
			continue
		}
		if got, want := headLines(strings.ReplaceAll(explained, "\n  ", "\n")), s.headOf(url); !slices.Equal(got, want) {
			t.Errorf("%s: explained\n%s\nresponded\n%s", url, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	out, err := exec.Command(s.program, "check", "--config", s.config, "--explain", "x.b.example/loose/link.html").Output()
	for _, part := range []string{
		"limit-rate: 64KiB (" + s.config + ":35)\n", "limit-rate-total: 10MiB (" + s.config + ":31)\n", "symlinks: same-owner (" + s.config + ":36)\n",
	} {
		if !strings.Contains(string(out), part) {
			t.Errorf("%v: no %q in\n%s", err, part, out)
		}
	}
	out, err = exec.Command(s.program, "check", "--config", s.config, "--explain", "a.example/page").Output()
	for _, part := range []string{
		"site: a.example, host a.example (" + s.config + ":6)\n", "headers.set: X-Frame-Options: DENY (" + s.config + ":5)\n",
		"file: " + s.directory + "/a/page.html\n",
	} {
		if !strings.Contains(string(out), part) {
			t.Errorf("%v: no %q in\n%s", err, part, out)
		}
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// headOf returns the lines of the head of the response to a request for a URL, as headLines has them.
func (s *stage) headOf(url string) []string {
	s.t.Helper()
	host, path, _ := strings.Cut(url, "/")
	conn, err := net.DialTimeout("tcp", s.Address, deadline)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host); err != nil {
		s.t.Fatal(err)
	}
	var head strings.Builder
	for reader := bufio.NewReader(conn); ; {
		line, err := reader.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if head.WriteString(line); line == "\r\n" {
			return headLines(head.String())
		}
	}
}

// headLines returns the lines of a head in order, without Date, and without the validator of a listing, which each process makes
// for itself.
func headLines(head string) (lines []string) {
	scanner := bufio.NewScanner(strings.NewReader(strings.TrimSpace(head)))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line != "" && !strings.HasPrefix(line, "Date: ") {
			lines = append(lines, line)
		}
	}
	if slices.Contains(lines, "Vary: Accept") {
		lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "ETag: ") })
	}
	return lines
}
