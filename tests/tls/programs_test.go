package tls

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// bench is where a program runs.
type bench struct {
	*testing.T
	server  *server
	version uint16
	work    string // the program's current directory

	noRanges bool // the program drops the content of a range that it has not asked for by itself
}

// ask is a request of a program.
type ask struct {
	path  string
	field string // one header field besides, or ""
	value string
}

// reply is what a program has received. A program that does not report the header has none.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// programs fetch files, several requests over one connection if they can.
var programs = []struct {
	name  string
	fetch func(b *bench, asks []ask) []reply
}{
	{"curl", fetchCurl}, {"wget", fetchWget}, {"openssl", fetchOpenSSL}, {"gnutls-cli", fetchGnuTLS}, {"python3", fetchPython}, {"go", fetchGo},
}

// TestPrograms has every program fetch whole files, one range, several ranges, and what is not modified.
func TestPrograms(t *testing.T) {
	s := serve(t, newRoot(t))
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			if p.name != "go" {
				harness.Tool(t, p.name)
			}
			versions(t, func(t *testing.T, version uint16) {
				b := &bench{T: t, server: s, version: version, work: t.TempDir()}
				for _, directory := range []string{"/", "/dynamic/"} {
					asks := []ask{
						{path: directory + "small"},
						{path: directory + "empty"},
						{path: directory + "large"},
						{directory + "small", "Range", "bytes=100-199"},
						{directory + "large", "Range", "bytes=1000000-19999999"},
						{directory + "large", "Range", "bytes=0-9,4096-8191,2000000-2300000,-5"},
						{directory + "large", "If-Modified-Since", modified.Format(http.TimeFormat)},
						{path: directory + "small"},
					}
					if p.name == "gnutls-cli" { // which takes a second for a megabyte while its input has ended
						asks = slices.DeleteFunc(asks, func(a ask) bool { return strings.HasSuffix(a.path, "large") && !strings.Contains(a.value, ",") })
					}
					replies := p.fetch(b, asks)
					if len(replies) != len(asks) {
						t.Fatalf("%d responses to %d requests", len(replies), len(asks))
					}
					for i, a := range asks {
						b.check(a, replies[i])
					}
				}
			})
		})
	}
}

// check holds a response against the file.
func (b *bench) check(a ask, r reply) {
	b.Helper()
	what := fmt.Sprintf("%s %s %s", a.path, a.field, a.value)
	content := contents[filepath.Base(a.path)]
	switch {
	case a.field == "If-Modified-Since":
		if r.status != 304 || len(r.body) != 0 {
			b.Errorf("%s: status %d, %d bytes", what, r.status, len(r.body))
		}
	case strings.Contains(a.value, ","):
		b.checkParts(what, r, content)
	case a.field == "Range" && b.noRanges:
		if r.status != 206 {
			b.Errorf("%s: status %d", what, r.status)
		}
	case a.field == "Range":
		var from, to int
		if _, err := fmt.Sscanf(a.value, "bytes=%d-%d", &from, &to); err != nil {
			b.Fatal(err)
		}
		if r.status != 206 {
			b.Errorf("%s: status %d", what, r.status)
		}
		same(b, what, r.body, content[from:to+1])
	default:
		if r.status != 200 {
			b.Errorf("%s: status %d", what, r.status)
		}
		same(b, what, r.body, content)
	}
}

// checkParts holds the parts of several ranges against the file.
func (b *bench) checkParts(what string, r reply, content []byte) {
	b.Helper()
	boundary := strings.TrimPrefix(strings.SplitN(string(r.body[:min(len(r.body), 200)]), "\r\n", 3)[1], "--")
	if r.header != nil {
		_, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
		if err != nil || params["boundary"] != boundary {
			b.Errorf("%s: Content-Type %q, %v", what, r.header.Get("Content-Type"), err)
		}
	}
	parts := 0
	for reader := multipart.NewReader(bytes.NewReader(r.body), boundary); ; parts++ {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		var from, to, size int
		if _, err := fmt.Sscanf(part.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		got, err := io.ReadAll(part)
		if err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		same(b, what, got, content[from:to+1])
	}
	if r.status != 206 || parts != 4 {
		b.Errorf("%s: status %d, %d parts", what, r.status, parts)
	}
}

// run runs a program with an input, and returns what it prints to its two outputs and its exit status.
func (b *bench) run(input io.Reader, program string, args ...string) (stdout, stderr []byte, status int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Stdin = b.work, input
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.work, "TMPDIR=" + b.work, "LANG=C.UTF-8", "no_proxy=*"}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 10 * time.Second
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if ctx.Err() != nil || c.ProcessState == nil {
		b.Fatalf("%s %q: %v\n%.3000s", program, args, err, errs.String())
	}
	return out.Bytes(), errs.Bytes(), c.ProcessState.ExitCode()
}

// must runs a program that has to succeed.
func (b *bench) must(input io.Reader, program string, args ...string) (stdout, stderr []byte) {
	b.Helper()
	stdout, stderr, status := b.run(input, program, args...)
	if status != 0 {
		b.Fatalf("%s %q: exit status %d\n%.3000s", program, args, status, stderr)
	}
	return stdout, stderr
}

// read returns the content of a file of the program.
func (b *bench) read(name string) []byte {
	b.Helper()
	got, err := os.ReadFile(filepath.Join(b.work, name))
	if err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	return got
}

func (b *bench) port() string { return b.server.tls[strings.LastIndex(b.server.tls, ":")+1:] }

func (b *bench) url(path string) string { return "https://localhost:" + b.port() + path }

// fetchCurl fetches by HTTP/2 and by HTTP/1.1, and returns the responses of the latter.
func fetchCurl(b *bench, asks []ask) []reply {
	two := b.curl("--http2", "HTTP/2 ", asks)
	one := b.curl("--http1.1", "HTTP/1.1 ", asks)
	for i, a := range asks {
		b.check(a, two[i])
		if two[i].status != one[i].status {
			b.Errorf("%s: %d by HTTP/2, %d by HTTP/1.1", a.path, two[i].status, one[i].status)
		}
	}
	return one
}

// curl fetches with a version of HTTP, whose status lines have a beginning of their own.
func (b *bench) curl(version, start string, asks []ask) (replies []reply) {
	flag := map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[b.version]
	var args []string
	for i, a := range asks {
		args = append(args, "-sS", "--ipv4", version, "--cacert", b.server.ca.file, "--tlsv"+flag, "--tls-max", flag,
			"-o", fmt.Sprint("body", i), "-D", fmt.Sprint("head", i), "-w", "%{num_connects}\n")
		if a.field != "" {
			args = append(args, "-H", a.field+": "+a.value)
		}
		args = append(args, b.url(a.path), "--next")
	}
	out, _ := b.must(nil, "curl", args[:len(args)-1]...)
	if got := strings.ReplaceAll(string(out), "\n", ""); got != "1"+strings.Repeat("0", len(asks)-1) {
		b.Errorf("connections made: %q", out)
	}
	for i := range asks {
		text, ok := strings.CutPrefix(string(b.read(fmt.Sprint("head", i))), start)
		if !ok {
			b.Fatalf("%.100q does not begin with %s", text, start)
		}
		head, err := http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+text)), &http.Request{Method: "HEAD"})
		if err != nil {
			b.Fatal(err)
		}
		replies = append(replies, reply{head.StatusCode, head.Header, b.read(fmt.Sprint("body", i))})
		_ = os.Remove(filepath.Join(b.work, fmt.Sprint("body", i)))
	}
	return replies
}

// statusLine matches a status line, with its status.
var statusLine = regexp.MustCompile(`HTTP/1\.1 (\d\d\d) `)

func fetchWget(b *bench, asks []ask) (replies []reply) {
	version := "--secure-protocol=TLSv1_3"
	if b.version == tls.VersionTLS12 { // at least, but for Debian's wget, which has GnuTLS
		version = "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.2"
	}
	b.noRanges = true
	for _, a := range asks {
		args := []string{"-S", "-4", "-t", "1", "--ca-certificate=" + b.server.ca.file, version, "-O", "got"}
		if a.field != "" {
			args = append(args, "--header="+a.field+": "+a.value)
		}
		_, stderr, _ := b.run(nil, "wget", append(args, b.url(a.path))...) // exit status 8 for 304
		match := statusLine.FindSubmatch(stderr)
		if match == nil {
			b.Fatalf("%s", stderr)
		}
		status, _ := strconv.Atoi(string(match[1]))
		replies = append(replies, reply{status: status, body: b.read("got")})
	}
	return replies
}

// requests returns the bytes of requests of which the last one closes the connection.
func requests(asks []ask) io.Reader {
	var text strings.Builder
	for i, a := range asks {
		fmt.Fprintf(&text, "GET %s HTTP/1.1\r\nHost: localhost\r\n", a.path)
		if a.field != "" {
			fmt.Fprintf(&text, "%s: %s\r\n", a.field, a.value)
		}
		if i == len(asks)-1 {
			text.WriteString("Connection: close\r\n")
		}
		text.WriteString("\r\n")
	}
	return strings.NewReader(text.String())
}

// responses takes the responses of a connection apart.
func (b *bench) responses(out []byte) (replies []reply) {
	b.Helper()
	for r := bufio.NewReader(bytes.NewReader(out)); ; {
		if _, err := r.Peek(1); err != nil {
			return replies
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			b.Fatalf("response %d: %v", len(replies), err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			b.Fatalf("response %d: %v", len(replies), err)
		}
		replies = append(replies, reply{response.StatusCode, response.Header, body})
	}
}

// sClient returns the arguments of openssl for a connection.
func (b *bench) sClient(more ...string) []string {
	flag := map[uint16]string{tls.VersionTLS12: "-tls1_2", tls.VersionTLS13: "-tls1_3"}[b.version]
	return append([]string{
		"s_client", "-connect", b.server.tls, "-servername", "localhost", "-alpn", "http/1.1", "-CAfile", b.server.ca.file, "-verify_return_error", flag,
	}, more...)
}

func fetchOpenSSL(b *bench, asks []ask) []reply {
	out, _ := b.must(requests(asks), "openssl", b.sClient("-quiet")...)
	return b.responses(out)
}

func fetchGnuTLS(b *bench, asks []ask) []reply {
	version := map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[b.version]
	out, _ := b.must(requests(asks), "gnutls-cli", "--logfile=log", "--x509cafile="+b.server.ca.file, "--sni-hostname=localhost",
		"--verify-hostname=localhost", "--alpn=http/1.1", "--priority=NORMAL:-VERS-ALL:+VERS-TLS"+version, "-p", b.port(), "127.0.0.1")
	return b.responses(out)
}

const pythonClient = `
import http.client, json, ssl, sys
port, ca, version, asks = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
context.set_alpn_protocols(["http/1.1"])
conn = http.client.HTTPSConnection("localhost", int(port), context=context)
conn.connect()
sock = conn.sock
result = []
for i, (path, field, value) in enumerate(asks):
    conn.request("GET", path, headers={field: value} if field else {})
    response = conn.getresponse()
    with open(f"body{i}", "wb") as f:
        f.write(response.read())
    result.append([response.status, dict(response.getheaders())])
    assert conn.sock is sock, "another connection"
print(json.dumps(result))
`

func fetchPython(b *bench, asks []ask) (replies []reply) {
	var list [][3]string
	for _, a := range asks {
		list = append(list, [3]string{a.path, a.field, a.value})
	}
	text, err := json.Marshal(list)
	if err != nil {
		b.Fatal(err)
	}
	version := map[uint16]string{tls.VersionTLS12: "TLSv1_2", tls.VersionTLS13: "TLSv1_3"}[b.version]
	out, _ := b.must(nil, "python3", "-c", pythonClient, b.port(), b.server.ca.file, version, string(text))
	var result [][2]json.RawMessage
	if err := json.Unmarshal(out, &result); err != nil {
		b.Fatal(err)
	}
	for i, r := range result {
		var fields map[string]string
		one := reply{header: http.Header{}, body: b.read(fmt.Sprint("body", i))}
		if json.Unmarshal(r[0], &one.status) != nil || json.Unmarshal(r[1], &fields) != nil {
			b.Fatalf("%s", r)
		}
		for name, value := range fields {
			one.header.Set(name, value)
		}
		replies = append(replies, one)
	}
	return replies
}

func fetchGo(b *bench, asks []ask) (replies []reply) {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: b.server.client(b.version), DisableCompression: true}, Timeout: patience}
	defer client.CloseIdleConnections()
	for _, a := range asks {
		request, err := http.NewRequest("GET", "https://"+b.server.tls+a.path, nil)
		if err != nil {
			b.Fatal(err)
		}
		if a.field != "" {
			request.Header.Set(a.field, a.value)
		}
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.TLS.Version != b.version {
			b.Fatalf("%v, version %x", err, response.TLS.Version)
		}
		replies = append(replies, reply{response.StatusCode, response.Header, body})
	}
	return replies
}

// chromiumPage fetches all and reports what has come, with its hash.
const chromiumPage = `<!doctype html><title>fetch</title><pre id=out></pre><script>
(async () => {
  const lines = []
  for (const [path, range] of ASKS) {
    try {
      const r = await fetch(path, range ? {headers: {Range: range}} : {cache: "no-cache"})
      const body = await r.arrayBuffer()
      const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", body))
      lines.push([path, r.status, [...sum].map(b => b.toString(16).padStart(2, "0")).join("")].join(" "))
    } catch (e) { lines.push(path + " " + e) }
  }
  out.textContent = lines.join("\n") + "\nend"
  document.title = "end"
})()
</script>`

// TestChromium has Chromium fetch files and ranges.
func TestChromium(t *testing.T) {
	chromium := harness.Tool(t, "chromium")
	asks := [][2]string{
		{"/small"},
		{"/large"},
		{"/empty"},
		{"/dynamic/small"},
		{"/dynamic/large"},
		{"/large", "bytes=1000000-1999999"},
		{"/dynamic/large", "bytes=5-9"},
		{"/small"},
	}
	text, err := json.Marshal(asks)
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot(t)
	harness.WriteFile(t, filepath.Join(root, "page.html"), []byte(strings.Replace(chromiumPage, "ASKS", string(text), 1)))
	s := serve(t, root)
	for version, flag := range map[uint16]string{tls.VersionTLS12: "--ssl-version-max=tls1.2", tls.VersionTLS13: "--ssl-version-min=tls1.3"} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			b := &bench{T: t, server: s, version: version, work: t.TempDir()}
			out, stderr := b.must(nil, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+b.work,
				"--ignore-certificate-errors", flag, "--virtual-time-budget=60000", "--dump-dom", b.url("/page.html"))
			if !strings.Contains(string(out), "\nend</pre>") {
				t.Fatalf("the page has not ended: %s\n%.3000s", out, stderr)
			}
			for _, a := range asks {
				status, content := 200, contents[filepath.Base(a[0])]
				var from, to int
				if _, err := fmt.Sscanf(a[1], "bytes=%d-%d", &from, &to); err == nil {
					status, content = 206, content[from:to+1]
				}
				if line := fmt.Sprintf("%s %d %x", a[0], status, sha256.Sum256(content)); !strings.Contains(string(out), line) {
					t.Errorf("no %q in\n%s", line, out)
				}
			}
		})
	}
}

// TestOpenSSL has s_client resume sessions, negotiate a protocol by ALPN, and verify the name.
func TestOpenSSL(t *testing.T) {
	harness.Tool(t, "openssl")
	s := serve(t, newRoot(t))
	versions(t, func(t *testing.T, version uint16) {
		b := &bench{T: t, server: s, version: version, work: t.TempDir()}
		request := []ask{{path: "/small"}}
		for i, flags := range [][]string{{"-sess_out", "session"}, {"-sess_in", "session"}} {
			// -ign_eof waits for the response, and with it for the ticket.
			out, _ := b.must(requests(request), "openssl", b.sClient(append(flags, "-ign_eof", "-verify_hostname", "localhost")...)...)
			want := []string{"New, ", "Reused, "}[i]
			texts := []string{want, "ALPN protocol: http/1.1", "Compression: NONE", "Verify return code: 0 (ok)", string(contents["small"])}
			if version == tls.VersionTLS13 {
				texts = append(texts, "Early data was not sent", "Max Early Data: 0")
			}
			for _, text := range texts {
				if !bytes.Contains(out, []byte(text)) {
					t.Errorf("with %q: no %.40q in\n%.3000q", flags, text, out)
				}
			}
		}
		// An unknown protocol alone is refused (RFC 7301, section 3.2).
		args := b.sClient()
		for i := range args {
			if args[i] == "http/1.1" {
				args[i] = "spdy/1"
			}
		}
		if out, stderr, status := b.run(nil, "openssl", args...); status == 0 || !bytes.Contains(stderr, []byte("alert")) {
			t.Errorf("spdy/1 got no alert: %s %s", out, stderr)
		}
	})
}

// keyInput is the input of s_client: a request, and lines that ask for a KeyUpdate. Each read is a line of its own.
type keyInput struct{ lines []string }

func (k *keyInput) Read(b []byte) (int, error) {
	if len(k.lines) == 0 {
		return 0, io.EOF
	}
	time.Sleep(50 * time.Millisecond) // s_client takes a letter at the beginning of what it reads
	n := copy(b, k.lines[0])
	k.lines = k.lines[1:]
	return n, nil
}

// TestKeyUpdate has s_client change its key, and ask for another of the server's, before, between and while responses are sent.
func TestKeyUpdate(t *testing.T) {
	harness.Tool(t, "openssl")
	s := serve(t, newRoot(t))
	b := &bench{T: t, server: s, version: tls.VersionTLS13, work: t.TempDir()}
	for _, path := range []string{"/large", "/dynamic/large"} {
		// With command letters, s_client needs an input that does not end before the response has.
		reader, writer := io.Pipe()
		go func() {
			k := keyInput{[]string{
				"K\n", "k\n", "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "K\n", "k\n", "K\n",
				"GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "K\n",
			}}
			_, _ = io.Copy(writer, &k)
			time.Sleep(5 * time.Second) // s_client has ended before, as a rule
			_ = writer.Close()
		}()
		out, _, _ := b.run(reader, "openssl", b.sClient()...)
		if n := bytes.Count(out, contents["large"][:1000]); n != 2 {
			t.Errorf("%s: %d responses have begun", path, n)
		}
		if n := bytes.Count(out, contents["large"][largeBytes-1000:]); n != 2 {
			t.Errorf("%s: %d responses have ended", path, n)
		}
	}
}
