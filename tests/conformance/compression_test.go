package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// settled is longer than the server takes a file for one that may be written to.
const settled = 2200 * time.Millisecond

// words returns text of a size.
func words(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "<li id=%d>item %d of the list, %x</li>\n", i, i*i%997, i*7919)
	}
	return b.Bytes()[:size]
}

// decoded returns the content of a body in a coding.
func decoded(t *testing.T, body []byte, coding string) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderMaxWindow(8<<20)); err == nil {
			defer z.Close()
		}
		r = z
	}
	if err == nil {
		body, err = io.ReadAll(r)
	}
	if err != nil {
		t.Errorf("%s: %v", coding, err)
	}
	return body
}

// fetched is a response with its body.
type fetched struct {
	*http.Response
	body []byte
}

// fetchWith sends a request with fields of the form "Name: value".
func fetchWith(t *testing.T, server *harness.Server, method, target string, fields ...string) fetched {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+server.Address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fetched{response, body}
}

// fetchCoded fetches a target until it comes in a coding.
func fetchCoded(t *testing.T, server *harness.Server, target, coding string) (r fetched) {
	t.Helper()
	harness.Eventually(t, 20*time.Second, target+" in "+coding, func() error {
		if r = fetchWith(t, server, "GET", target, "Accept-Encoding: "+coding); r.Header.Get("Content-Encoding") != coding {
			return harness.Errorf("%v", r.Header)
		}
		return nil
	})
	return r
}

// newTexts makes a directory with files that are worth compressing, and some that are not. It returns after they are settled.
func newTexts(t *testing.T) (directory string, files map[string][]byte) {
	t.Helper()
	directory = filepath.Join(t.TempDir(), "site")
	files = map[string][]byte{
		"/a.html": words(200_000), "/b.json": words(3000), "/c.js": words(1_500_000), "/dynamic/d.css": words(300_000),
		"/small.txt": words(1023), "/noise.txt": harness.Content(50_000, 9), "/image.png": words(50_000), "/large.txt": words(8<<20 + 1),
	}
	for name, content := range files {
		harness.WriteFile(t, filepath.Join(directory, name), content)
		stamp(t, filepath.Join(directory, name), modified)
	}
	time.Sleep(settled)
	return directory, files
}

// TestCompression gets files in each coding, in whole and in ranges, and with conditions.
func TestCompression(t *testing.T) {
	directory, files := newTexts(t)
	server := harness.StartServe(t, harness.Options{}, directory, "--compress", "--list")
	for _, target := range []string{"/a.html", "/b.json", "/c.js", "/dynamic/d.css"} {
		plain := fetchWith(t, server, "GET", target)
		if !bytes.Equal(plain.body, files[target]) || plain.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", target, plain.Header)
		}
		for _, coding := range []string{"gzip", "br", "zstd"} {
			t.Run(target+" "+coding, func(t *testing.T) { compressed(t, server, target, coding, files[target], plain) })
		}
	}
	for target, vary := range map[string]string{"/small.txt": "", "/noise.txt": "Accept-Encoding", "/image.png": "", "/large.txt": "", "/none": "", "/dynamic/": "Accept"} {
		for range 3 {
			r := fetchWith(t, server, "GET", target, "Accept-Encoding: gzip, br, zstd")
			if r.Header.Get("Content-Encoding") != "" || r.Header.Get("Vary") != vary || files[target] != nil && !bytes.Equal(r.body, files[target]) {
				t.Errorf("%s: %s, %v", target, r.Status, r.Header)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	for accept, coding := range map[string]string{
		"identity;q=0, gzip": "gzip", "gzip;q=0.1, br;q=0.2": "br", "*": "zstd", "gzip;q=0, br;q=0, zstd;q=0": "", "identity;q=1, br;q=0.9": "", "*;q=0": "",
	} {
		if r := fetchWith(t, server, "GET", "/a.html", "Accept-Encoding: "+accept); r.Header.Get("Content-Encoding") != coding {
			t.Errorf("%s: %v", accept, r.Header)
		}
	}
}

// compressed tests a file in a coding. plain is the response without a coding.
func compressed(t *testing.T, server *harness.Server, target, coding string, content []byte, plain fetched) {
	whole := fetchCoded(t, server, target, coding)
	accept := "Accept-Encoding: " + coding
	tag := strings.TrimSuffix(plain.Header.Get("Etag"), `"`) + "-" + coding + `1"`
	if !bytes.Equal(decoded(t, whole.body, coding), content) || whole.ContentLength >= int64(len(content)) {
		t.Fatalf("the content is another one: %v", whole.Header)
	}
	for name, value := range map[string]string{
		"Etag": tag, "Vary": "Accept-Encoding", "Accept-Ranges": "bytes", "Content-Type": plain.Header.Get("Content-Type"),
		"Last-Modified": modifiedText, "Content-Length": fmt.Sprint(len(whole.body)),
	} {
		if got := whole.Header.Get(name); got != value {
			t.Errorf("%s: %s, want %s", name, got, value)
		}
	}
	head := fetchWith(t, server, "HEAD", target, accept)
	head.Header.Set("Date", whole.Header.Get("Date"))
	if !maps.EqualFunc(head.Header, whole.Header, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
		t.Errorf("HEAD: %v, GET: %v", head.Header, whole.Header)
	}
	var joined []byte
	for size, from := len(whole.body), 0; from < size; from += size/5 + 1 {
		part := fetchWith(t, server, "GET", target, accept, fmt.Sprintf("Range: bytes=%d-%d", from, from+size/5), "If-Range: "+tag)
		if part.StatusCode != 206 || part.Header.Get("Content-Encoding") != coding {
			t.Fatalf("%s, %v", part.Status, part.Header)
		}
		joined = append(joined, part.body...)
	}
	if !bytes.Equal(joined, whole.body) {
		t.Error("the ranges are not the whole")
	}
	joined = nil
	several := fetchWith(t, server, "GET", target, accept, fmt.Sprintf("Range: bytes=300-%d,0-99", len(whole.body)-1))
	_, parameters, err := mime.ParseMediaType(several.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	gap := fetchWith(t, server, "GET", target, accept, "Range: bytes=100-299")
	pieces := map[string][]byte{gap.Header.Get("Content-Range"): gap.body}
	for r := multipart.NewReader(bytes.NewReader(several.body), parameters["boundary"]); ; {
		part, err := r.NextRawPart()
		if err != nil {
			break
		}
		body, _ := io.ReadAll(part)
		pieces[part.Header.Get("Content-Range")] = body
		if part.Header.Get("Content-Type") != plain.Header.Get("Content-Type") {
			t.Errorf("the type of a part is %v", part.Header)
		}
	}
	size := len(whole.body)
	for _, r := range []string{fmt.Sprintf("bytes 0-99/%d", size), fmt.Sprintf("bytes 100-299/%d", size), fmt.Sprintf("bytes 300-%d/%d", size-1, size)} {
		joined = append(joined, pieces[r]...)
	}
	if several.StatusCode != 206 || !bytes.Equal(joined, whole.body) {
		t.Errorf("%s: the parts are not the whole", several.Status)
	}
	for _, c := range []struct {
		status int
		length int
		fields []string
	}{
		{304, 0, []string{accept, "If-None-Match: " + tag}},
		{200, size, []string{accept, "If-None-Match: " + plain.Header.Get("Etag")}},
		{200, len(content), []string{"If-None-Match: " + tag}},
		{412, -1, []string{accept, "If-Match: " + plain.Header.Get("Etag")}},
		{200, size, []string{accept, "If-Match: " + tag}},
		{304, 0, []string{accept, "If-Modified-Since: " + modifiedText}},
		{416, 0, []string{accept, fmt.Sprintf("Range: bytes=%d-", size)}},
		{200, size, []string{accept, "Range: bytes=0-9", "If-Range: " + plain.Header.Get("Etag")}},
		{200, len(content), []string{"Range: bytes=0-9", "If-Range: " + tag}},
	} {
		r := fetchWith(t, server, "GET", target, c.fields...)
		if r.StatusCode != c.status || c.length >= 0 && len(r.body) != c.length || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %s, %d bytes, %v", c.fields, r.Status, len(r.body), r.Header)
		}
	}
}

// metric returns the lines of /metrics with a prefix.
func metric(t *testing.T, admin, prefix string) string {
	t.Helper()
	response, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, prefix+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestCompressionCache stops the server, and starts it again with the same directory, also after all files in it have changed.
func TestCompressionCache(t *testing.T) {
	directory, files := newTexts(t)
	cache := filepath.Join(t.TempDir(), "cache")
	tags := map[string]string{}
	for n, want := range []struct{ made, loaded, bad string }{{"2", "0", "0"}, {"0", "2", "0"}, {"2", "0", "2"}, {"0", "2", "0"}} {
		server := harness.StartServe(t, harness.Options{}, directory, "--compress", "--compress-cache", cache, "--admin", "127.0.0.1:0")
		admin := strings.TrimSuffix(strings.TrimPrefix(server.Says(t, `admin at (http://[0-9.:]+/)`, 1)[1], "http://"), "/")
		for _, target := range []string{"/a.html", "/c.js"} {
			r := fetchCoded(t, server, target, "br")
			if !bytes.Equal(decoded(t, r.body, "br"), files[target]) {
				t.Errorf("start %d: other bytes", n)
			}
			if tag := r.Header.Get("Etag"); tags[target] != "" && tags[target] != tag {
				t.Errorf("start %d: the tag %s, and before %s", n, tag, tags[target])
			}
			tags[target] = r.Header.Get("Etag")
		}
		for name, value := range map[string]string{
			`awsd_compressions_total{outcome="made"}`: want.made, `awsd_compressions_total{outcome="loaded"}`: want.loaded,
			`awsd_compress_cache_errors_total{kind="content"}`: want.bad, `awsd_compress_cache_errors_total{kind="write"}`: "0",
		} {
			if got := metric(t, admin, name); got != value {
				t.Errorf("start %d: %s is %s, want %s", n, name, got, value)
			}
		}
		if status := server.Stop(t); status != 0 {
			t.Errorf("status %d", status)
		}
		entries, err := filepath.Glob(filepath.Join(cache, "*"))
		if err != nil || len(entries) != 2 {
			t.Fatalf("%q, %v", entries, err)
		}
		if n == 1 {
			for _, e := range entries {
				content, err := os.ReadFile(e)
				if err != nil {
					t.Fatal(err)
				}
				content[len(content)-5] ^= 0x20
				if err := os.WriteFile(e, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestCompressionOfAChangingFile writes a file in place and replaces it, while clients get it. A tag never stands for two contents,
// and no compressed content is a mixture.
func TestCompressionOfAChangingFile(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "site")
	path := filepath.Join(directory, "f.txt")
	version := func(n int) []byte { return bytes.Repeat([]byte{'A' + byte(n), 'x', '\n'}, 500_000) }
	harness.WriteFile(t, path, version(0))
	server := harness.StartServe(t, harness.Options{}, directory, "--compress")
	var mu sync.Mutex
	byTag, coded := map[string]byte{}, map[byte]bool{}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for client := range 3 {
		coding := []string{"gzip", "br", "zstd"}[client]
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(3 * time.Millisecond):
				}
				r := fetchWith(t, server, "GET", "/f.txt", "Accept-Encoding: "+coding)
				if r.Header.Get("Content-Encoding") == "" {
					continue
				}
				body := decoded(t, r.body, coding)
				if len(body) != 1_500_000 || !bytes.Equal(body, version(int(body[0]-'A'))) {
					t.Errorf("a mixture: %v", r.Header)
					return
				}
				mu.Lock()
				tag := r.Header.Get("Etag")
				if was, ok := byTag[tag]; ok && was != body[0] {
					t.Errorf("the tag %s stands for %c and %c", tag, was, body[0])
				}
				byTag[tag], coded[body[0]] = body[0], true
				mu.Unlock()
			}
		})
	}
	for n := 1; n <= 3; n++ {
		time.Sleep(settled + time.Duration(n)*40*time.Millisecond) // while the version before is compressed, or a little later
		if n%2 == 0 {
			harness.WriteFile(t, path+".new", version(n))
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for content := version(n); len(content) > 0; content = content[min(len(content), 100_000):] {
			_, _ = f.Write(content[:min(len(content), 100_000)])
			time.Sleep(2 * time.Millisecond)
		}
		_ = f.Close()
	}
	harness.Eventually(t, 20*time.Second, "the last version", func() error {
		mu.Lock()
		defer mu.Unlock()
		if !coded['A'+3] {
			return harness.Errorf("%v", byTag)
		}
		return nil
	})
	close(stop)
	group.Wait()
}

// TestCompressionClients has programs decode what they get.
func TestCompressionClients(t *testing.T) {
	directory, files := newTexts(t)
	server := harness.StartServe(t, harness.Options{}, directory, "--compress")
	url := "http://" + server.Address + "/a.html"
	out := filepath.Join(t.TempDir(), "out")
	for _, command := range [][]string{
		{"curl", "-sS", "--fail", "--compressed", "-o", out, url},
		{"curl", "-sS", "--fail", "--compressed", "-H", "Accept-Encoding: br", "-o", out, url},
		{"curl", "-sS", "--fail", "--compressed", "-H", "Accept-Encoding: zstd", "-o", out, url},
		{"wget", "-q", "--compression=auto", "-O", out, url},
		{"wget", "-q", "--compression=gzip", "-O", out, url},
	} {
		t.Run(strings.Join(command[:len(command)-2], " "), func(t *testing.T) {
			tool := harness.Tool(t, command[0])
			for range 3 {
				if text, err := exec.Command(tool, command[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, text)
				}
				got, err := os.ReadFile(out)
				if err != nil || !bytes.Equal(got, files["/a.html"]) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
}
