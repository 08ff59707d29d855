package tls

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
)

// volatile matches what two responses to the same request may have of their own.
var volatile = regexp.MustCompile(`(?m)^Date: .*\r\n|[0-9a-f]{16,}`)

// listing matches a request for a listing. It has a Last-Modified from the second after the one in which it was made,
// and is made again now and then: a second may end between two requests.
var listing = regexp.MustCompile(`^[A-Z]+ /(dynamic/)? `)

// TestSameOverHTTP sends the same bytes by http and by https: the responses are the same, and end in the same way.
// Only the scheme of an absolute target has to differ.
func TestSameOverHTTP(t *testing.T) {
	s := serve(t, newRoot(t), "--max-body-bytes", "4KiB", "--list")
	head := func(line string, fields ...string) string {
		return line + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	}
	last := "Connection: close"
	var cases []string
	for _, directory := range []string{"/", "/dynamic/"} {
		cases = append(cases, head("GET "+directory+"large", last), head("GET "+directory+"large", "Range: bytes=5-1000000,2000000-2000001", last))
		for _, name := range []string{"small", "empty", "none", ""} {
			path := directory + name
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "DELETE", "TRACE"} {
				cases = append(cases, head(method+" "+path, last))
			}
			for _, field := range []string{
				"Range: bytes=0-0", "Range: bytes=-5", "Range: bytes=999-", "Range: bytes=1000000000-", "Range: bytes=1-2,5-900,-1", "Range: lines=1",
				"If-Modified-Since: Fri, 04 Mar 2022 05:06:07 GMT", "If-Unmodified-Since: Fri, 04 Mar 2011 05:06:07 GMT", "If-None-Match: *", `If-Match: "x"`,
				"Expect: 100-continue", "Accept-Encoding: gzip, br", "Origin: https://example.org",
			} {
				cases = append(cases, head("GET "+path, field, last))
			}
		}
	}
	cases = append(cases,
		head("GET /../x", last), head("GET /%2e%2e/x", last), head("GET /%zz", last), head("GET small", last), head("GET /small#x", last),
		head("GET http://localhost:1/small", last), head("OPTIONS *", last), head("CONNECT localhost:443", last),
		"GET /small HTTP/1.0\r\n\r\n", "GET /small HTTP/1.1\r\n\r\n", "GET /small HTTP/2.0\r\nHost: localhost\r\n\r\n", "GET /small\r\n\r\n", "\x00\x01\r\n\r\n",
		"GET /small HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", head("GET /small", "Bad Field: x", last), head("GET /small", "X: "+strings.Repeat("x", 40_000), last),
		head("GET /"+strings.Repeat("x", 10_000), last),
		head("PUT /small", "Content-Length: 5000")+strings.Repeat("x", 5000), head("POST /small", "Content-Length: 5")+"12345"+head("GET /small", last),
		head("POST /small", "Transfer-Encoding: chunked")+"5\r\n12345\r\n0\r\n\r\n"+head("GET /small", last),
		head("POST /small", "Transfer-Encoding: chunked", "Content-Length: 5")+"5\r\n12345\r\n0\r\n\r\n",
		head("GET /small")+head("HEAD /dynamic/large")+head("GET /empty")+head("GET /large", "Range: bytes=5-20000")+head("GET /dynamic/small", last),
		strings.Repeat(head("GET /small"), 50)+head("GET /small", last),
	)
	get := func(conn net.Conn, text string) string {
		defer func() { _ = conn.Close() }()
		go func() { _, _ = io.WriteString(conn, text) }()
		got, err := io.ReadAll(conn)
		if err != nil {
			return fmt.Sprintf("%d bytes, %v", len(got), err)
		}
		return volatile.ReplaceAllString(string(got), "")
	}
	for _, text := range cases {
		plain := get(dial(t, s.Address), text)
		text = strings.Replace(text, "http://localhost:1", "https://localhost:1", 1)
		versions := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
		for name, version := range versions {
			secure := get(tls.Client(s.connect(t), s.client(version)), text)
			for try := 0; try < 3 && secure != plain && listing.MatchString(text); try++ {
				plain, secure = get(dial(t, s.Address), text), get(tls.Client(s.connect(t), s.client(version)), text)
			}
			if secure != plain {
				t.Errorf("%.100q\nby http: %.500q\nby TLS %s: %.500q", text, plain, name, secure)
			}
		}
	}
	t.Logf("%d exchanges", len(cases))
}
