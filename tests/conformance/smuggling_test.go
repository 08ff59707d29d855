package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"aws/tests/harness"
)

// smuggled is the request that an ambiguous message tries to get through to the server: anyone who reads the
// message's end elsewhere takes it for a part of the message.
const smuggled = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"

// attempt is a message that two readers may frame differently, and what a reader without doubt responses.
type attempt struct {
	name string
	sent string
	// want are the statuses of all responses there may be, in order. The last one closes the connection
	// unless kept says that the framing is in no doubt.
	want string
	kept bool
}

// chunkedBody is a chunked body that holds a request, and a plain one for those who do not look at chunks.
const chunkedBody = "0\r\n\r\n" + smuggled

func attempts() (list []attempt) {
	refused := func(status, name, sent string) {
		list = append(list, attempt{name: name, sent: sent, want: status})
	}
	harmless := func(name, want, sent string) {
		list = append(list, attempt{name: name, sent: sent, want: want, kept: true})
	}

	// Both lengths: anyone who goes by Content-Length and anyone who goes by Transfer-Encoding disagree.
	for _, method := range []string{"POST", "GET"} {
		line := method + " /ten HTTP/1.1\r\nHost: x\r\n"
		refused("400", "CL.TE "+method, line+fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s", len(chunkedBody), chunkedBody))
		refused("400", "TE.CL "+method, line+fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled))
		refused("400", "CL.0 with TE "+method, line+"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"+chunkedBody)
		refused("400", "TE in HTTP/1.0 "+method, method+" /ten HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"+chunkedBody)
	}

	// Codings that look like chunked to one reader and not to another.
	for _, c := range []struct{ status, field string }{
		{"501", "Transfer-Encoding: xchunked"},
		{"501", "Transfer-Encoding: chunkedx"},
		{"501", "Transfer-Encoding: chunk"},
		{"501", "Transfer-Encoding: identity"},
		{"501", "Transfer-Encoding: cow"},
		{"501", "Transfer-Encoding: gzip, chunked"},
		{"501", "Transfer-Encoding: identity, chunked"},
		{"501", "Transfer-Encoding: \"chunked\""},
		{"501", "Transfer-Encoding: 'chunked'"},
		{"501", "Transfer-Encoding: (chunked)"},
		{"400", "Transfer-Encoding: chunked\xa0"},
		{"501", "Transfer-Encoding: \xa0chunked"},
		{"501", "Transfer-Encoding: chun\xb7ked"},
		{"501", "Transfer-Encoding: ch\xd0\xbanked"},
		{"400", "Transfer-Encoding: chunked\x00"},
		{"400", "Transfer-Encoding: \x00chunked"},
		{"400", "Transfer-Encoding: chun\x00ked"},
		{"400", "Transfer-Encoding: chunked\x0b"},
		{"400", "Transfer-Encoding: \x0bchunked"},
		{"400", "Transfer-Encoding: \x0cchunked"},
		{"400", "Transfer-Encoding: chunked\x7f"},
		{"400", "Transfer-Encoding: chunked\rX: y"},
		{"400", "Transfer-Encoding: \rchunked"},
		{"400", "Transfer-Encoding:\r\n chunked"},
		{"400", "Transfer-Encoding:\r\n\tchunked"},
		{"400", "Transfer-Encoding: identity\r\n , chunked"},
		{"400", "Transfer-Encoding:\n chunked"},
		{"400", "Transfer-Encoding: "},
		{"400", "Transfer-Encoding: ,"},
		{"400", "Transfer-Encoding: chunked,"},
		{"400", "Transfer-Encoding: ,chunked"},
		{"400", "Transfer-Encoding: chunked, identity"},
		{"400", "Transfer-Encoding: chunked, chunked"},
		{"400", "Transfer-Encoding: chunked;q=1"},
		{"400", "Transfer-Encoding: chunked; x=y"},
		{"400", "Transfer-Encoding: chunked cow"},
		{"400", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"},
		{"400", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"},
		{"400", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"},
		{"400", "Transfer-Encoding: chunked\r\ntransfer-encoding: cow"},
		{"400", "Transfer-Encoding : chunked"},
		{"400", "Transfer-Encoding\t: chunked"},
		{"400", "Transfer-Encoding\x00: chunked"},
		{"400", "Transfer-Encoding\xa0: chunked"},
		{"400", "Transfer-Encoding\x0b: chunked"},
		{"400", "\x00Transfer-Encoding: chunked"},
		{"400", "\x0bTransfer-Encoding: chunked"},
		{"400", " Transfer-Encoding: chunked"},
		{"400", "\tTransfer-Encoding: chunked"},
		{"400", "X: y\r\n Transfer-Encoding: chunked"},
		{"400", "X: y\rTransfer-Encoding: chunked"},
		{"400", "X: y\x00Transfer-Encoding: chunked"},
		{"400", "Transfer-Encoding chunked"},
		{"400", "Transfer-Encoding"},
		{"400", ": chunked"},
		{"400", "Transfer-Encoding;: chunked"},
		{"400", "Transfer-Encoding=chunked"},
		{"400", "\"Transfer-Encoding\": chunked"},
		{"400", "Transfer Encoding: chunked"},
		{"400", "Transfer-\r\nEncoding: chunked"},
	} {
		refused(c.status, fmt.Sprintf("coding %q", c.field), post("/ten", c.field+"\r\n", chunkedBody))
		if c.status == "400" {
			refused("400", fmt.Sprintf("coding %q beside a length", c.field),
				post("/ten", fmt.Sprintf("Content-Length: %d\r\n%s\r\n", len(chunkedBody), c.field), chunkedBody))
		}
	}

	// Lengths that readers understand differently.
	for _, value := range []string{
		"", " ", "+5", "-5", "-0", "0x5", "5.0", "5e0", "1_0", "5;", "5,", ",5", "5, 5", "5,6", "5 5", "5\t5", "\"5\"", "'5'", "five", "5a", "a5", "٥",
		"\xa05", "5\xa0", "5\x00", "\x005", "5\x0b", "\x0b5", "5\x7f", "5\r6", "\r\n 5", "5\r\n 6", "5\n\t6",
		"9223372036854775808", "18446744073709551615", "18446744073709551621", "4294967301x", "99999999999999999999999999999999",
	} {
		refused("400", fmt.Sprintf("length %.40q", value), post("/ten", "Content-Length: "+value+"\r\n", "12345"+smuggled))
	}
	for _, fields := range []string{
		"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 0\r\nContent-Length: 5\r\n", "Content-Length: 5\r\ncontent-length: 0\r\n",
		"Content-Length: 5\r\nX: y\r\nContent-Length: 39\r\n", "Content-Length: 5\r\nContent-Length: \r\n", "Content-Length: 5\r\nContent-Length: x\r\n",
		"Content-Length : 5\r\n", "Content-Length\t: 5\r\n", " Content-Length: 5\r\n", "\tContent-Length: 5\r\n", "X: y\r\n Content-Length: 5\r\n",
		"Content-Length\x00: 5\r\n", "\x00Content-Length: 5\r\n", "Content-Length\xa0: 5\r\n", "Content-Length 5\r\n", "Content Length: 5\r\n",
		"X: y\rContent-Length: 5\r\n", "X: y\x00\r\nContent-Length: 5\r\n", "X\r\nContent-Length: 5\r\n", "X: y\r\r\nContent-Length: 5\r\n",
	} {
		refused("400", fmt.Sprintf("lengths %q", fields), post("/ten", fields, "12345"+smuggled))
	}
	// Longer than may be: nothing of what follows is a request.
	refused("413", "length beyond the limit", post("/ten", "Content-Length: 9223372036854775807\r\n", smuggled))
	refused("413", "length beyond 32 bits", post("/ten", "Content-Length: 4294967296\r\n", smuggled))

	// Chunks. The response is decided by the head, and is 405; what matters is that nothing follows.
	for _, chunks := range []string{
		"0x0\r\n\r\n", "0X5\r\n12345\r\n0\r\n\r\n", "+0\r\n\r\n", "-0\r\n\r\n", " 0\r\n\r\n", "\t0\r\n\r\n", "0 0\r\n\r\n", "0_0\r\n\r\n", "g\r\n\r\n", "\r\n\r\n",
		"0\n\r\n", "0\r\r\n\r\n", "0\r\n\n", "0\n\n", "0\r\n\rX", "0\x00\r\n\r\n", "\x000\r\n\r\n", "0\x0b\r\n\r\n", "0\xa0\r\n\r\n",
		"5\r\n12345\n0\r\n\r\n", "5\r\n123450\r\n\r\n", "5\r\n1234567\r\n0\r\n\r\n", "5\r\n1234\r\n0\r\n\r\n", "5\r\n12345\r0\r\n\r\n", "5\r\n12345\r\n\n0\r\n\r\n",
		"10000000000000000\r\n", "fffffffffffffffff\r\n", "8000000000000000\r\n", "7fffffffffffffff\r\n", "ffffffffffffffff\r\n", "100000005\r\n12345\r\n0\r\n\r\n",
		"5;x\n12345\r\n0\r\n\r\n", "5;x\ry\r\n12345\r\n0\r\n\r\n", "5;\x00\r\n12345\r\n0\r\n\r\n", "5 x\r\n12345\r\n0\r\n\r\n", "5 \r\n12345\r\n0\r\n\r\n", "5,\r\n12345\r\n0\r\n\r\n",
		"0\r\nX : y\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX: y\r\n z\r\n\r\n", "0\r\n: y\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\nX: \x00\r\n\r\n", "0\r\nX: y\rZ\r\n\r\n",
		"0\r\nGET /secret HTTP/1.1\r\n\r\n",
	} {
		refused("4xx", fmt.Sprintf("chunks %.40q", chunks), chunked(chunks+smuggled))
	}

	// Request lines that readers cut differently.
	for _, line := range []string{
		"GET /ten", "GET /ten ", "GET /ten HTTP/1.1 ", "GET /ten HTTP/1.1\t", " GET /ten HTTP/1.1", "\tGET /ten HTTP/1.1", "GET  /ten HTTP/1.1", "GET /ten  HTTP/1.1",
		"GET\t/ten\tHTTP/1.1", "GET\x0b/ten HTTP/1.1", "GET\xa0/ten HTTP/1.1", "GET /ten\x00 HTTP/1.1", "GET /ten HTTP/1.1\x00", "GET /ten HTTP/1.1 HTTP/1.1", "GET /ten /ten HTTP/1.1",
		"GET /ten http/1.1", "GET /ten HTTP/1", "GET /ten HTTP/1.", "GET /ten HTTP/.1", "GET /ten HTTP/1.1.1", "GET /ten HTTP/1.01", "GET /ten HTTP/01.1", "GET /ten HTTP/1,1", "GET /ten HTTP/ 1.1",
		"GET /ten XHTTP/1.1", "GET /ten HTTPS/1.1", "GET /ten ICY/1.1", "GET ten HTTP/1.1", "GET HTTP/1.1", "/ten HTTP/1.1", "GET /ten\rHTTP/1.1", "GET /ten HTTP/1.1\r\r", "G\"T /ten HTTP/1.1",
		"GET: /ten HTTP/1.1", "GET /ten#x HTTP/1.1", "GET http:/ten HTTP/1.1", "GET http://x@y/ten HTTP/1.1", "GET http://x y/ten HTTP/1.1", "GET http://x\\y/ten HTTP/1.1", "GET * HTTP/1.1", "GET x:80 HTTP/1.1",
		"CONNECT /ten HTTP/1.1", "CONNECT http://x/ten HTTP/1.1", "OPTIONS ** HTTP/1.1",
	} {
		refused("400", fmt.Sprintf("request line %q", line), line+"\r\nHost: x\r\n\r\n"+smuggled)
	}
	for _, version := range []string{"0.9", "2.0", "3.0", "9.9", "0.0"} {
		refused("505", "version "+version, "GET /ten HTTP/"+version+"\r\nHost: x\r\n\r\n"+smuggled)
	}
	refused("400", "HTTP/0.9", "GET /ten\r\n"+smuggled)
	refused("400", "HTTP/0.9 by a bare LF", "GET /ten\n"+smuggled)
	refused("400", "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+smuggled)
	refused("400", "a TLS hello", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"+smuggled)

	// Hosts that readers choose differently.
	for _, hosts := range []string{
		"", "Host:\r\n", "Host: x\r\nHost: x\r\n", "Host: x\r\nHost: y\r\n", "Host: x\r\nhost: y\r\n", "Host: x, y\r\n", "Host: x y\r\n", "Host: x\ty\r\n",
		"Host : x\r\n", " Host: x\r\n", "Host: x\r\n y\r\n", "Host: x@y\r\n", "Host: x/y\r\n", "Host: x?y\r\n", "Host: x#y\r\n", "Host: x\\y\r\n", "Host: http://x\r\n",
		"Host: x:80:80\r\n", "Host: x:80a\r\n", "Host: x:-1\r\n", "Host: x:65536\r\n", "Host: x:99999999999\r\n", "Host: :80\r\n", "Host: [::1\r\n", "Host: ::1\r\n", "Host: [::1]x\r\n",
		"Host: x\x00y\r\n", "Host: x\r y\r\n", "Host\x00: x\r\n", "Host: x\x7f\r\n", "Host: \xffx\r\n", "Host: %zz\r\n", "Host: <x>\r\n", "Host: \"x\"\r\n",
	} {
		refused("400", fmt.Sprintf("host %q", hosts), "GET /ten HTTP/1.1\r\n"+hosts+"\r\n"+smuggled)
		refused("400", fmt.Sprintf("host %q in absolute-form", hosts), "GET http://x/ten HTTP/1.1\r\n"+hosts+"\r\n"+smuggled)
	}

	// Messages whose end is in no doubt, though some readers have been wrong about it. The body holds the
	// request, which is not a request; or the request follows, and is one.
	inside := fmt.Sprintf("Content-Length: %d\r\n", len(smuggled))
	harmless("a request within a body", "405", post("/ten", inside, smuggled))
	harmless("a request within the body of a GET", "200", "GET /ten HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a HEAD", "HEAD 200", "HEAD /ten HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of an OPTIONS", "204", "OPTIONS * HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of what is not there", "404", "GET /absent HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a redirect", "301", "GET /directory HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a 304", "304", "GET /ten HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a 412", "412", "GET /ten HTTP/1.1\r\nHost: x\r\nIf-Match: \"x\"\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a 416", "416", "GET /ten HTTP/1.1\r\nHost: x\r\nRange: bytes=99-\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a 417", "417", "GET /ten HTTP/1.1\r\nHost: x\r\nExpect: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a 501", "501", "BREW /ten HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within the body of a 421", "421", "GET https://x/ten HTTP/1.1\r\nHost: x\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within a body of 1.0", "405", "POST /ten HTTP/1.0\r\nConnection: keep-alive\r\n"+inside+"\r\n"+smuggled)
	harmless("a request within a chunk", "405", chunked(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)))
	harmless("a request within the chunk of a GET", "200", get("/ten", "Transfer-Encoding: chunked")+fmt.Sprintf("%X\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled))
	harmless("a request within two chunks", "405", chunked(fmt.Sprintf("5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", smuggled[:5], len(smuggled)-5, smuggled[5:])))
	harmless("a request within an extension", "405", chunked("5;x=\"GET /secret HTTP/1.1\"\r\n12345\r\n0\r\n\r\n"))
	harmless("a request as a trailer", "405", chunked("0\r\nX: GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"))
	harmless("lengths in a trailer", "405", chunked("0\r\nContent-Length: 100\r\nTransfer-Encoding: gzip\r\n\r\n"))
	harmless("a length named in Connection counts", "405", post("/ten", "Connection: Content-Length\r\n"+inside, smuggled))
	harmless("a coding named in Connection counts", "405", post("/ten", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)))
	harmless("an override of the method is none", "200", "GET /ten HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: POST\r\n"+inside+"\r\n"+smuggled)
	harmless("an underscore is not a hyphen", "405", post("/ten", "Content_Length: 0\r\n"+inside, smuggled))
	harmless("Transfer_Encoding is another field", "405", post("/ten", "Transfer_Encoding: chunked\r\n"+inside, smuggled))
	harmless("X-Transfer-Encoding is another field", "405", post("/ten", "X-Transfer-Encoding: chunked\r\n"+inside, smuggled))
	harmless("TE is another field", "405", post("/ten", "TE: chunked\r\n"+inside, smuggled))
	harmless("Content-Encoding is another field", "405", post("/ten", "Content-Encoding: chunked\r\n"+inside, smuggled))
	return list
}

// manner is how an attempt is sent.
type manner string

const (
	whole    manner = "in one piece"
	bytewise manner = "byte by byte"
	behind   manner = "behind another request"
	secure   manner = "by https"
)

// TestSmuggling sends every attempt in each manner, with a request behind it that would be answered with
// the secret, and reads whatever comes until the server hangs up.
func TestSmuggling(t *testing.T) {
	s := serve(t)
	list := attempts()
	refused, responses := 0, 0
	for i := range list {
		a := &list[i]
		t.Run("RFC 9112 11.2 "+a.name, func(t *testing.T) {
			for _, how := range []manner{whole, bytewise, behind, secure} {
				responses += a.try(t, s, how)
			}
		})
		if !a.kept {
			refused++
		}
	}
	alive(t, s)
	if refused < 100 {
		t.Errorf("%d ambiguous framings are too few", refused)
	}
	fmt.Printf("conformance: %d ambiguous framings and %d that only look so, each whole, byte by byte, behind another request and by https: %d responses, none to a smuggled request\n",
		refused, len(list)-refused, responses)
}

// try makes the attempt on a connection of its own and returns how many responses came.
func (a *attempt) try(t *testing.T, s *harness.Server, how manner) (responses int) {
	t.Helper()
	c := dial(t, s.Address)
	if how == secure {
		side, _ := secured.Load(s)
		c = side.(secureSide).dial(t)
	}
	defer func() { _ = c.Close() }()
	statuses, sent := a.want, make(chan struct{})
	go func() {
		switch how {
		case whole:
			c.send(a.sent)
		case secure:
			c.send(byHTTPS(a.sent))
		case behind:
			c.send(getTen + a.sent)
		case bytewise:
			for i := range len(a.sent) {
				c.send(a.sent[i : i+1])
			}
		}
		close(sent)
	}()
	if how == behind {
		statuses = "200 " + statuses
	}
	var all strings.Builder
	r := bufio.NewReader(io.TeeReader(c.r, &all))
	defer func() {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%s: the secret is out: %.500q", how, all.String())
		}
	}()
	method := "GET"
	var last *response
	for want := range strings.FieldsSeq(statuses) {
		if want == "HEAD" {
			method = want
			continue
		}
		got, err := readResponse(r, method)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		responses++
		if fmt.Sprint(got.status) != want && (want != "4xx" || got.status/100 != 4) {
			t.Fatalf("%s: wanted %s, got %v", how, want, got)
		}
		last = got
	}
	// A message in chunks is answered when its head is complete; whether its end is in doubt shows later.
	if a.want != "4xx" && last.closes() == a.kept {
		t.Errorf("%s: wanted kept %v: %v", how, a.kept, last)
	}
	<-sent
	c.halfClose()
	if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: after the response: %.500q, %v", how, rest, err)
	}
	return responses
}
