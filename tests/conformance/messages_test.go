package conformance

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	ten     = "0123456789"
	host    = "Host: x\r\n"
	getTen  = "GET /ten HTTP/1.1\r\nHost: x\r\n\r\n"
	headTen = "HEAD /ten HTTP/1.1\r\nHost: x\r\n\r\n"
)

func post(target, fields, body string) string {
	return "POST " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body
}

func chunked(body string) string { return post("/ten", "Transfer-Encoding: chunked\r\n", body) }

// messages are those that the server takes, and whether the connection lives on.
var messages = []exchange{
	// Persistence.
	{rule: "RFC 9112 9.3 keep-alive by default in 1.1", send: getTen, want: "200", body: ten, fields: map[string]string{"Connection": ""}},
	{rule: "RFC 9112 9.3 close on request", send: get("/ten", "Connection: close"), want: "200", body: ten, then: closed},
	{rule: "RFC 9112 9.3 close in capitals", send: get("/ten", "Connection: CLOSE"), want: "200", then: closed},
	{rule: "RFC 9110 7.6.1 close among options", send: get("/ten", "Connection: foo, close ,bar"), want: "200", then: closed},
	{rule: "RFC 9110 7.6.1 close in a second line", send: get("/ten", "Connection: keep-alive", "Connection: close"), want: "200", then: closed},
	{rule: "RFC 9110 7.6.1 close goes before keep-alive", send: get("/ten", "Connection: close, keep-alive"), want: "200", then: closed},
	{rule: "RFC 9110 7.6.1 not-close is another option", send: get("/ten", "Connection: not-close, closed"), want: "200"},
	{rule: "RFC 9110 7.6.1 empty Connection", send: get("/ten", "Connection:"), want: "200"},
	{rule: "RFC 9112 9.3 close in 1.0", send: "GET /ten HTTP/1.0\r\n\r\n", want: "200", body: ten, then: closed},
	{rule: "RFC 9112 9.3 keep-alive in 1.0 on request", send: "GET /ten HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", want: "200", body: ten, fields: map[string]string{"Connection": "keep-alive"}},
	{rule: "RFC 9112 9.3 keep-alive and close in 1.0", send: "GET /ten HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", want: "200", then: closed},
	{rule: "RFC 9112 9.3 what follows a close is not answered", send: get("/ten", "Connection: close") + getTen, want: "200", then: closed},
	{rule: "RFC 9112 9.3 what follows 1.0 is not answered", send: "GET /ten HTTP/1.0\r\n\r\n" + getTen, want: "200", then: closed},
	{rule: "RFC 9110 2.5 1.2 counts as 1.1", send: "GET /ten HTTP/1.2\r\nHost: x\r\n\r\n", want: "200"},
	{rule: "RFC 9110 2.5 1.9 counts as 1.1", send: "GET /ten HTTP/1.9\r\nHost: x\r\n\r\n", want: "200"},

	// Pipelining.
	{rule: "RFC 9112 9.3.2 two in order", send: get("/a.txt") + getTen, want: "200 200", body: ten},
	{rule: "RFC 9112 9.3.2 errors among them", send: getTen + get("/absent") + get("/big") + get("/%zz") + get("/ten"), want: "200 404 200 400 200", body: ten},
	{rule: "RFC 9112 9.3.2 static and dynamic in order", send: get("/dynamic/big") + getTen + get("/dynamic/ten") + get("/big"), want: "200 200 200 200", body: big},
	{rule: "RFC 9112 9.3.2 HEAD among GET", send: headTen + getTen + headTen + get("/a.txt"), want: "HEAD 200 200 HEAD 200 200", body: "alpha\n"},
	{rule: "RFC 9112 9.3.2 304 and 204 among them", send: get("/ten", "If-None-Match: *") + request("OPTIONS", "/ten") + getTen, want: "304 204 200", body: ten},
	{rule: "RFC 9112 9.3.2 up to a refused one", send: getTen + getTen + "BROKEN\r\n\r\n" + getTen, want: "200 200 400", then: closed},
	{rule: "RFC 9112 9.3.2 ranges of several parts among them", send: get("/big", "Range: bytes=0-1,5-6") + getTen + get("/dynamic/big", "Range: bytes=0-1,5-6") + getTen, want: "206 200 206 200", body: ten},
	{rule: "RFC 9112 9.3.2 behind a body", send: post("/ten", "Content-Length: 5\r\n", "12345") + getTen + chunked("3\r\nabc\r\n0\r\n\r\n") + getTen, want: "405 200 405 200", body: ten},

	// The request line and the lines before it.
	{rule: "RFC 9112 2.2 an empty line before the request", send: "\r\n" + getTen, want: "200"},
	{rule: "RFC 9112 2.2 empty lines between requests", send: getTen + "\r\n\r\n" + getTen, want: "200 200"},
	{rule: "RFC 9112 2.2 a bare LF before the request", send: "\n" + getTen, want: "200"},
	{rule: "RFC 9112 2.2 too many empty lines", send: strings.Repeat("\r\n", 20) + getTen, want: "400", then: closed},
	{rule: "RFC 9112 2.2 bare LF as line ends", send: "GET /ten HTTP/1.1\nHost: x\n\n", want: "200", body: ten},
	{rule: "RFC 9112 2.2 LF and CRLF mixed", send: "GET /ten HTTP/1.1\r\nHost: x\nAccept: a\r\n\n", want: "200", body: ten},
	{rule: "RFC 9112 2.2 bare CR in the request line", send: "GET /ten HTTP/1.1\rHost: x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 2.2 bare CR in a value", send: "GET /ten HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 2.2 bare CR ends the head", send: "GET /ten HTTP/1.1\r\nHost: x\r\n\r\r\n", want: "400", then: closed},
	{rule: "RFC 9112 2.2 bare CR before the request", send: "\r" + getTen, want: "400", then: closed},
	{rule: "RFC 9112 2.2 whitespace before the first field", send: "GET /ten HTTP/1.1\r\n Host: x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 two spaces", send: "GET  /ten HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 two spaces before the version", send: "GET /ten  HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 a tab", send: "GET\t/ten HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 space after the version", send: "GET /ten HTTP/1.1 \r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 space before the method", send: " GET /ten HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 a space in the target", send: "GET /a space HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 NUL in the target", send: "GET /te\x00n HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3 NUL in the method", send: "G\x00T /ten HTTP/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3.2 a fragment in the target", send: get("/ten#part"), want: "400", then: closed},
	{rule: "RFC 9112 3.2 no slash in front", send: get("ten"), want: "400", then: closed},
	{rule: "RFC 9112 2.3 HTTP in small letters", send: "GET /ten http/1.1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 2.3 no version", send: "GET /ten\r\n", want: "400", then: closed},
	{rule: "RFC 9112 2.3 a version of two digits", send: "GET /ten HTTP/1.10\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9112 2.3 HTTP/1", send: "GET /ten HTTP/1\r\n" + host + "\r\n", want: "400", then: closed},
	{rule: "RFC 9110 15.6.6 HTTP/2.0", send: "GET /ten HTTP/2.0\r\n" + host + "\r\n", want: "505", then: closed},
	{rule: "RFC 9110 15.6.6 HTTP/0.9 by name", send: "GET /ten HTTP/0.9\r\n\r\n", want: "505", then: closed},
	{rule: "RFC 9113 3.4 the preface of HTTP/2", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", want: "400", then: closed},
	{rule: "RFC 8446 5.1 a TLS hello", send: "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x00r", 80), want: "400", then: closed},
	{rule: "RFC 9112 2 noise", send: "\x00\x01\x02\xff\xfe\r\n\r\n", want: "400", then: closed},

	// Target forms and Host.
	{rule: "RFC 9112 3.2.2 absolute-form", send: get("http://x/ten"), want: "200", body: ten},
	{rule: "RFC 9112 3.2.2 absolute-form with a port and capitals", send: get("HTTP://X.example:8080/ten"), want: "200", body: ten},
	{rule: "RFC 9112 3.2.2 absolute-form goes before Host", send: get("http://other.example/ten"), want: "200", body: ten},
	{rule: "RFC 9112 3.2.2 absolute-form without a path", send: get("http://x"), want: "200", body: "<p>the index</p>\n"},
	{rule: "RFC 9112 3.2.2 absolute-form with a query alone", send: get("http://x?q"), want: "200", body: "<p>the index</p>\n"},
	{rule: "RFC 9112 3.2 absolute-form and no Host", send: "GET http://x/ten HTTP/1.1\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9110 4.2.4 absolute-form with userinfo", send: get("http://user@x/ten"), want: "400", then: closed},
	{rule: "RFC 9112 3.2.2 absolute-form without a host", send: get("http:///ten"), want: "400", then: closed},
	{rule: "RFC 9112 3.2.2 another scheme", send: get("ftp://x/ten"), want: "400", then: closed},
	{rule: "RFC 9110 15.5.20 https on a plain port", send: get("https://x/ten"), want: "421"},
	{rule: "RFC 9112 3.2.4 asterisk-form", send: request("OPTIONS", "*"), want: "204", empty: true, fields: map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
	{rule: "RFC 9112 3.2.4 asterisk-form is for OPTIONS", send: get("*"), want: "400", then: closed},
	{rule: "RFC 9112 3.2.4 OPTIONS for the whole server by a proxy", send: request("OPTIONS", "http://x"), want: "204", empty: true},
	{rule: "RFC 9112 3.2.3 authority-form is for CONNECT", send: get("x:80"), want: "400", then: closed},
	{rule: "RFC 9112 3.2 no Host in 1.1", send: "GET /ten HTTP/1.1\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3.2 no Host in 1.0", send: "GET /ten HTTP/1.0\r\n\r\n", want: "200", then: closed},
	{rule: "RFC 9112 3.2 Host in 1.0", send: "GET /ten HTTP/1.0\r\nHost: x\r\n\r\n", want: "200", then: closed},
	{rule: "RFC 9112 3.2 two Hosts", send: get("/ten", "Host: y"), want: "400", then: closed},
	{rule: "RFC 9112 3.2 the same Host twice", send: get("/ten", "Host: x"), want: "400", then: closed},
	{rule: "RFC 9112 3.2 two Hosts in 1.0", send: "GET /ten HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3.2 two values in a Host", send: "GET /ten HTTP/1.1\r\nHost: x, y\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 3.2 an empty Host", send: "GET /ten HTTP/1.1\r\nHost:\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9110 4.2.4 userinfo in Host", send: "GET /ten HTTP/1.1\r\nHost: user@x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9110 7.2 a path in Host", send: "GET /ten HTTP/1.1\r\nHost: x/y\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9110 7.2 a port in Host", send: "GET /ten HTTP/1.1\r\nHost: x:8080\r\n\r\n", want: "200"},
	{rule: "RFC 9110 7.2 an empty port in Host", send: "GET /ten HTTP/1.1\r\nHost: x:\r\n\r\n", want: "200"},
	{rule: "RFC 9110 7.2 a word as port in Host", send: "GET /ten HTTP/1.1\r\nHost: x:http\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9110 7.2 a port too big in Host", send: "GET /ten HTTP/1.1\r\nHost: x:65536\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 3.2.2 IPv6 in Host", send: "GET /ten HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", want: "200"},
	{rule: "RFC 3986 3.2.2 IPv6 without brackets in Host", send: "GET /ten HTTP/1.1\r\nHost: ::1\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 3.2.2 a broken bracket in Host", send: "GET /ten HTTP/1.1\r\nHost: [::1\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 3.2.2 a name in brackets in Host", send: "GET /ten HTTP/1.1\r\nHost: [x]\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 3.2.2 IPv4 in brackets in Host", send: "GET /ten HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 3.2.2 seven colons too few in Host", send: "GET /ten HTTP/1.1\r\nHost: [1:2:3]:80\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 1034 3.1 a dot as Host", send: "GET /ten HTTP/1.1\r\nHost: .\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 1034 3.1 empty labels in Host", send: "GET /ten HTTP/1.1\r\nHost: ..a\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 1034 3.1 an empty label within Host", send: "GET http://a..b/ten HTTP/1.1\r\nHost: x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 1034 3.1 the root's dot in Host", send: "GET /ten HTTP/1.1\r\nHost: x.example.\r\n\r\n", want: "200"},
	{rule: "RFC 3986 2 a byte above 0x7f in the target", send: "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 2 overlong UTF-8 in the target", send: "GET /\xc0\xae\xc0\xae/ten HTTP/1.1\r\nHost: x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 3986 2 plain UTF-8 in the query", send: "GET /ten?\u00fc HTTP/1.1\r\nHost: x\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9110 5.5 whitespace around Host", send: "GET /ten HTTP/1.1\r\nHost: \t x \t \r\n\r\n", want: "200"},
	{rule: "RFC 9110 5.1 field names in any case", send: "GET /ten HTTP/1.1\r\nhOsT: x\r\nrAnGe: bytes=1-2\r\n\r\n", want: "206", body: "12"},

	// Fields.
	{rule: "RFC 9112 5.1 space before the colon", send: get("/ten", "A : b"), want: "400", then: closed},
	{rule: "RFC 9112 5.1 tab before the colon", send: get("/ten", "A\t: b"), want: "400", then: closed},
	{rule: "RFC 9112 5.1 no space after the colon", send: "GET /ten HTTP/1.1\r\nHost:x\r\nA:b\r\n\r\n", want: "200"},
	{rule: "RFC 9112 5.2 obs-fold by a space", send: get("/ten", "A: b\r\n c"), want: "400", then: closed},
	{rule: "RFC 9112 5.2 obs-fold by a tab", send: get("/ten", "A: b\r\n\tc"), want: "400", then: closed},
	{rule: "RFC 9112 5 no colon", send: get("/ten", "A"), want: "400", then: closed},
	{rule: "RFC 9112 5 no name", send: get("/ten", ": b"), want: "400", then: closed},
	{rule: "RFC 9110 5.1 a name that is not a token", send: get("/ten", "A(b): c"), want: "400", then: closed},
	{rule: "RFC 9110 5.1 a name outside ASCII", send: get("/ten", "Ä: c"), want: "400", then: closed},
	{rule: "RFC 9110 5.5 NUL in a value", send: get("/ten", "A: b\x00c"), want: "400", then: closed},
	{rule: "RFC 9110 5.5 DEL in a value", send: get("/ten", "A: b\x7fc"), want: "400", then: closed},
	{rule: "RFC 9110 5.5 a control character in a value", send: get("/ten", "A: b\x0bc"), want: "400", then: closed},
	{rule: "RFC 9110 5.5 a tab in a value", send: get("/ten", "A: b\tc"), want: "200"},
	{rule: "RFC 9110 5.5 bytes above 0x7f in a value", send: get("/ten", "A: \xe4\xf6\xff"), want: "200"},
	{rule: "RFC 9110 5.5 an empty value", send: get("/ten", "A:", "B: "), want: "200"},

	// Bodies.
	{rule: "RFC 9112 6.3 Content-Length", send: post("/ten", "Content-Length: 5\r\n", "12345"), want: "405"},
	{rule: "RFC 9112 6.3 Content-Length 0", send: post("/ten", "Content-Length: 0\r\n", ""), want: "405"},
	{rule: "RFC 9112 6.3 Content-Length with zeros in front", send: post("/ten", "Content-Length: 0000005\r\n", "12345"), want: "405"},
	{rule: "RFC 9112 6.3 no length means no body", send: post("/ten", "", ""), want: "405"},
	{rule: "RFC 9112 6.3 a long body", send: post("/ten", "Content-Length: 300000\r\n", strings.Repeat("x", 300000)), want: "405"},
	{rule: "RFC 9112 6.3 a body that looks like a request", send: post("/ten", fmt.Sprintf("Content-Length: %d\r\n", len(getTen)), getTen), want: "405"},
	{rule: "RFC 9110 9.3.1 GET with a body", send: get("/ten", "Content-Length: 5")[:] + "12345", want: "200", body: ten},
	{rule: "RFC 9110 9.3.1 GET of a large file with a body", send: get("/big", "Content-Length: 5") + "12345", want: "200", body: big},
	{rule: "RFC 9110 9.3.1 GET of ranges with a body", send: get("/big", "Range: bytes=0-1,4-5", "Content-Length: 5") + "12345", want: "206"},
	{rule: "RFC 9110 9.3.1 GET with a chunked body", send: get("/dynamic/ten", "Transfer-Encoding: chunked") + "5\r\n12345\r\n0\r\n\r\n", want: "200", body: ten},
	{rule: "RFC 9112 7.1 chunked", send: chunked("5\r\n12345\r\n0\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1 chunked in capitals", send: post("/ten", "Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1 an empty chunked body", send: chunked("0\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1 chunk sizes in hexadecimal", send: chunked("a\r\n0123456789\r\n0A\r\n0123456789\r\n000\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1 chunk data with line ends", send: chunked("8\r\n\r\n0\r\n\r\n1\r\n0\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1.1 chunk extensions", send: chunked("5;name=value\r\n12345\r\n0 ;x=\"y z\"\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1.2 trailers", send: chunked("5\r\n12345\r\n0\r\nTrailer-One: a\r\nTrailer-Two: b\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1.2 a trailer changes nothing", send: chunked("0\r\nContent-Length: 100\r\nHost: y\r\nConnection: close\r\n\r\n"), want: "405"},
	{rule: "RFC 9112 7.1 a long chunked body", send: chunked(strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 100) + "0\r\n\r\n"), want: "405"},

	// Framings that are refused.
	{rule: "RFC 9112 6.3 Content-Length twice", send: post("/ten", "Content-Length: 5\r\nContent-Length: 6\r\n", "123456"), want: "400", then: closed},
	{rule: "RFC 9112 6.3 the same Content-Length twice", send: post("/ten", "Content-Length: 5\r\nContent-Length: 5\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9112 6.3 a list of Content-Length", send: post("/ten", "Content-Length: 5, 5\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9110 8.6 a sign in Content-Length", send: post("/ten", "Content-Length: +5\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9110 8.6 a negative Content-Length", send: post("/ten", "Content-Length: -5\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9110 8.6 an empty Content-Length", send: post("/ten", "Content-Length:\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9110 8.6 Content-Length in hexadecimal", send: post("/ten", "Content-Length: 0x5\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9110 8.6 Content-Length beyond an int64", send: post("/ten", "Content-Length: 18446744073709551621\r\n", "12345"), want: "400", then: closed},
	{rule: "RFC 9112 6.3 Content-Length and Transfer-Encoding", send: post("/ten", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), want: "400", then: closed},
	{rule: "RFC 9112 6.1 Transfer-Encoding in 1.0", send: "POST /ten HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: "400", then: closed},
	{rule: "RFC 9112 6.1 an unknown coding", send: post("/ten", "Transfer-Encoding: gzip\r\n", "0\r\n\r\n"), want: "501", then: closed},
	{rule: "RFC 9112 6.1 an unknown coding before chunked", send: post("/ten", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), want: "501", then: closed},
	{rule: "RFC 9112 6.1 chunked is not last", send: post("/ten", "Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), want: "400", then: closed},
	{rule: "RFC 9112 6.1 chunked twice", send: post("/ten", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), want: "400", then: closed},
	{rule: "RFC 9112 6.1 identity", send: post("/ten", "Transfer-Encoding: identity\r\n", "0\r\n\r\n"), want: "501", then: closed},
	{rule: "RFC 9112 6.1 an empty Transfer-Encoding", send: post("/ten", "Transfer-Encoding:\r\n", "0\r\n\r\n"), want: "400", then: closed},

	// Expectations and upgrades.
	{rule: "RFC 9110 10.1.1 100-continue may be answered at once", send: post("/ten", "Expect: 100-continue\r\nContent-Length: 5\r\n", ""), want: "405", then: closed},
	{rule: "RFC 9110 10.1.1 100-continue without a body", send: get("/ten", "Expect: 100-continue"), want: "200", body: ten},
	{rule: "RFC 9110 10.1.1 100-continue is ignored in 1.0", send: "GET /ten HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", want: "200", then: closed},
	{rule: "RFC 9110 15.5.18 an unknown expectation", send: get("/ten", "Expect: the-unexpected"), want: "417"},
	{rule: "RFC 9110 15.5.18 an unknown expectation beside a known one", send: get("/ten", "Expect: 100-continue, more"), want: "417"},
	{rule: "RFC 9110 7.8 Upgrade: h2c is ignored", send: get("/ten", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), want: "200", body: ten, fields: map[string]string{"Upgrade": ""}},
	{rule: "RFC 9110 7.8 Upgrade: websocket is ignored", send: get("/ten", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"), want: "200", body: ten},
	{rule: "RFC 9110 10.1.4 TE is ignored", send: get("/ten", "TE: trailers, deflate;q=0.5", "Connection: TE"), want: "200", body: ten},
}

func TestMessages(t *testing.T) {
	table(t, serve(t), "messages", messages)
}

// TestPipelining sends 1 to 200 requests in one piece and reads the responses in order.
func TestPipelining(t *testing.T) {
	s := serve(t)
	targets := []struct{ method, target, body string }{
		{"GET", "/ten", ten},
		{"GET", "/dynamic/ten", ten},
		{"HEAD", "/big", ""},
		{"GET", "/a.txt", "alpha\n"},
		{"GET", "/absent", "404 Not Found\n"},
		{"GET", "/dynamic/big", big},
		{"GET", "/big", big},
		{"OPTIONS", "/ten", ""},
	}
	total := 0
	for depth := 1; depth <= 200; depth++ {
		c := dial(t, s.Address)
		var b strings.Builder
		pick := func(i int) int { return (i*5 + i/7 + depth) % len(targets) }
		if depth%3 != 0 { // the large ones are rare, or this takes long
			pick = func(i int) int { return (i + depth) % 5 }
		}
		for i := range depth {
			b.WriteString(request(targets[pick(i)].method, targets[pick(i)].target))
		}
		go c.send(b.String())
		for i := range depth {
			want := targets[pick(i)]
			if a := c.response(want.method); a.body != want.body {
				t.Fatalf("depth %d, response %d to %s %s: %v", depth, i, want.method, want.target, a)
			}
		}
		total += depth
		_ = c.Close()
	}
	fmt.Printf("conformance: %d requests in pipelines of 1 to 200\n", total)
}

// TestHalfClose: a client that ends its direction right after its requests gets all responses.
func TestHalfClose(t *testing.T) {
	s := serve(t)
	for _, depth := range []int{1, 2, 15, 16, 17, 18, 40, 100, 200} {
		for _, target := range []string{"/ten", "/dynamic/ten", "/big", "/dynamic/big"} {
			t.Run(fmt.Sprintf("RFC 9112 9.6 %d times %s", depth, target), func(t *testing.T) {
				c := dial(t, s.Address)
				c.send(strings.Repeat(get(target), depth))
				c.halfClose()
				for i := range depth {
					a, err := readResponse(c.r, "GET")
					if err != nil || a.status != 200 {
						t.Fatalf("response %d of %d: %v, %v", i, depth, err, a)
					}
				}
				c.expectEnd()
			})
		}
	}
	t.Run("RFC 9112 8 in the middle of a head", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send("GET /ten HTTP/1.1\r\nHo")
		c.halfClose()
		c.expectEnd()
	})
	t.Run("RFC 9112 8 in the middle of a body", func(t *testing.T) {
		c := dial(t, s.Address)
		c.send(post("/ten", "Content-Length: 100\r\n", "12345"))
		c.halfClose()
		if a := c.response("POST"); a.status != 405 {
			t.Error(a)
		}
		c.expectEnd()
	})
	t.Run("RFC 9112 9.8 without a byte", func(t *testing.T) {
		c := dial(t, s.Address)
		c.halfClose()
		c.expectEnd()
	})
	alive(t, s)
}

// TestSplits sends messages in two pieces, cut at every byte, and byte by byte: the responses are the same. Bytes that
// come after the server has closed cost the client its response (RFC 9112 section 9.6), so what follows a close comes
// with its last byte.
func TestSplits(t *testing.T) {
	s := serve(t)
	count := 0
	for _, e := range []exchange{
		{rule: "a request with fields", send: get("/ten", "Range: bytes=2-4", "X: y"), want: "206", body: "234"},
		{rule: "two requests", send: get("/a.txt") + getTen, want: "200 200", body: ten},
		{rule: "bare LF", send: "GET /ten HTTP/1.1\nHost: x\n\n", want: "200", body: ten},
		{rule: "chunked with a trailer and a request", send: chunked("5;a=b\r\n12345\r\n0\r\nT: r\r\n\r\n") + getTen, want: "405 200", body: ten},
		{rule: "Content-Length and a request", send: post("/ten", "Content-Length: 5\r\n", "12345") + getTen, want: "405 200", body: ten},
		{rule: "a bad field", send: "GET /ten HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", want: "400", then: closed},
		{rule: "a close", send: get("/ten", "Connection: close") + getTen, want: "200", then: closed},
		{rule: "empty lines", send: "\r\n\r\n" + getTen + "\r\n" + getTen, want: "200 200", body: ten},
		{rule: "dynamic", send: get("/dynamic/ten") + headTen + get("/absent"), want: "200 HEAD 200 404"},
	} {
		t.Run("RFC 9112 2 "+e.rule, func(t *testing.T) {
			cuts := len(e.send)
			if e.then == closed {
				cuts = strings.Index(e.send, "\r\n\r\n") + len("\r\n\r\n")
			}
			for cut := range cuts {
				c := dial(t, s.Address)
				if cut > 0 {
					c.send(e.send[:cut])
					time.Sleep(100 * time.Microsecond) // so that the pieces are likely to arrive apart
				}
				go c.send(e.send[cut:])
				e.judge(c)
				if t.Failed() {
					t.Fatalf("cut before byte %d", cut)
				}
				_ = c.Close()
				count++
			}
			if cuts < len(e.send) {
				return
			}
			c := dial(t, s.Address)
			if tcp, ok := c.Conn.(*net.TCPConn); ok {
				_ = tcp.SetNoDelay(true)
			}
			go func() {
				for i := range len(e.send) {
					c.send(e.send[i : i+1])
				}
			}()
			e.judge(c)
			count++
		})
	}
	fmt.Printf("conformance: %d messages in pieces\n", count)
}

// TestBodyLimits: what is too long is refused, and the response arrives all the same.
func TestBodyLimits(t *testing.T) {
	s := serve(t, "--max-body-bytes", "1000")
	long := strings.Repeat("x", 200_000)
	table(t, s, "limits of bodies", []exchange{
		{rule: "RFC 9110 15.5.14 just as long as may be", send: post("/ten", "Content-Length: 1000\r\n", long[:1000]), want: "405"},
		{rule: "RFC 9110 15.5.14 a byte more", send: post("/ten", "Content-Length: 1001\r\n", long[:1001]), want: "413", then: closed},
		{rule: "RFC 9110 15.5.14 more, and nothing of it sent", send: post("/ten", "Content-Length: 1001\r\n", ""), want: "413", then: closed},
		{rule: "RFC 9110 15.5.14 more than fits the socket", send: post("/ten", "Content-Length: 200000\r\n", long), want: "413", then: closed},
		{rule: "RFC 9110 10.1.1 more, announced", send: post("/ten", "Content-Length: 1001\r\nExpect: 100-continue\r\n", ""), want: "413", then: closed},
		{rule: "RFC 9110 15.5.14 GET with more", send: get("/ten", "Content-Length: 1001") + long[:1001], want: "413", then: closed},
		{rule: "RFC 9112 7.1 chunks as long as may be", send: chunked("1f4\r\n" + long[:500] + "\r\n1f4\r\n" + long[:500] + "\r\n0\r\n\r\n"), want: "405"},
	})
	// Whether the response is decided before or after the offending chunk has come is a matter of luck.
	for rule, body := range map[string]string{
		"RFC 9110 15.5.14 chunks of more":              "1f4\r\n" + long[:500] + "\r\n1f5\r\n" + long[:501] + "\r\n0\r\n\r\n",
		"RFC 9110 15.5.14 a chunk of more":             "3e9\r\n" + long[:1001] + "\r\n0\r\n\r\n",
		"RFC 9110 15.5.14 a chunk much larger":         "ffffffffffffffff\r\n" + long,
		"RFC 9112 7.1.1 extensions without end":        "5;" + long,
		"RFC 9112 7.1.2 trailers without end":          "0\r\n" + strings.Repeat("A: b\r\n", 10_000) + "\r\n",
		"RFC 9112 7.1 no CRLF after a chunk":           "5\r\n12345678\r\n0\r\n\r\n",
		"RFC 9112 7.1 bare LF after a size":            "5\n12345\r\n0\r\n\r\n",
		"RFC 9112 7.1 a size with a prefix":            "0x5\r\n12345\r\n0\r\n\r\n",
		"RFC 9112 7.1 no size":                         "\r\n12345\r\n0\r\n\r\n",
		"RFC 9112 7.1 a size with a sign":              "+5\r\n12345\r\n0\r\n\r\n",
		"RFC 9112 7.1 whitespace before a size":        " 5\r\n12345\r\n0\r\n\r\n",
		"RFC 9112 7.1 a size of seventeen digits":      "00000000000000005x\r\n12345\r\n0\r\n\r\n",
		"RFC 9112 7.1.2 obs-fold in a trailer":         "0\r\nA: b\r\n c\r\n\r\n",
		"RFC 9112 7.1.2 a control byte in a trailer":   "0\r\nA: \x01\r\n\r\n",
		"RFC 9112 7.1.2 a trailer without a colon":     "0\r\nA\r\n\r\n",
		"RFC 9112 7.1.2 a trailer's space before it":   "0\r\nA : b\r\n\r\n",
		"RFC 9112 7.1.1 an extension without a name":   "2;\r\n12\r\n0\r\n\r\n",
		"RFC 9112 7.1.1 an extension without a value":  "2;a=\r\n12\r\n0\r\n\r\n",
		"RFC 9112 7.1.1 an extension's open quotes":    "2;a=\"b\r\n12\r\n0\r\n\r\n",
		"RFC 9112 7.1.1 a control byte in a extension": "5;\x01\r\n12345\r\n0\r\n\r\n",
	} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, apart %v", rule, apart), func(t *testing.T) {
				c := dial(t, s.Address)
				head := chunked("")
				if apart {
					c.send(head)
					a := c.response("POST")
					if a.status != 405 {
						t.Fatal(a)
					}
					c.send(body + getTen)
				} else {
					go c.send(head + body + getTen)
					if a := c.response("POST"); a.status/100 != 4 {
						t.Fatal(a)
					}
				}
				c.expectEnd()
			})
		}
	}
	alive(t, s)
}

// TestExpectation sends the body that was announced although the response has come: it is not taken for a
// request.
func TestExpectation(t *testing.T) {
	s := serve(t)
	for _, body := range []string{getTen, "12345"} {
		c := dial(t, s.Address)
		c.send(post("/ten", fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n", len(body)), ""))
		if a := c.response("POST"); a.status != 405 || !a.closes() {
			t.Error(a)
		}
		c.send(body + getTen)
		c.expectEnd()
	}
}

func TestStrictCRLF(t *testing.T) {
	table(t, serve(t, "--strict-crlf"), "--strict-crlf", []exchange{
		{rule: "RFC 9112 2.2 CRLF", send: getTen, want: "200"},
		{rule: "RFC 9112 2.2 CRLF before the request", send: "\r\n" + getTen, want: "200"},
		{rule: "RFC 9112 2.2 bare LF before the request", send: "\n" + getTen, want: "400", then: closed},
		{rule: "RFC 9112 2.2 bare LF behind the request line", send: "GET /ten HTTP/1.1\nHost: x\r\n\r\n", want: "400", then: closed},
		{rule: "RFC 9112 2.2 bare LF behind a field", send: "GET /ten HTTP/1.1\r\nHost: x\n\r\n", want: "400", then: closed},
		{rule: "RFC 9112 2.2 bare LF ends the head", send: "GET /ten HTTP/1.1\r\nHost: x\r\n\n", want: "400", then: closed},
	})
}
