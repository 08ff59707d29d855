package conformance

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"

	"golang.org/x/crypto/bcrypt"
)

// The matrix combines the options of aws serve so that each two choices meet at least once, and asks each server for the
// same things in the same ways. No response is held against an expected one: each is held against rules that hold for every
// response. Faults live where two features meet.

// choice is one way in which a feature is set.
type choice struct {
	name string
	args []string
}

// matrix are the features.
func matrix(dir string) [][]choice {
	users, page := filepath.Join(dir, "users"), filepath.Join(dir, "page.html")
	return [][]choice{
		{{"", nil}, {"cors", []string{"--cors"}}},
		{{"", nil}, {"plain", []string{"--precompressed=false"}}},
		{{"", nil}, {"compress", []string{"--compress"}}},
		{{"", nil}, {"list", []string{"--list"}}},
		{{"", nil}, {"spa", []string{"--spa", "/index.html"}}},
		{{"", nil}, {"auth", []string{"--auth", "/=" + users}}, {"auth-dynamic", []string{"--auth", "/dynamic/=" + users}}},
		{{"", nil}, {"header", []string{"--header", "X-A: 1", "--header", "Server: mine"}}},
		{{"", nil}, {"cache", []string{"--cache-control", "/dynamic/*=no-store"}}},
		{{"", nil}, {"page", []string{"--error-page", "404=" + page, "--error-page", "401=" + page}}},
		{{"", nil}, {"dotfiles", []string{"--dotfiles"}}},
		{{"", nil}, {"rate", []string{"--limit-rate", "8MiB", "--limit-rate-total", "16MiB"}}},
		{{"", nil}, {"mount", []string{"--static", "/m/=" + filepath.Join(dir, "other")}}},
	}
}

// pairwise returns sets of choices, by index, in which each two of different features meet.
func pairwise(features [][]choice) (sets [][]int) {
	type pair struct{ a, i, b, j int }
	missing := map[pair]bool{}
	for a := range features {
		for b := a + 1; b < len(features); b++ {
			for i := range features[a] {
				for j := range features[b] {
					missing[pair{a, i, b, j}] = true
				}
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for len(missing) > 0 {
		var best []int
		covered := -1
		for range 200 {
			set := make([]int, len(features))
			for f := range features {
				set[f] = rnd.IntN(len(features[f]))
			}
			n := 0
			for p := range missing {
				if set[p.a] == p.i && set[p.b] == p.j {
					n++
				}
			}
			if n > covered {
				best, covered = set, n
			}
		}
		maps.DeleteFunc(missing, func(p pair, _ bool) bool { return best[p.a] == p.i && best[p.b] == p.j })
		sets = append(sets, best)
	}
	return sets
}

// matrixExchange is a request and its response.
type matrixExchange struct {
	method, target string
	fields         []string
	status         int
	header         textproto.MIMEHeader
	body           []byte
}

func (e *matrixExchange) String() string {
	return fmt.Sprintf("%s %s %q: %d %v", e.method, e.target, e.fields, e.status, e.header)
}

// matrixClient asks over one connection.
type matrixClient struct {
	t      *testing.T
	server *harness.Server
	conn   net.Conn
	reader *bufio.Reader
}

func (c *matrixClient) ask(method, target string, fields ...string) *matrixExchange {
	c.t.Helper()
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.server.Address)
		if err != nil {
			c.t.Fatal(err)
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
	request := method + " " + target + " HTTP/1.1\r\nHost: a\r\n"
	for _, f := range fields {
		request += f + "\r\n"
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	e := &matrixExchange{method: method, target: target, fields: fields}
	text := textproto.NewReader(c.reader)
	line, err := text.ReadLine()
	if err == nil {
		e.header, err = text.ReadMIMEHeader()
	}
	if err != nil {
		c.t.Fatalf("%s %s %q: %v", method, target, fields, err)
	}
	words := strings.SplitN(line, " ", 3)
	if e.status, err = strconv.Atoi(words[1]); err != nil || words[0] != "HTTP/1.1" {
		c.t.Fatalf("%q", line)
	}
	lengths := e.header["Content-Length"]
	bodiless := method == "HEAD" || e.status == 204 || e.status == 304
	switch {
	case len(e.header["Transfer-Encoding"]) > 0 || len(lengths) > 1:
		c.t.Errorf("%v: the framing is in doubt", e)
	case bodiless:
	case len(lengths) == 0:
		c.t.Fatalf("%v: no length", e)
	default:
		n, err := strconv.Atoi(lengths[0])
		if err != nil {
			c.t.Fatalf("%v: %v", e, err)
		}
		e.body = make([]byte, n)
		if _, err := io.ReadFull(c.reader, e.body); err != nil {
			c.t.Fatalf("%v: %v", e, err)
		}
	}
	if e.header.Get("Connection") == "close" {
		if rest, err := io.ReadAll(c.reader); err != nil || len(rest) > 0 {
			c.t.Errorf("%v: %d bytes behind the response, %v", e, len(rest), err)
		}
		_ = c.conn.Close()
		c.conn = nil
	} else if c.reader.Buffered() > 0 {
		c.t.Fatalf("%v: bytes behind the response", e)
	}
	return e
}

// once are the fields of which there may be one.
var once = []string{
	"Content-Length", "Content-Type", "Date", "Etag", "Last-Modified", "Server", "Location", "Content-Range", "Content-Encoding",
	"Accept-Ranges", "Cache-Control", "X-Content-Type-Options", "Access-Control-Allow-Origin", "Connection", "Www-Authenticate", "Allow",
}

// check holds an matrixExchange against the rules.
func (e *matrixExchange) check(t *testing.T, chosen map[string]bool) {
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%v\n\t%s", e, fmt.Sprintf(format, args...))
	}
	for _, name := range once {
		if len(e.header[name]) > 1 {
			wrong("%s is there %d times", name, len(e.header[name]))
		}
	}
	date, err := http.ParseTime(e.header.Get("Date"))
	if err != nil || time.Since(date).Abs() > 5*time.Minute {
		wrong("Date is %q (RFC 9110 section 6.6.1)", e.header.Get("Date"))
	}
	if m := e.header.Get("Last-Modified"); m != "" {
		if modified, err := http.ParseTime(m); err != nil || modified.After(date) {
			wrong("Last-Modified is after Date (section 8.8.2.1)")
		}
	}
	if tag := e.header.Get("Etag"); tag != "" && (len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"') {
		wrong("the ETag is malformed (section 8.8.3)")
	}
	needs := map[int]string{401: "Www-Authenticate", 405: "Allow", 501: "Allow", 503: "Retry-After", 301: "Location", 416: "Content-Range"}
	if name := needs[e.status]; name != "" && e.header.Get(name) == "" {
		wrong("no %s", name)
	}
	switch rangeValue := e.header.Get("Content-Range"); {
	case e.status == 416 && !strings.HasPrefix(rangeValue, "bytes */"):
		wrong("Content-Range of a 416 (section 14.4)")
	case e.status == 206 && rangeValue == "" && !strings.HasPrefix(e.header.Get("Content-Type"), "multipart/byteranges; boundary="):
		wrong("a part of nothing (section 15.3.7)")
	case e.status == 206 && rangeValue != "":
		var from, to, size int
		if _, err := fmt.Sscanf(rangeValue, "bytes %d-%d/%d", &from, &to, &size); err != nil || to-from+1 != len(e.body) || to >= size {
			wrong("Content-Range does not agree with %d bytes", len(e.body))
		}
	case e.status != 206 && e.status != 416 && rangeValue != "":
		wrong("Content-Range")
	}
	if e.status == 204 && e.header.Get("Content-Length") != "" || e.status == 304 && e.header.Get("Content-Type") != "" {
		wrong("fields of a body that is not there (sections 8.6 and 15.4.5)")
	}
	if e.method == "POST" && e.status < 400 {
		wrong("a POST succeeds")
	}
	about := e.status == 200 && e.method != "OPTIONS" || e.status == 206 || e.status == 304 || e.status == 416
	if about && e.header.Get("Etag") == "" {
		wrong("no ETag")
	}
	// What the options say of every response.
	if e.header.Get("X-Content-Type-Options") != "nosniff" {
		wrong("X-Content-Type-Options")
	}
	if server := e.header.Get("Server"); (server == "mine") != chosen["header"] || server == "" || (e.header.Get("X-A") == "1") != chosen["header"] {
		wrong("--header")
	}
	if (e.header.Get("Access-Control-Allow-Origin") == "*") != chosen["cors"] {
		wrong("--cors")
	}
	dynamic := strings.HasPrefix(e.target, "/dynamic/")
	if known := slices.ContainsFunc(e.fields, func(f string) bool { return strings.HasPrefix(f, "Authorization:") }); !known && e.method == "GET" {
		if (chosen["auth"] || chosen["auth-dynamic"] && dynamic) && e.status != 401 && e.status != 400 &&
			!(e.status == 404 && strings.Contains(e.target, "/.")) {
			wrong("--auth")
		}
		if bytes.Contains(e.body, []byte("secret")) && e.status == 401 {
			wrong("a body that is not for this client")
		}
	}
	if chosen["cache"] && about && e.target == "/dynamic/file.css" && e.header.Get("Cache-Control") != "no-store" {
		wrong("--cache-control")
	}
	if chosen["page"] && e.status == 404 && e.method == "GET" && string(e.body) != "page" {
		wrong("--error-page")
	}
	varies := strings.Contains(strings.Join(e.header["Vary"], ","), "Accept-Encoding")
	// What is sent instead of 404 has no other form.
	css := strings.HasPrefix(e.header.Get("Content-Type"), "text/css") || e.target == "/file.css" || e.target == "/dynamic/file.css"
	if about && css && varies == chosen["plain"] {
		wrong("Vary (section 12.5.5)")
	}
}

func TestMatrix(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	old := time.Now().Add(-time.Hour)
	for name, content := range map[string]string{
		"root/file.css": "secret plain", "root/file.css.gz": "secret packed", "root/large": strings.Repeat("secret", 50_000),
		"root/index.html": "secret index", "root/dir/file": "secret", "root/.hidden": "secret", "root/dynamic/file.css": "secret dynamic",
		"root/dynamic/file.css.gz": "secret dynamic packed", "root/dynamic/large": strings.Repeat("secret", 50_000), "root/empty": "",
		"other/file.css": "secret other", "other/file.css.gz": "secret other packed", "page.html": "page",
	} {
		writeAt(t, filepath.Join(dir, name), content, old)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	harness.WriteFile(t, filepath.Join(dir, "users"), fmt.Appendf(nil, "ali:%s\n", hash))
	credentials := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ali:sesame"))
	targets := []string{
		"/file.css", "/large", "/", "/dir/", "/dir", "/none", "/dynamic/none", "/.hidden", "/dynamic/file.css", "/dynamic/large",
		"/dynamic/", "/empty", "/m/file.css", "/m", "/file.css/", "/%00", "/dir/none.css?x=1",
	}
	ways := [][]string{
		nil,
		{"Accept-Encoding: gzip"},
		{"Range: bytes=1-3"},
		{"Range: bytes=0-1,4-5"},
		{"Range: bytes=9999999-"},
		{"If-None-Match: *"},
		{"If-Modified-Since: " + time.Now().UTC().Format(http.TimeFormat)},
		{"If-Match: \"x\""},
		{"Range: bytes=1-3", "If-Range: \"x\""},
		{"Origin: http://example.org", "Access-Control-Request-Method: GET"},
	}
	features := matrix(dir)
	total := 0
	for n, set := range pairwise(features) {
		chosen, names := map[string]bool{}, []string{}
		log := filepath.Join(dir, fmt.Sprint("log", n))
		args := []string{"--log", log}
		for f, i := range set {
			if c := features[f][i]; c.name != "" {
				chosen[c.name], names, args = true, append(names, c.name), append(args, c.args...)
			}
		}
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			server := harness.StartServe(t, harness.Options{}, root, args...)
			client := &matrixClient{t: t, server: server}
			asked := 0
			for _, target := range targets {
				for _, way := range ways {
					for _, known := range []bool{false, true} {
						fields := way
						if known {
							fields = append(slices.Clone(way), credentials)
						}
						var got *matrixExchange
						for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
							e := client.ask(method, target, fields...)
							asked++
							e.check(t, chosen)
							switch method {
							case "GET":
								got = e
							case "HEAD":
								e.compareHead(t, got)
							}
							if t.Failed() {
								t.FailNow() // one is enough
							}
						}
					}
				}
			}
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d", status)
			}
			text, err := os.ReadFile(log)
			if lines := bytes.Count(text, []byte{'\n'}); err != nil || lines != asked {
				t.Errorf("%d lines in the log of %d requests, %v", lines, asked, err)
			}
			total += asked
		})
	}
	t.Logf("%d responses", total)
}

// compareHead holds that a HEAD has the fields of the GET (RFC 9110 section 9.3.2). Range has a meaning for GET only.
func (e *matrixExchange) compareHead(t *testing.T, got *matrixExchange) {
	t.Helper()
	if slices.ContainsFunc(e.fields, func(f string) bool { return strings.HasPrefix(f, "Range:") }) {
		return
	}
	one, other := maps.Clone(e.header), maps.Clone(got.header)
	for _, h := range []textproto.MIMEHeader{one, other} {
		delete(h, "Date")
	}
	if e.status != got.status || fmt.Sprint(one) != fmt.Sprint(other) {
		t.Errorf("%v\n\tis not like\n\t%v", e, got)
	}
}
