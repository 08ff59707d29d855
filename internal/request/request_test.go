package request

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A headCase is one head and what has to come of it. Every case is also fed byte by byte and cut at every
// place, by TestSplit.
type headCase struct {
	name   string // RFC section first
	head   string
	limits Limits
	defect Defect // DefectNone means Complete
	check  func(r *Request, buf []byte) string
}

// describe prints what a head means, so that a case can say what it expects in one line.
func describe(r *Request, buf []byte) string {
	length, chunked := r.BodyLength()
	return fmt.Sprintf("%s %d.%d %s path=%q query=%q keep=%t length=%d chunked=%t",
		r.Method, r.Major, r.Minor, r.TargetForm(), r.Path().Of(buf), r.Query().Of(buf),
		r.KeepAlive(), length, chunked)
}

// outcome prints all that a caller can learn from r.
func outcome(r *Request, buf []byte) string {
	if r.Defect() != DefectNone {
		return r.Defect().String()
	}
	text := fmt.Sprintf("%d bytes, %s, method %q, target %q, continue=%t other=%t", r.Len(), describe(r, buf),
		r.MethodSpan.Of(buf), r.Target.Of(buf), r.ExpectContinue(), r.ExpectUnknown())
	for id := FieldID(0); id < fieldCount; id++ {
		for l := r.Lines(id); l.Next(); {
			text += fmt.Sprintf(", %v=%q", id, l.Span().Of(buf))
		}
	}
	return text
}

func means(want string) func(*Request, []byte) string {
	return func(r *Request, buf []byte) string {
		if got := describe(r, buf); got != want {
			return fmt.Sprintf("\n got %s\nwant %s", got, want)
		}
		return ""
	}
}

func keeps(want bool) func(*Request, []byte) string {
	return func(r *Request, _ []byte) string {
		if r.KeepAlive() != want {
			return fmt.Sprintf("KeepAlive is %t", r.KeepAlive())
		}
		return ""
	}
}

func field(id FieldID, want ...string) func(*Request, []byte) string {
	return func(r *Request, buf []byte) string {
		var got []string
		for l := r.Lines(id); l.Next(); {
			got = append(got, string(l.Span().Of(buf)))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			return fmt.Sprintf("%v is %q, want %q", id, got, want)
		}
		if r.Repeated(id) != (len(want) > 1) {
			return fmt.Sprintf("Repeated(%v) is %t", id, r.Repeated(id))
		}
		return ""
	}
}

func framing(length int64, chunked bool) func(*Request, []byte) string {
	return func(r *Request, _ []byte) string {
		if n, c := r.BodyLength(); n != length || c != chunked {
			return fmt.Sprintf("BodyLength is %d, %t", n, c)
		}
		return ""
	}
}

// get10 and get11 wrap field lines in an otherwise good request.
func get10(lines string) string { return "GET / HTTP/1.0\r\n" + lines + "\r\n" }
func get11(lines string) string { return "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n" }

func method(name string) string { return name + " / HTTP/1.1\r\nHost: a\r\n\r\n" }
func target(t string) string    { return "GET " + t + " HTTP/1.1\r\nHost: a\r\n\r\n" }
func host(h string) string      { return "GET / HTTP/1.1\r\nHost: " + h + "\r\n\r\n" }

var headCases = []headCase{
	// The request line.
	{name: "9112/3 shortest", head: headShort, check: means(
		`GET 1.1 origin path="/x" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3 browser", head: headBrowser, check: means(
		`GET 1.1 origin path="/static/images/photo-0042.jpg" query="v=3" keep=true length=0 chunked=false`)},
	{name: "9112/3 HTTP/1.0 without fields", head: "GET /a HTTP/1.0\r\n\r\n", check: means(
		`GET 1.0 origin path="/a" query="" keep=false length=0 chunked=false`)},
	{name: "9112/3 two spaces before target", head: "GET  / HTTP/1.1\r\n", defect: BadRequestLine},
	{name: "9112/3 two spaces before version", head: "GET /  HTTP/1.1\r\n", defect: BadRequestLine},
	{name: "9112/3 tab for space", head: "GET\t/ HTTP/1.1\r\n", defect: BadRequestLine},
	{name: "9112/3 space after version", head: "GET / HTTP/1.1 \r\n", defect: BadRequestLine},
	{name: "9112/3 space in target", head: target("/a b"), defect: BadRequestLine},
	{name: "9112/3 space before method", head: " GET / HTTP/1.1\r\n", defect: BadRequestLine},
	{name: "9112/3 no target", head: "GET HTTP/1.1\r\n\r\n", defect: BadRequestLine},
	{name: "9112/3 empty line only method", head: "GET\r\n\r\n", defect: BadRequestLine},
	{name: "1945/4.1 HTTP/0.9 simple request", head: "GET /\r\n", defect: BadRequestLine},
	{name: "9112/3.1 method is not a token", head: "G(T / HTTP/1.1\r\n", defect: BadRequestLine},
	{name: "9112/3.1 control byte in method", head: "G\x01T / HTTP/1.1\r\n", defect: ControlByte},
	{name: "9112/3 method longer than any", head: strings.Repeat("A", 33), defect: MethodTooLong},
	{name: "9110/9.1 longest unknown method", head: method(strings.Repeat("A", 32)), check: func(r *Request, buf []byte) string {
		if r.Method != MethodUnknown || r.MethodSpan.Len != 32 {
			return r.Method.String()
		}
		return ""
	}},
	{name: "9110/9.1 methods are case-sensitive", head: method("get"), check: func(r *Request, buf []byte) string {
		if r.Method != MethodUnknown || string(r.MethodSpan.Of(buf)) != "get" {
			return r.Method.String()
		}
		return ""
	}},
	{name: "4918/9.1 registered method", head: method("PROPFIND"), check: func(r *Request, buf []byte) string {
		if r.Method != MethodOther {
			return r.Method.String()
		}
		return ""
	}},

	// Empty lines before it.
	{name: "9112/2.2 leading CRLF", head: "\r\n\r\n" + headShort, check: means(
		`GET 1.1 origin path="/x" query="" keep=true length=0 chunked=false`)},
	{name: "9112/2.2 leading LF", head: "\n" + headShort},
	{name: "9112/2.2 leading LF strict", head: "\n" + headShort, limits: Limits{StrictCRLF: true}, defect: BareLF},
	{name: "9112/2.2 leading CR", head: "\r" + headShort, defect: BareCR},
	{name: "9112/2.2 as many empty lines as allowed", head: strings.Repeat("\r\n", 8) + headShort},
	{name: "9112/2.2 too many empty lines", head: strings.Repeat("\r\n", 9), defect: BadRequestLine},

	// The target.
	{name: "9112/3.2.1 empty query", head: target("/a?"), check: means(
		`GET 1.1 origin path="/a" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.1 two question marks", head: target("/a?b?c"), check: means(
		`GET 1.1 origin path="/a" query="b?c" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.1 two slashes are a path", head: target("//b/c"), check: means(
		`GET 1.1 origin path="//b/c" query="" keep=true length=0 chunked=false`)},
	{name: "3986/2 raw UTF-8", head: "GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n", defect: BadRequestLine},
	{name: "3986/2 overlong UTF-8", head: "GET /\xc0\xae\xc0\xae/ HTTP/1.1\r\nHost: a\r\n\r\n", defect: BadRequestLine},
	{name: "3986/2 raw byte in a query", head: "GET /?\xff HTTP/1.1\r\nHost: a\r\n\r\n", defect: BadRequestLine},
	{name: "3986/2 raw bytes where tolerated", head: "GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n", limits: Limits{RawTarget: true}, check: means(
		`GET 1.1 origin path="/é" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3.2 fragment", head: target("/a#b"), defect: BadRequestLine},
	{name: "9112/3.2 NUL", head: target("/a\x00b"), defect: ControlByte},
	{name: "9112/3.2 DEL", head: target("/a\x7fb"), defect: ControlByte},
	{name: "9112/3.2 relative path", head: target("a/b"), defect: BadTarget},
	{name: "9112/3.2.2 absolute-form", head: target("http://b:80/c?d"), check: means(
		`GET 1.1 absolute path="/c" query="d" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.2 absolute-form scheme case", head: target("HttpS://b/c"), check: means(
		`GET 1.1 absolute path="/c" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.2 absolute-form without path", head: target("http://b"), check: means(
		`GET 1.1 absolute path="" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.2 absolute-form query without path", head: target("http://b?c/d"), check: means(
		`GET 1.1 absolute path="" query="c/d" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.2 absolute-form still needs Host", head: "GET http://b/ HTTP/1.1\r\n\r\n", defect: MissingHost},
	{name: "9112/3.2.2 other scheme", head: target("ftp://b/"), defect: BadTarget},
	{name: "9110/4.2.1 absolute-form empty host", head: target("http:///c"), defect: BadHost},
	{name: "9110/4.2.4 absolute-form userinfo", head: target("http://u:p@b/c"), defect: BadHost},
	{name: "9112/3.2.3 authority-form", head: "CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n", check: means(
		`CONNECT 1.1 authority path="" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.3 CONNECT without port", head: "CONNECT b HTTP/1.1\r\n", defect: BadTarget},
	{name: "9112/3.2.3 CONNECT with empty port", head: "CONNECT b: HTTP/1.1\r\n", defect: BadTarget},
	{name: "9112/3.2.3 CONNECT with path", head: "CONNECT /b HTTP/1.1\r\n", defect: BadTarget},
	{name: "9112/3.2.3 authority-form with GET", head: target("b:443"), defect: BadTarget},
	{name: "9112/3.2.4 asterisk-form", head: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", check: means(
		`OPTIONS 1.1 asterisk path="" query="" keep=true length=0 chunked=false`)},
	{name: "9112/3.2.4 asterisk-form with GET", head: target("*"), defect: BadTarget},
	{name: "9112/3.2.4 asterisk and more", head: "OPTIONS *x HTTP/1.1\r\n", defect: BadTarget},

	// The version.
	{name: "9110/2.5 minor above 1", head: "GET / HTTP/1.2\r\nHost: a\r\n\r\n", check: keeps(true)},
	{name: "9110/15.6.6 HTTP/2.0", head: "GET / HTTP/2.0\r\n", defect: UnsupportedVersion},
	{name: "9110/15.6.6 HTTP/0.9", head: "GET / HTTP/0.9\r\n", defect: UnsupportedVersion},
	{name: "9112/2.3 version without minor", head: "GET / HTTP/2\r\n", defect: BadRequestLine},
	{name: "9112/2.3 two digits", head: "GET / HTTP/1.10\r\n", defect: BadRequestLine},
	{name: "9112/2.3 lower case", head: "GET / http/1.1\r\n", defect: BadRequestLine},
	{name: "9112/2.3 other protocol", head: "GET / ICAP/1.0\r\n", defect: BadRequestLine},
	{name: "9113/3.4 HTTP/2 preface", head: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", defect: HTTP2Preface},
	{name: "8446/5.1 TLS hello", head: "\x16\x03\x01\x02\x00\x01", defect: TLSHello},

	// Line ends.
	{name: "9112/2.2 bare LF everywhere", head: "GET / HTTP/1.1\nHost: a\nRange: b\n\n", check: field(Range, "b")},
	{name: "9112/2.2 bare LF after version strict", head: "GET / HTTP/1.1\n", limits: Limits{StrictCRLF: true}, defect: BareLF},
	{name: "9112/2.2 bare LF after value strict", head: "GET / HTTP/1.1\r\nHost: a\n", limits: Limits{StrictCRLF: true}, defect: BareLF},
	{name: "9112/2.2 bare LF at the end strict", head: "GET / HTTP/1.1\r\nHost: a\r\n\n", limits: Limits{StrictCRLF: true}, defect: BareLF},
	{name: "9112/2.2 bare CR after version", head: "GET / HTTP/1.1\rHost: a\r\n\r\n", defect: BareCR},
	{name: "9112/2.2 bare CR in value", head: get11("Range: a\rb\r\n"), defect: BareCR},
	{name: "9112/2.2 CR CR LF after value", head: get11("Range: a\r\r\n"), defect: BareCR},
	{name: "9112/2.2 CR CR LF at the end", head: "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", defect: BareCR},

	// Fields.
	{name: "9112/5.1 no whitespace after colon", head: get11("Range:a\r\n"), check: field(Range, "a")},
	{name: "9112/5.1 whitespace around value", head: get11("Range: \t a b\t \r\n"), check: field(Range, "a b")},
	{name: "9112/5.1 empty value", head: get11("Range:\r\n"), check: field(Range, "")},
	{name: "9112/5.1 value of whitespace", head: get11("Range: \t \r\n"), check: field(Range, "")},
	{name: "9110/5.5 tab and bytes above 0x7f in value", head: get11("Range: a\tb\xff\r\n"), check: field(Range, "a\tb\xff")},
	{name: "9110/5.1 names are case-insensitive", head: get11("iF-mODIFIED-sINCE: a\r\n"), check: field(IfModifiedSince, "a")},
	{
		name:  "9110/5.3 lines of a list keep their order",
		head:  get11("If-Match: a\r\nRange: x\r\nif-match: b\r\nRANGE: y\r\nIf-Match:\r\n"),
		check: field(IfMatch, "a", "b", ""),
	},
	{name: "9112/5.1 space before colon", head: get11("Range : a\r\n"), defect: SpaceBeforeColon},
	{name: "9112/5.1 tab before colon", head: get11("Range\t: a\r\n"), defect: SpaceBeforeColon},
	{name: "9112/5.2 obs-fold with space", head: get11("Range: a\r\n b\r\n"), defect: ObsFold},
	{name: "9112/5.2 obs-fold with tab", head: get11("Range: a\r\n\tb\r\n"), defect: ObsFold},
	{name: "9112/2.2 space before first field", head: "GET / HTTP/1.1\r\n Host: a\r\n\r\n", defect: ObsFold},
	{name: "9110/5.1 empty name", head: get11(": a\r\n"), defect: BadFieldName},
	{name: "9110/5.1 line without colon", head: get11("Range\r\n"), defect: BadFieldName},
	{name: "9110/5.1 name is not a token", head: get11("Ra(nge: a\r\n"), defect: BadFieldName},
	{name: "9110/5.1 name above 0x7f", head: get11("Rang\xe9: a\r\n"), defect: BadFieldName},
	{name: "9110/5.5 NUL in value", head: get11("Range: a\x00b\r\n"), defect: ControlByte},
	{name: "9110/5.5 DEL in value", head: get11("Range: a\x7fb\r\n"), defect: ControlByte},
	{name: "9110/5.5 vertical tab in value", head: get11("Range: \vchunked\r\n"), defect: ControlByte},
	{name: "9110/5.5 NUL in name", head: get11("Ra\x00nge: a\r\n"), defect: ControlByte},
	{name: "9110/5.5 NUL opens line", head: get11("\x00Range: a\r\n"), defect: ControlByte},

	// Host.
	{name: "9112/3.2 missing Host", head: "GET / HTTP/1.1\r\n\r\n", defect: MissingHost},
	{name: "9112/3.2 missing Host where optional", head: "GET / HTTP/1.1\r\n\r\n", limits: Limits{HostOptional: true}},
	{name: "9112/3.2 missing Host in 1.0", head: get10("")},
	{name: "9112/3.2 two Hosts", head: get11("Host: a\r\n"), defect: BadHost},
	{name: "9112/3.2 two Hosts in 1.0", head: get10("Host: a\r\nHost: a\r\n"), defect: BadHost},
	{name: "9112/3.2 two Hosts where optional", head: get11("Host: a\r\n"), limits: Limits{HostOptional: true}, defect: BadHost},
	{name: "9112/3.3 empty Host", head: host(""), defect: BadHost},
	{name: "9112/3.3 empty Host where optional", head: host(""), limits: Limits{HostOptional: true}},
	{name: "9110/7.2 port", head: host("a:8080")},
	{name: "9110/7.2 empty port", head: host("a:")},
	{name: "9110/7.2 port that is not a number", head: host("a:8o"), defect: BadHost},
	{name: "9110/7.2 port out of range", head: host("a:65536"), defect: BadHost},
	{name: "9110/7.2 two ports", head: host("a:1:2"), defect: BadHost},
	{name: "9110/7.2 only a port", head: host(":80"), defect: BadHost},
	{name: "9110/4.2.4 userinfo", head: host("u@a"), defect: BadHost},
	{name: "3986/3.2.2 IPv6", head: host("[2001:db8::1]:80")},
	{name: "3986/3.2.2 IPv4 in IPv6", head: host("[::ffff:192.0.2.1]")},
	{name: "3986/3.2.2 IPv6 without bracket", head: host("[::1"), defect: BadHost},
	{name: "3986/3.2.2 IPv6 and more", head: host("[::1]x"), defect: BadHost},
	{name: "3986/3.2.2 brackets without an address", head: host("[a.example]"), defect: BadHost},
	{name: "3986/3.2.2 IPv4 in brackets", head: host("[192.0.2.1]"), defect: BadHost},
	{name: "3986/3.2.2 IPv6 with too few groups", head: host("[1:2:3]"), defect: BadHost},
	{name: "3986/3.2.2 IPv6 with too many groups", head: host("[1:2:3:4:5:6:7:8:9]"), defect: BadHost},
	{name: "3986/3.2.2 IPv6 with a group too long", head: host("[::12345]"), defect: BadHost},
	{name: "3986/3.2.2 IPv6 abbreviated twice", head: host("[1::2::3]"), defect: BadHost},
	{name: "6874/2 IPv6 with a zone", head: host("[fe80::1%25eth0]"), defect: BadHost},
	{name: "3986/3.2.2 IPvFuture", head: host("[v1.a]"), defect: BadHost},
	{name: "3986/3.2.2 bracket alone", head: host("["), defect: BadHost},
	{name: "1034/3.1 a dot alone", head: host("."), defect: BadHost},
	{name: "1034/3.1 empty label first", head: host(".a"), defect: BadHost},
	{name: "1034/3.1 two empty labels first", head: host("..a"), defect: BadHost},
	{name: "1034/3.1 empty label between", head: host("a..b:80"), defect: BadHost},
	{name: "1034/3.1 two dots at the end", head: host("a.."), defect: BadHost},
	{name: "1034/3.1 the root's dot", head: host("a.example.:80")},
	{name: "3986/3.2.2 empty brackets", head: host("[]"), defect: BadHost},
	{name: "3986/3.2.2 IPv6 with other letters", head: host("[::g]"), defect: BadHost},
	{name: "3986/3.2.2 escape", head: host("a%41.b")},
	{name: "3986/3.2.2 broken escape", head: host("a%4"), defect: BadHost},
	{name: "3986/3.2.2 underscore", head: host("a_b")},
	{name: "3986/3.2.2 slash", head: host("a/b"), defect: BadHost},
	{name: "3986/3.2.2 space", head: host("a b"), defect: BadHost},
	{name: "3986/3.2.2 list", head: host("a, b"), defect: BadHost},

	// The connection.
	{name: "9112/9.3 close", head: get11("Connection: close\r\n"), check: keeps(false)},
	{name: "9112/9.3 close in capitals", head: get11("Connection: CLOSE\r\n"), check: keeps(false)},
	{name: "9112/9.3 close in a list", head: get11("Connection: upgrade ,\t close, x\r\n"), check: keeps(false)},
	{name: "9112/9.3 close in a later line", head: get11("Connection: keep-alive\r\nConnection: close\r\n"), check: keeps(false)},
	{name: "9112/9.3 close before keep-alive", head: get11("Connection: close, keep-alive\r\n"), check: keeps(false)},
	{name: "9112/9.3 closed is not close", head: get11("Connection: closed\r\n"), check: keeps(true)},
	{name: "9112/9.3 1.0 closes", head: get10("Connection: x\r\n"), check: keeps(false)},
	{name: "9112/9.3 1.0 keep-alive", head: get10("Connection: Keep-Alive\r\n"), check: keeps(true)},
	{name: "9112/9.3 1.0 both", head: get10("Connection: keep-alive\r\nConnection: close\r\n"), check: keeps(false)},

	// Framing.
	{name: "9112/6.2 length", head: get11("Content-Length: 42\r\n"), check: framing(42, false)},
	{name: "9112/6.2 zero length", head: get11("Content-Length: 0\r\n"), check: framing(0, false)},
	{name: "9110/8.6 leading zeroes", head: get11("Content-Length: 0042\r\n"), check: framing(42, false)},
	{name: "9110/8.6 largest length", head: get11("Content-Length: 9223372036854775807\r\n"), check: framing(1<<63-1, false)},
	{name: "9110/8.6 length overflows", head: get11("Content-Length: 9223372036854775808\r\n"), defect: BadFraming},
	{name: "9110/8.6 empty length", head: get11("Content-Length:\r\n"), defect: BadFraming},
	{name: "9110/8.6 plus sign", head: get11("Content-Length: +1\r\n"), defect: BadFraming},
	{name: "9110/8.6 minus sign", head: get11("Content-Length: -1\r\n"), defect: BadFraming},
	{name: "9110/8.6 hexadecimal", head: get11("Content-Length: 0x1\r\n"), defect: BadFraming},
	{name: "9110/8.6 space inside", head: get11("Content-Length: 1 2\r\n"), defect: BadFraming},
	{name: "9110/8.6 fraction", head: get11("Content-Length: 1.0\r\n"), defect: BadFraming},
	{name: "9112/6.3 equal lengths in a list", head: get11("Content-Length: 5, 5\r\n"), defect: BadFraming},
	{name: "9112/6.3 equal lengths in two lines", head: get11("Content-Length: 5\r\nContent-Length: 5\r\n"), defect: BadFraming},
	{name: "9112/6.3 different lengths", head: get11("Content-Length: 5\r\nContent-Length: 6\r\n"), defect: BadFraming},
	{name: "9112/6.3 length and coding", head: get11("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), defect: BadFraming},
	{name: "9112/6.1 chunked", head: get11("Transfer-Encoding: chunked\r\n"), check: framing(0, true)},
	{name: "9112/6.1 chunked in capitals", head: get11("Transfer-Encoding: Chunked\r\n"), check: framing(0, true)},
	{name: "9112/6.1 empty element before", head: get11("Transfer-Encoding: , chunked\r\n"), defect: BadFraming},
	{name: "9112/6.1 empty element after", head: get11("Transfer-Encoding: chunked,\r\n"), defect: BadFraming},
	{name: "9112/6.1 empty line before chunked", head: get11("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n"), defect: BadFraming},
	{name: "9112/6.1 empty coding", head: get11("Transfer-Encoding:\r\n"), defect: BadFraming},
	{name: "9112/6.1 only commas", head: get11("Transfer-Encoding: ,\r\n"), defect: BadFraming},
	{name: "9112/6.1 chunked twice", head: get11("Transfer-Encoding: chunked, chunked\r\n"), defect: BadFraming},
	{name: "9112/6.1 chunked in two lines", head: get11("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), defect: BadFraming},
	{name: "9112/6.1 chunked not last", head: get11("Transfer-Encoding: chunked, gzip\r\n"), defect: BadFraming},
	{name: "9112/6.1 chunked not last by lines", head: get11("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), defect: BadFraming},
	{name: "9112/7.1 chunked with parameter", head: get11("Transfer-Encoding: chunked;q=1\r\n"), defect: BadFraming},
	{name: "9112/6.1 unknown coding before chunked", head: get11("Transfer-Encoding: gzip, chunked\r\n"), defect: UnknownCoding},
	{name: "9112/6.1 unknown coding alone", head: get11("Transfer-Encoding: xchunked\r\n"), defect: UnknownCoding},
	{name: "9112/6.1 quoted chunked", head: get11("Transfer-Encoding: \"chunked\"\r\n"), defect: UnknownCoding},
	{name: "9112/6.1 identity", head: get11("Transfer-Encoding: identity\r\n"), defect: UnknownCoding},
	{name: "9112/6.1 coding in 1.0", head: get10("Transfer-Encoding: chunked\r\n"), defect: BadFraming},

	// Expectations.
	{name: "9110/10.1.1 100-continue", head: get11("Expect: 100-Continue\r\n"), check: expects(true, false)},
	{name: "9110/10.1.1 100-continue in 1.0", head: get10("Expect: 100-continue\r\n"), check: expects(false, false)},
	{name: "9110/10.1.1 other expectation", head: get11("Expect: 200-ok\r\n"), check: expects(false, true)},
	{name: "9110/10.1.1 no expectation", head: get11(""), check: expects(false, false)},

	// Limits.
	{name: "9110/15.5.15 target at the limit", head: target("/aaa"), limits: Limits{TargetBytesMax: 4}},
	{name: "9110/15.5.15 target over the limit", head: target("/aaaa"), limits: Limits{TargetBytesMax: 4}, defect: TargetTooLong},
	{name: "9110/15.5.15 target over the head's limit", head: target("/aaaaaaaaaaaaaaa"), limits: Limits{HeadBytesMax: 10}, defect: TargetTooLong},
	{name: "6585/5 head at the limit", head: headShort, limits: Limits{HeadBytesMax: len(headShort)}},
	{name: "6585/5 head over the limit", head: headShort, limits: Limits{HeadBytesMax: len(headShort) - 1}, defect: HeadTooLarge},
	{name: "6585/5 default limit", head: get11("Range: " + strings.Repeat("a", DefaultHeadBytesMax) + "\r\n"), defect: HeadTooLarge},
	{name: "6585/5 fields at the limit", head: get11("A: a\r\nB: b\r\n"), limits: Limits{FieldsMax: 3}},
	{name: "6585/5 fields over the limit", head: get11("A: a\r\nB: b\r\n"), limits: Limits{FieldsMax: 2}, defect: TooManyFields},
	{name: "6585/5 fields over the default", head: get11(strings.Repeat("A: a\r\n", DefaultFieldsMax)), defect: TooManyFields},
	{name: "6585/5 repetitions at the limit", head: get11(strings.Repeat("Accept: a\r\n", RepeatsMax+1))},
	{name: "6585/5 repetitions over the limit", head: get11(strings.Repeat("Accept: a\r\n", RepeatsMax+2)), defect: TooManyFields},
}

func expects(wait, unknown bool) func(*Request, []byte) string {
	return func(r *Request, _ []byte) string {
		if r.ExpectContinue() != wait || r.ExpectUnknown() != unknown {
			return fmt.Sprintf("ExpectContinue is %t, ExpectUnknown is %t", r.ExpectContinue(), r.ExpectUnknown())
		}
		return ""
	}
}

// rest stands for a pipelined request: Parse must not look at it.
const rest = "\x00\r\rGET"

func TestParse(t *testing.T) {
	for _, c := range headCases {
		t.Run(c.name, func(t *testing.T) {
			buf := []byte(c.head + rest)
			var r Request
			r.Reset(&c.limits)
			verdict := r.Parse(buf)
			checkHead(t, &c, &r, buf, verdict)
			if again := r.Parse(buf); again != verdict {
				t.Errorf("a second Parse says %v", again)
			}
		})
	}
}

func checkHead(t *testing.T, c *headCase, r *Request, buf []byte, verdict Verdict) {
	t.Helper()
	if r.Defect() != c.defect {
		t.Fatalf("%q: defect %v, want %v", c.head, r.Defect(), c.defect)
	}
	if c.defect != DefectNone {
		if verdict != Bad {
			t.Fatalf("verdict %v with %v", verdict, r.Defect())
		}
		return
	}
	if verdict != Complete || r.Len() != len(c.head) {
		t.Fatalf("%q: %v, %d bytes, want Complete and %d", c.head, verdict, r.Len(), len(c.head))
	}
	if c.check != nil {
		if problem := c.check(r, buf); problem != "" {
			t.Fatalf("%q: %s", c.head, problem)
		}
	}
}

// TestSplit cuts every head at every byte, and also feeds it byte by byte, each time from a new buffer, as
// if the old one had been moved and overwritten: the outcome must be that of the whole.
func TestSplit(t *testing.T) {
	for _, c := range headCases {
		t.Run(c.name, func(t *testing.T) {
			whole := []byte(c.head + rest)
			var r Request
			r.Reset(&c.limits)
			r.Parse(whole)
			want := outcome(&r, whole)
			step := 1 + len(c.head)/2000
			for cut := 0; cut <= len(c.head); cut += step {
				r.Reset(&c.limits)
				r.Parse(bytes.Clone(whole[:cut]))
				r.Parse(whole)
				if got := outcome(&r, whole); got != want {
					t.Fatalf("cut at %d: %s\nwant %s", cut, got, want)
				}
			}
			r.Reset(&c.limits)
			first := 0 // the number of bytes that decided
			for first < len(whole) {
				first++
				if r.Parse(bytes.Clone(whole[:first])) != Incomplete {
					break
				}
			}
			if got := outcome(&r, whole); got != want {
				t.Fatalf("byte by byte: %s\nwant %s", got, want)
			}
			if c.defect == DefectNone && first != len(c.head) {
				t.Errorf("complete after %d bytes of %d", first, len(c.head))
			}
		})
	}
}

// TestEarlyRefusal holds the parser to its promise that a defect is reported with the byte that proves it,
// long before a line end that may never come.
func TestEarlyRefusal(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		limits      Limits
		defect      Defect
	}{
		{name: "TLS by its first byte", bytes: "\x16", defect: TLSHello},
		{name: "HTTP/2 preface by its method", bytes: "PRI ", defect: HTTP2Preface},
		{name: "binary garbage", bytes: "\x80", defect: BadRequestLine},
		{name: "target by its first byte over", bytes: "GET /12345678", limits: Limits{TargetBytesMax: 8}, defect: TargetTooLong},
		{name: "version by its major number", bytes: "GET / HTTP/3.0", defect: UnsupportedVersion},
		{name: "head by its last byte allowed", bytes: "GET / HTTP/1.1\r\nA", limits: Limits{HeadBytesMax: 17}, defect: HeadTooLarge},
		{name: "field by its first byte", bytes: "GET / HTTP/1.1\r\nA: b\r\nB", limits: Limits{FieldsMax: 1}, defect: TooManyFields},
		{name: "fold by its first byte", bytes: "GET / HTTP/1.1\r\nA: b\r\n ", defect: ObsFold},
		{name: "NUL in a value", bytes: "GET / HTTP/1.1\r\nA: b\x00", defect: ControlByte},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			r.Reset(&c.limits)
			if v := r.Parse([]byte(c.bytes[:len(c.bytes)-1])); v != Incomplete {
				t.Fatalf("%v before the last byte", v)
			}
			if v := r.Parse([]byte(c.bytes)); v != Bad || r.Defect() != c.defect {
				t.Fatalf("%v, %v; want Bad, %v", v, r.Defect(), c.defect)
			}
		})
	}
}

// TestEveryField finds each known field under its name in three spellings, and nothing under names that
// differ in one byte, among them those that differ in the case bit of a byte that is not a letter.
func TestEveryField(t *testing.T) {
	for id := FieldID(0); id < fieldCount; id++ {
		name := id.String()
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			for _, pad := range []string{"", ": padding"} {
				buf := []byte(spelling + pad)
				if got := lookupField(buf, 0, len(name)); got != id {
					t.Errorf("%q with %q is %v", spelling, pad, got)
				}
			}
		}
		for i := range len(name) {
			for _, flip := range []byte{0x20, 0x01, 0x80} {
				other := []byte(name)
				other[i] ^= flip
				if strings.EqualFold(string(other), name) {
					continue
				}
				if got := lookupField(other, 0, len(other)); got != fieldUnknown {
					t.Errorf("%q is %v", other, got)
				}
			}
		}
	}
}

func TestEveryMethod(t *testing.T) {
	for m := MethodGet; m < MethodOther; m++ {
		if got := methodOf([]byte(m.String())); got != m {
			t.Errorf("%v is %v", m, got)
		}
	}
}

func TestDefectTable(t *testing.T) {
	seen := map[string]bool{}
	for d := DefectNone; d < defectCount; d++ {
		if d.String() == "" || seen[d.String()] {
			t.Errorf("defect %d has no words of its own", d)
		}
		seen[d.String()] = true
		switch d.Status() {
		case 400, 413, 414, 431, 501, 505:
		default:
			if d != DefectNone {
				t.Errorf("%v has status %d", d, d.Status())
			}
		}
	}
	if defectCount.Status() != 400 || defectCount.String() != "unknown defect" {
		t.Error("a defect that does not exist")
	}
}

// TestControlIndex compares the eight-at-a-time search with the obvious one for every byte at every place.
func TestControlIndex(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				buf := bytes.Repeat([]byte{0xff}, n)
				buf[at] = byte(c)
				want := n
				if c < 0x20 || c == 0x7f {
					want = at
				}
				if got := controlIndex(buf, 0); got != want {
					t.Fatalf("%q: %d, want %d", buf, got, want)
				}
			}
		}
	}
}

func TestStarted(t *testing.T) {
	var r Request
	for _, c := range []struct {
		bytes string
		want  bool
	}{{"", false}, {"\r\n", false}, {"\r\n\r", false}, {"\r\nG", true}, {headShort, true}} {
		r.Reset(nil)
		if r.Parse([]byte(c.bytes)); r.Started() != c.want {
			t.Errorf("%q: Started is %t", c.bytes, r.Started())
		}
	}
}

func TestAppendLines(t *testing.T) {
	buf := []byte(get11("If-Match: a\r\nIf-Match: b\r\n"))
	var r Request
	r.Reset(nil)
	r.Parse(buf)
	got := r.AppendLines([][]byte{[]byte("kept")}, IfMatch, buf)
	if s := string(bytes.Join(got, []byte("|"))); s != "kept|a|b" {
		t.Errorf("%q", s)
	}
	if got := r.AppendLines(nil, Accept, buf); got != nil {
		t.Errorf("%q for a field that is not there", got)
	}
}

// TestResetForgets parses a request behind another one with the same Request: what is malformed before its method is
// known does not have the method of the one before.
func TestResetForgets(t *testing.T) {
	var r Request
	r.Reset(nil)
	if v := r.Parse([]byte("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")); v != Complete {
		t.Fatal(v)
	}
	r.Reset(nil)
	if v := r.Parse([]byte("\x00")); v != Bad || r.Method != MethodUnknown || r.MethodSpan.Len != 0 || r.Target.Len != 0 || r.Minor != 0 {
		t.Errorf("%v with method %v, %v, %v, HTTP/%d.%d", v, r.Method, r.MethodSpan, r.Target, r.Major, r.Minor)
	}
}
