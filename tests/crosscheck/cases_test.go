package crosscheck

import (
	"fmt"
	"strings"
	"time"

	"aws/tests/harness"
)

// testCase is one request, and what aws has to respond to.
type testCase struct {
	name    string
	topic   string // what the table of differences goes by; empty: no difference is intended
	request harness.Request

	want   string // the file whose bytes are the response; empty: 404
	head   bool   // whether the header is all that may come
	hangUp bool   // aws closes the connection without a response, since there is no whole request
}

// Requests that a server can't take as finished are given up after this.
const hangPatience = time.Second

// splitGap is the pause between the pieces of a request: enough for the server to see them apart, most
// of the time, without making the test long.
const splitGap = 2 * time.Millisecond

var versions = []string{"1.0", "1.1"}

// head returns a request head as a client would send it.
func head(method, target, version string) string {
	return method + " " + target + " HTTP/" + version + "\r\nHost: localhost\r\n\r\n"
}

// simple returns the case of a well-formed request.
func simple(method, target, version, want string) testCase {
	return testCase{
		name:    method + " " + target + " " + version,
		request: harness.Text(head(method, target, version)),
		want:    want,
		head:    method == "HEAD",
	}
}

// sizeCases asks for every size in every way.
func sizeCases() []testCase {
	var cases []testCase
	for _, size := range edgeSizes {
		for _, directory := range []string{"static", "dynamic"} {
			path := fmt.Sprintf("%s/size-%d", directory, size)
			for _, version := range versions {
				cases = append(cases, simple("GET", "/"+path, version, path), simple("HEAD", "/"+path, version, path))
			}
		}
	}
	return cases
}

// hugeCases asks for the file that is too large to be asked for often.
func hugeCases() []testCase {
	return []testCase{
		simple("GET", "/static/huge", "1.1", "static/huge"),
		simple("GET", "/dynamic/huge", "1.0", "dynamic/huge"),
		simple("HEAD", "/static/huge", "1.1", "static/huge"),
		simple("HEAD", "/dynamic/huge", "1.1", "dynamic/huge"),
	}
}

// splitCases cuts requests in two at every byte, and into single bytes.
func splitCases() []testCase {
	var cases []testCase
	for _, path := range []string{"static/size-4097", "dynamic/size-4097", "static/absent"} {
		want := path
		if strings.HasSuffix(path, "absent") {
			want = ""
		}
		for _, version := range versions {
			text := []byte(head("GET", "/"+path, version))
			for at := 1; at < len(text); at++ {
				cases = append(cases, testCase{
					name:    fmt.Sprintf("GET /%s %s cut at %d", path, version, at),
					request: harness.Request{Pieces: [][]byte{text[:at], text[at:]}, Gap: splitGap},
					want:    want,
				})
			}
			var pieces [][]byte
			for i := range text {
				pieces = append(pieces, text[i:i+1])
			}
			cases = append(cases, testCase{
				name:    fmt.Sprintf("GET /%s %s byte by byte", path, version),
				request: harness.Request{Pieces: pieces, Gap: splitGap},
				want:    want,
			})
		}
	}
	return cases
}

// manyClientsCases is what fifty clients ask for at the same moment.
func manyClientsCases() []testCase {
	var cases []testCase
	for i := range 50 {
		directory := []string{"static", "dynamic"}[i%2]
		size := []int{1, 4097, bufferBytes + 1, 2 << 20, 513}[i/2%5]
		path := fmt.Sprintf("%s/size-%d", directory, size)
		c := simple("GET", "/"+path, versions[i/10%2], path)
		switch i {
		case 20, 21:
			c = simple("GET", "/"+directory+"/absent", "1.1", "")
		case 30, 31:
			c = simple("HEAD", "/"+path, "1.1", path)
		case 40:
			c = simple("GET", "/dynamic/link-size", "1.1", "static/size-2097152")
		}
		c.name = fmt.Sprintf("one of fifty, %d: %s", i, c.name)
		cases = append(cases, c)
	}
	return cases
}

// pathCase is one target and the file that it stands for.
type pathCase struct{ topic, target, want string }

// pathCases asks for whatever can be said in a target. %s is each of the two directories.
func pathCases() []testCase {
	table := []pathCase{
		{"", "/%s/page.html", "%s/page.html"},
		{"", "/%s/sub/deep.txt", "%s/sub/deep.txt"},
		{"", "/%s/plus+sign.txt", "%s/plus+sign.txt"},
		{"", "/%s/.hidden", "%s/.hidden"},
		{"", "/%s/grüße.txt", "%s/grüße.txt"},
		{"", "/%s/" + strings.Repeat("n", 255), "%s/" + strings.Repeat("n", 255)},
		{"", "/%s/absent", ""},
		{"", "/%s/sub/absent/deeper", ""},
		{"", "/%s/PAGE.HTML", ""},
		{"", "/%s/page.html/", ""},
		{"", "/%s/page.html/deeper", ""},
		{"", "/%s/page.htm", ""},
		{"", "/%s/" + strings.Repeat("n", 256), ""},
		{"", "/%s/" + strings.Repeat("d/", 2000), ""},
		{"", "/%s/" + strings.Repeat("n", 6000), ""},

		// Queries are cut off.
		{"", "/%s/page.html?", "%s/page.html"},
		{"", "/%s/page.html?a=b&c=/../..", "%s/page.html"},
		{"", "/%s/page.html?a?b", "%s/page.html"},
		{"", "/%s/question?.txt", ""},
		{"", "/%s/absent?page.html", ""},

		// Directories, and what is in neither of the two.
		{"", "/%s/sub", ""},
		{"", "/%s/sub/", ""},
		{"", "/%s/", ""},
		{"", "/%s", ""},
		{"", "/", ""},
		{"", "/top.txt", ""},
		{"", "/staticfile.txt", ""},
		{"", "/STATIC/page.html", ""},
		{"", "/nowhere/page.html", ""},
		{"", "%s/page.html", ""},
		{"", "page.html", ""},
		{"", "*", ""},
		{"", "?", ""},
		{"", "http://", ""},
		{"", "ftp://localhost/%s/page.html", ""},
		{"", "localhost:80", ""},

		// Symbolic links.
		{"", "/%s/link-chain", "%s/link-other"},
		{"", "/%s/link-other", "%s/link-other"},
		{"", "/%s/link-size", "%s/link-size"},
		{"", "/%s/link-directory/deep.txt", "%s/sub/deep.txt"},
		{"", "/%s/link-top", "top.txt"},
		{"", "/%s/link-dangling", ""},
		{"", "/%s/link-loop-a", ""},
		{"", "/%s/link-self", ""},
		{"", "/%s/link-directory", ""},
		{"out by a link", "/%s/link-out", ""},
		{"out by a link", "/%s/link-out-abs", ""},
		{"out by a link", "/%s/link-out-dir/secret.txt", ""},
		{"out and in by a link", "/%s/link-out-in", ""},
		{"absolute link", "/%s/link-in-abs", "%s/page.html"},

		// What is not a regular file.
		{"", "/%s/fifo", ""},
		{"", "/%s/socket", ""},
		{"", "/%s/device", ""},

		// Percent-escapes.
		{"escape", "/%s/with%%20space.txt", "%s/with space.txt"},
		{"escape", "/%s/question%%3F.txt", "%s/question?.txt"},
		{"escape", "/%s/question%%3f.txt?a=b", "%s/question?.txt"},
		{"escape", "/%s/p%%61ge.html", "%s/page.html"},
		{"escape", "/%%73tatic/page.html", "static/page.html"},
		{"escape", "/%s%%2Fpage.html", "%s/page.html"},
		{"escape", "/%s/gr%%C3%%BC%%c3%%9fe.txt", "%s/grüße.txt"},
		{"escape", "/%s/plus%%2Bsign.txt", "%s/plus+sign.txt"},
		{"", "/%s/with+space.txt", ""},
		{"", "/%s/page.html%%00", ""},
		{"", "/%s/page%%2", ""},
		{"", "/%s/page%%", ""},
		{"", "/%s/page%%zz.html", ""},
		{"", "/%s/page%%2500.html", ""},

		// Dot segments.
		{"", "/%s/./page.html", "%s/page.html"},
		{"", "/%s/sub/../page.html", "%s/page.html"},
		{"", "/%s/../%s/page.html", "%s/page.html"},
		{"", "/%s/.", ""},
		{"", "/%s/..", ""},
		{"", "/%s/...", ""},
		{"", "/../%s/page.html", ""},
		{"", "/./../%s/page.html", ""},
		{"dots before the directory", "/./%s/page.html", "%s/page.html"},
		{"dots before the directory", "/nowhere/../%s/page.html", "%s/page.html"},
		{"dots after what is absent", "/%s/absent/../page.html", "%s/page.html"},
		{"dots after what is absent", "/%s/page.html/../page.html", "%s/page.html"},
		{"dots after a linked directory", "/%s/link-out-dir/../page.html", "%s/page.html"},
		{"dots to the root", "/%s/../top.txt", ""},
		{"dots out of the root", "/%s/../../outside/secret.txt", ""},
		{"dots out of the root", "/%s/sub/../../../outside/secret.txt", ""},
		{"dots out of the root", "/%s/../../root/%s/page.html", ""},
		{"dots out of the root", "/%s/../../../../../../../../../../../../../../../../etc/passwd", ""},
		{"", "/%s/%%2e%%2e/%%2e%%2e/outside/secret.txt", ""},
		{"", "/%s/..%%2f..%%2foutside%%2fsecret.txt", ""},
		{"", "/%s/..%%5c..%%5coutside%%5csecret.txt", ""},
		{"", `/%s/..\..\outside\secret.txt`, ""},
		{"escape", "/%s/sub/%%2e%%2e/page.html", "%s/page.html"},

		// Slashes.
		{"", "/%s//page.html", "%s/page.html"},
		{"", "/%s/sub///deep.txt", "%s/sub/deep.txt"},
		{"slashes before the directory", "//%s/page.html", "%s/page.html"},

		// The form that is meant for proxies.
		{"absolute form", "http://localhost/%s/page.html", "%s/page.html"},
		{"absolute form", "HTTP://user.example:8080/%s/page.html?q", "%s/page.html"},
		{"", "http://localhost/nowhere", ""},
		{"", "http://user@localhost/%s/page.html", ""},

		{"", "/%s/page.html#top", ""},
	}
	var cases []testCase
	for _, row := range table {
		for _, directory := range []string{"static", "dynamic"} {
			fill := strings.NewReplacer("%s", directory, "%%", "%")
			target := fill.Replace(row.target)
			if directory == "dynamic" && !strings.Contains(row.target, "%s") {
				continue
			}
			want := fill.Replace(row.want)
			for i, version := range versions {
				method := []string{"GET", "HEAD"}[i]
				c := simple("GET", target, version, want)
				cases = append(cases, c.about(row.topic))
				if i == 1 {
					c = simple(method, target, version, want)
					cases = append(cases, c.about(row.topic))
				}
			}
		}
	}
	return cases
}

func (c testCase) about(topic string) testCase {
	c.topic = topic
	if len(c.name) > 120 {
		c.name = c.name[:100] + fmt.Sprintf("... (%d bytes)", len(c.name))
	}
	return c
}

// rawCase is a request that is given byte for byte; its file is static/page.html if it has one.
type rawCase struct {
	topic, name, text string
	found             bool
}

// rawCases sends what is not a request of HTTP/1.x, or hardly one.
func rawCases() []testCase {
	const target = "/static/page.html"
	get := func(fields ...string) string {
		return "GET " + target + " HTTP/1.1\r\n" + strings.Join(append(fields, "", ""), "\r\n")
	}
	table := []rawCase{
		{"", "no Host", get(), true},
		{"", "no Host, 1.0", "GET " + target + " HTTP/1.0\r\n\r\n", true},
		{"", "empty Host", get("Host:"), true},
		{"", "a dozen fields", get("Host: a", "User-Agent: x/1.0", "Accept: */*", "Accept-Encoding: gzip, br",
			"Accept-Language: de", "Cache-Control: no-cache", "Pragma: no-cache", "DNT: 1", "Cookie: a=b; c=d",
			"Referer: http://localhost/", "Upgrade-Insecure-Requests: 1", "X-Empty:"), true},
		{"", "raw bytes in a value", get("Host: a", "X-Name: gr\xfc\xdfe"), true},
		{"", "tabs in a value", get("Host:\ta\t", "X-Tab: a\tb"), true},
		{"", "keep-alive asked for", get("Host: a", "Connection: keep-alive"), true},
		{"", "close asked for", get("Host: a", "Connection: close"), true},
		{"", "a range", get("Host: a", "Range: bytes=0-3"), true},
		{"", "a condition", get("Host: a", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"), true},
		{"", "a condition on a tag", get("Host: a", "If-None-Match: *"), true},
		{"", "an upgrade", get("Host: a", "Connection: Upgrade", "Upgrade: h2c"), true},
		{"", "an expectation", get("Host: a", "Expect: 100-continue"), true},
		{"more than a head", "two requests at once", get("Host: a") + get("Host: a"), true},
		{"more than a head", "a body of 20 KiB", get("Host: a", "Content-Length: 20480") + strings.Repeat("b", 20<<10), true},
		{"", "HTTP/1.2", "GET " + target + " HTTP/1.2\r\nHost: a\r\n\r\n", true},
		{"", "bare line feeds", "GET " + target + " HTTP/1.0\nHost: a\n\n", true},
		{"more than a head", "a body", get("Host: a", "Content-Length: 5") + "hello", true},
		{"empty lines first", "an empty line first", "\r\n" + get("Host: a"), true},
		{"empty lines first", "two empty lines first", "\r\n\r\n" + get("Host: a"), true},

		{"version", "no version", "GET " + target + "\r\n\r\n", false},
		{"version", "no version, with fields", "GET " + target + "\r\nHost: a\r\n\r\n", false},
		{"version", "an empty version", "GET " + target + " \r\nHost: a\r\n\r\n", false},
		{"version", "HTTP/2.0", "GET " + target + " HTTP/2.0\r\nHost: a\r\n\r\n", false},
		{"version", "HTTP/0.9", "GET " + target + " HTTP/0.9\r\nHost: a\r\n\r\n", false},
		{"version", "HTTP/1.10", "GET " + target + " HTTP/1.10\r\nHost: a\r\n\r\n", false},
		{"version", "HTTP/1", "GET " + target + " HTTP/1\r\nHost: a\r\n\r\n", false},
		{"version", "http/1.1", "GET " + target + " http/1.1\r\nHost: a\r\n\r\n", false},
		{"version", "FTP/1.1", "GET " + target + " FTP/1.1\r\nHost: a\r\n\r\n", false},
		{"request line", "two spaces", "GET  " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"request line", "a space first", " GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"request line", "a space last", "GET " + target + " HTTP/1.1 \r\nHost: a\r\n\r\n", false},
		{"request line", "a fourth word", "GET " + target + " HTTP/1.1 x\r\nHost: a\r\n\r\n", false},
		{"request line", "a space in the target", "GET " + target + " .txt HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"", "a tab between", "GET\t" + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"", "a control byte in the target", "GET " + target + "\x01 HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"", "only a method", "GET\r\n\r\n", false},
		{"", "only a method and a space", "GET \r\n\r\n", false},
		{"", "only line ends", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", false},
		{"", "a word", "hello\r\n\r\n", false},
		{"", "another protocol", "EHLO localhost\r\n\r\n", false},
		{"more than a head", "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false},

		{"method", "get", "get " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"method", "Get", "Get " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"method", "GETS", "GETS " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"method", "a method with a quote", "G\"T " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", false},

		{"fields", "two Hosts", get("Host: a", "Host: b"), false},
		{"fields", "a bad Host", get("Host: a b"), false},
		{"fields", "a space before the colon", get("Host : a"), false},
		{"fields", "no colon", get("Host: a", "nonsense"), false},
		{"fields", "no name", get("Host: a", ": value"), false},
		{"fields", "a folded value", get("Host: a", "X-Fold: a", " b"), false},
		{"fields", "a folded first line", get(" Host: a"), false},
		{"fields", "a space in a name", get("Host: a", "X Y: z"), false},
		{"fields", "a control byte in a value", get("Host: a", "X-Bell: \a"), false},
		{"fields", "a bare carriage return", get("Host: a", "X-Return: a\rb"), false},
		{"fields", "two lengths", get("Host: a", "Content-Length: 0", "Content-Length: 1"), false},
		{"fields", "a bad length", get("Host: a", "Content-Length: -1"), false},
		{"fields", "a length and a coding", get("Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"), false},
		{"fields", "an unknown coding", get("Host: a", "Transfer-Encoding: rot13"), false},
		{"", "a thousand fields", get(strings.Split(strings.Repeat("A: b\n", 999)+"Host: a", "\n")...), true},

		{"NUL", "NUL in a value", get("Host: a", "X-Nul: a\x00b"), false},
		{"NUL", "NUL in the target", "GET " + target + "\x00 HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"NUL", "NULs", strings.Repeat("\x00", 600) + "\r\n\r\n", false},
		{"NUL", "a TLS hello", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", false},
		{"", "bytes above 0x7f", strings.Repeat("\xff\xfe", 300) + "\r\n\r\n", false},

		{"large head", "a field of 16 KiB", get("Host: a", "X-Large: "+strings.Repeat("x", 16<<10)), true},
		{"large head", "a query of 8000 bytes and more", "GET " + target + "?" + strings.Repeat("q", 8000) +
			" HTTP/1.1\r\nHost: a\r\nX-Fill: " + strings.Repeat("x", 300) + "\r\n\r\n", true},
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "PROPFIND", "BREW"} {
		table = append(table, rawCase{"method", method, head(method, target, "1.1"), false})
	}
	table = append(table,
		rawCase{"method", "POST with a body", "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", false},
		rawCase{"method", "PUT, chunked", "PUT " + target + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false})

	var cases []testCase
	for _, row := range table {
		c := testCase{name: row.name, topic: row.topic, request: harness.Text(row.text)}
		if row.found {
			c.want = "static/page.html"
		}
		c.head = strings.HasPrefix(row.text, "HEAD")
		if row.topic == "NUL" {
			c.request.Patience = hangPatience
		}
		cases = append(cases, c)
	}
	return append(cases, endingCases()...)
}

// endingCases close the client's direction, or send more than any server wants.
func endingCases() []testCase {
	half := func(name, text string) testCase {
		request := harness.Text(text)
		request.HalfClose = true
		return testCase{name: name, request: request, hangUp: true}
	}
	whole := half("half-closed after the request", head("GET", "/static/size-2097152", "1.1"))
	whole.want, whole.hangUp = "static/size-2097152", false
	loading := half("half-closed after the request for a dynamic file", head("GET", "/dynamic/size-2097152", "1.1"))
	loading.want, loading.hangUp = "dynamic/size-2097152", false
	return []testCase{
		half("half-closed at once", ""),
		half("half-closed in the method", "GE"),
		half("half-closed in the target", "GET /static/page.ht"),
		half("half-closed before the last line feed", "GET /static/page.html HTTP/1.1\r\nHost: a\r\n\r"),
		whole,
		loading,
		{
			name: "a target of 10 KiB", topic: "large head",
			request: harness.Text(head("GET", "/static/"+strings.Repeat("n", 10<<10), "1.1")),
		},
		{
			name: "a head of 40 KiB", topic: "large head",
			request: harness.Text("GET /static/page.html HTTP/1.1\r\nX-Large: " + strings.Repeat("x", 40<<10) + "\r\n\r\n"),
		},
		{name: "40 KiB of one letter", topic: "large head", request: harness.Text(strings.Repeat("x", 40<<10))},
	}
}
