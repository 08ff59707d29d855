package conformance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

func TestConditions(t *testing.T) {
	s := serve(t)
	const before, after = "Mon, 03 Feb 2020 04:05:05 GMT", "Mon, 03 Feb 2020 04:05:07 GMT"
	own, other := tag(10), `"other"`
	var cases []exchange
	add := func(rule, want string, fields ...string) {
		for _, target := range []string{"/ten", "/dynamic/ten"} {
			e := exchange{rule: rule + " " + target, send: get(target, fields...), want: want}
			switch want {
			case "200":
				e.body = ten
			case "304":
				e.empty = true
				e.fields = map[string]string{"ETag": own, "Last-Modified": modifiedText}
			}
			head := e
			head.rule, head.body = "HEAD "+rule+" "+target, ""
			head.send, head.want = request("HEAD", target, fields...), "HEAD "+want
			if want == "206" {
				head.want = "HEAD 200"
			}
			cases = append(cases, e, head)
		}
	}
	add("RFC 9110 13.1.1 If-Match", "200", "If-Match: "+own)
	add("RFC 9110 13.1.1 If-Match of another", "412", "If-Match: "+other)
	add("RFC 9110 13.1.1 If-Match any", "200", "If-Match: *")
	add("RFC 9110 13.1.1 If-Match in a list", "200", "If-Match: "+other+", "+own)
	add("RFC 9110 13.1.1 If-Match in a second line", "200", "If-Match: "+other, "If-Match: "+own)
	add("RFC 9110 13.1.1 If-Match compares strongly", "412", "If-Match: W/"+own)
	add("RFC 9110 13.1.2 If-None-Match", "304", "If-None-Match: "+own)
	add("RFC 9110 13.1.2 If-None-Match of another", "200", "If-None-Match: "+other)
	add("RFC 9110 13.1.2 If-None-Match any", "304", "If-None-Match: *")
	add("RFC 9110 13.1.2 If-None-Match in a list", "304", "If-None-Match: "+other+" ,,"+own)
	add("RFC 9110 13.1.2 If-None-Match in a second line", "304", "If-None-Match: "+other, "If-None-Match: "+own)
	add("RFC 9110 13.1.2 If-None-Match compares weakly", "304", "If-None-Match: W/"+own)
	add("RFC 9110 13.1.2 a comma within a tag", "304", `If-None-Match: "a,b", `+own)
	add("RFC 9110 13.1.3 If-Modified-Since, the same", "304", "If-Modified-Since: "+modifiedText)
	add("RFC 9110 13.1.3 If-Modified-Since, later", "304", "If-Modified-Since: "+after)
	add("RFC 9110 13.1.3 If-Modified-Since, earlier", "200", "If-Modified-Since: "+before)
	add("RFC 9110 13.1.3 If-Modified-Since, no date", "200", "If-Modified-Since: yesterday")
	add("RFC 9110 13.1.3 If-Modified-Since twice", "200", "If-Modified-Since: "+after, "If-Modified-Since: "+after)
	add("RFC 9110 13.1.4 If-Unmodified-Since, the same", "200", "If-Unmodified-Since: "+modifiedText)
	add("RFC 9110 13.1.4 If-Unmodified-Since, later", "200", "If-Unmodified-Since: "+after)
	add("RFC 9110 13.1.4 If-Unmodified-Since, earlier", "412", "If-Unmodified-Since: "+before)
	add("RFC 9110 13.1.4 If-Unmodified-Since, no date", "200", "If-Unmodified-Since: yesterday")
	add("RFC 9110 5.6.7 the date of RFC 850", "304", "If-Modified-Since: Monday, 03-Feb-20 04:05:06 GMT")
	add("RFC 9110 5.6.7 the date of asctime", "304", "If-Modified-Since: Mon Feb  3 04:05:06 2020")
	add("RFC 9110 5.6.7 an older date of RFC 850", "200", "If-Modified-Since: Sunday, 03-Feb-19 04:05:06 GMT")
	add("RFC 9110 5.6.7 a date in another zone is none", "200", "If-Modified-Since: Mon, 03 Feb 2020 04:05:06 +0100")
	add("RFC 9110 13.2.2 If-None-Match goes before If-Modified-Since", "200", "If-None-Match: "+other, "If-Modified-Since: "+after)
	add("RFC 9110 13.2.2 If-None-Match and If-Modified-Since", "304", "If-None-Match: "+own, "If-Modified-Since: "+before)
	add("RFC 9110 13.2.2 If-Match goes before If-Unmodified-Since", "200", "If-Match: "+own, "If-Unmodified-Since: "+before)
	add("RFC 9110 13.2.2 If-Match fails first", "412", "If-Match: "+other, "If-None-Match: "+own)
	add("RFC 9110 13.2.2 If-Match and If-None-Match", "304", "If-Match: "+own, "If-None-Match: "+own)
	add("RFC 9110 13.2.2 If-Unmodified-Since fails first", "412", "If-Unmodified-Since: "+before, "If-Modified-Since: "+after)
	add("RFC 9110 13.2.2 a condition goes before a range", "304", "If-None-Match: "+own, "Range: bytes=0-1")
	add("RFC 9110 13.2.2 a failed one goes before a bad range", "412", "If-Match: "+other, "Range: bytes=50-")
	add("RFC 9110 13.1.5 If-Range", "206", "If-Range: "+own, "Range: bytes=0-1")
	add("RFC 9110 13.1.5 If-Range of another", "200", "If-Range: "+other, "Range: bytes=0-1")
	add("RFC 9110 13.1.5 If-Range compares strongly", "200", "If-Range: W/"+own, "Range: bytes=0-1")
	add("RFC 9110 13.1.5 If-Range has one tag", "200", "If-Range: "+own+", "+other, "Range: bytes=0-1")
	add("RFC 9110 13.1.5 If-Range by date", "206", "If-Range: "+modifiedText, "Range: bytes=0-1")
	add("RFC 9110 13.1.5 If-Range by date is exact", "200", "If-Range: "+after, "Range: bytes=0-1")
	add("RFC 9110 13.1.5 If-Range without Range", "200", "If-Range: "+other)
	add("RFC 9110 13.1.5 If-Range with a bad range", "200", "If-Range: "+other, "Range: bytes=50-")
	add("RFC 9110 13.1.5 If-Range that is not a validator", "200", "If-Range: x", "Range: bytes=0-1")
	add("RFC 9110 13.2.1 conditions on what is not there", "404", "If-None-Match: *") // its target is replaced below
	for i := range cases {
		if strings.Contains(cases[i].rule, "what is not there") {
			cases[i].send = strings.Replace(cases[i].send, "/ten", "/absent", 1)
		}
	}
	table(t, s, "conditions", cases)
}

func TestRanges(t *testing.T) {
	s := serve(t)
	var cases []exchange
	add := func(rule, value, want, body, contentRange string) {
		for _, target := range []string{"/ten", "/dynamic/ten"} {
			e := exchange{rule: rule + " " + target, send: get(target, "Range: "+value), want: want, body: body}
			e.fields = map[string]string{"Content-Range": contentRange}
			if want != "416" {
				e.fields["ETag"], e.fields["Content-Type"] = tag(10), "application/octet-stream"
			} else {
				e.empty = true
			}
			cases = append(cases, e)
		}
	}
	add("RFC 9110 14.1.2 first and last", "bytes=2-4", "206", "234", "bytes 2-4/10")
	add("RFC 9110 14.1.2 one byte", "bytes=0-0", "206", "0", "bytes 0-0/10")
	add("RFC 9110 14.1.2 the last byte", "bytes=9-9", "206", "9", "bytes 9-9/10")
	add("RFC 9110 14.1.2 all", "bytes=0-9", "206", ten, "bytes 0-9/10")
	add("RFC 9110 14.1.2 open", "bytes=7-", "206", "789", "bytes 7-9/10")
	add("RFC 9110 14.1.2 open from the start", "bytes=0-", "206", ten, "bytes 0-9/10")
	add("RFC 9110 14.1.2 suffix", "bytes=-3", "206", "789", "bytes 7-9/10")
	add("RFC 9110 14.1.2 suffix longer than the file", "bytes=-99", "206", ten, "bytes 0-9/10")
	add("RFC 9110 14.1.2 beyond the end", "bytes=7-99", "206", "789", "bytes 7-9/10")
	add("RFC 9110 14.1.2 far beyond the end", "bytes=7-99999999999999999999999", "206", "789", "bytes 7-9/10")
	add("RFC 9110 14.1.1 zeros in front", "bytes=007-008", "206", "78", "bytes 7-8/10")
	add("RFC 9110 14.1 the unit in capitals", "BYTES=7-", "206", "789", "bytes 7-9/10")
	add("RFC 9110 14.1.1 whitespace around elements", "bytes= 7-8 , ", "206", "78", "bytes 7-8/10")
	add("RFC 9110 14.1.2 behind the end", "bytes=10-", "416", "", "bytes */10")
	add("RFC 9110 14.1.2 far behind the end", "bytes=99999999999999999999-", "416", "", "bytes */10")
	add("RFC 9110 14.1.2 suffix of nothing", "bytes=-0", "416", "", "bytes */10")
	add("RFC 9110 14.2 several behind the end", "bytes=10-,20-30,-0", "416", "", "bytes */10")
	add("RFC 9110 14.2 one of several is good", "bytes=20-30,2-4", "206", "234", "bytes 2-4/10")
	add("RFC 9110 15.3.7.2 several that touch", "bytes=0-1,2-4", "206", "01234", "bytes 0-4/10")
	add("RFC 9110 15.3.7.2 several that overlap", "bytes=3-6,0-4", "206", "0123456", "bytes 0-6/10")
	add("RFC 9110 15.3.7.2 the same again and again", "bytes="+strings.Repeat("0-,", 40)+"0-", "206", ten, "bytes 0-9/10")
	for _, value := range []string{
		"bytes", "bytes=", "bytes=,", "bytes=-", "bytes=5", "bytes=5-2", "bytes=a-b", "bytes=1-2-3", "bytes 1-2", "bytes=1 -2",
		"bytes=--1", "bytes=0x1-2", "bytes=+1-2", "lines=1-2", "=1-2", "1-2", "bytes=1-2;3-4", "bytes=1-2, x",
	} {
		add("RFC 9110 14.2 ignored: "+value, value, "200", ten, "")
	}
	cases = append(cases,
		exchange{rule: "RFC 9110 14.2 HEAD has no ranges", send: request("HEAD", "/ten", "Range: bytes=2-4"), want: "HEAD 200", fields: map[string]string{"Content-Length": "10"}},
		exchange{rule: "RFC 9110 14.2 HEAD has no bad ranges", send: request("HEAD", "/ten", "Range: bytes=50-"), want: "HEAD 200"},
		exchange{rule: "RFC 9110 14.2 OPTIONS has no ranges", send: request("OPTIONS", "/ten", "Range: bytes=2-4"), want: "204", empty: true},
		exchange{rule: "RFC 9110 14.2 two lines are ignored", send: get("/ten", "Range: bytes=0-1", "Range: bytes=2-3"), want: "200", body: ten},
		exchange{rule: "RFC 9110 14.2 too many are ignored", send: get("/big", "Range: bytes="+strings.Repeat("0-,", 64)+"0-"), want: "200", body: big},
		exchange{rule: "RFC 9110 14.2 1.0 may have ranges", send: "GET /ten HTTP/1.0\r\nRange: bytes=2-4\r\n\r\n", want: "206", body: "234", then: closed},
		exchange{rule: "RFC 9110 14.2 of an empty file", send: get("/empty", "Range: bytes=0-"), want: "200", fields: map[string]string{"Content-Length": "0"}},
		exchange{rule: "RFC 9110 14.2 of an empty dynamic file", send: get("/dynamic/empty", "Range: bytes=0-"), want: "200", fields: map[string]string{"Content-Length": "0"}},
		exchange{rule: "RFC 9110 14.3 Accept-Ranges", send: getTen, want: "200", fields: map[string]string{"Accept-Ranges": "bytes"}},
	)
	table(t, s, "ranges", cases)

	// Around the borders of pages, direct reads, buffers, windows and chunks.
	count := 0
	for _, target := range []string{"/big", "/dynamic/big"} {
		t.Run("RFC 9110 15.3.7 edges "+target, func(t *testing.T) {
			c := dial(t, s.Address)
			for _, border := range []int{512, 4096, 8192, 65536, 128 << 10, 256 << 10, 1 << 20, len(big) - 1} {
				for first := border - 2; first <= border+1 && first < len(big); first++ {
					for _, length := range []int{1, 2, 511, 4096, 4097, 128 << 10, 1<<20 + 1} {
						last := min(first+length, len(big)) - 1
						c.send(get(target, fmt.Sprintf("Range: bytes=%d-%d", first, last)))
						a := c.response("GET")
						if a.status != 206 || a.body != big[first:last+1] {
							t.Fatalf("%d-%d: %d, %d bytes", first, last, a.status, len(a.body))
						}
						count++
					}
				}
			}
		})
	}
	fmt.Printf("conformance: %d ranges at the edges of pages, buffers and windows\n", count)
}

// piece is bytes of a file, from first to last.
type piece struct{ first, last int }

// parts composes the body of a response in several parts, byte for byte.
func parts(boundary, mediaType, content string, pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s",
			boundary, mediaType, p.first, p.last, len(content), content[p.first:p.last+1])
	}
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	return b.String()
}

func TestMultipart(t *testing.T) {
	s := serve(t)
	end := len(big) - 1
	boundaries := map[string]bool{}
	var cases []exchange
	for _, target := range []string{"/big", "/dynamic/big"} {
		for rule, c := range map[string]struct {
			value  string
			pieces []piece
		}{
			"two":                      {"0-0,2-2", []piece{{0, 0}, {2, 2}}},
			"in the order asked for":   {"100-199,0-9", []piece{{100, 199}, {0, 9}}},
			"with a suffix":            {"5-9,-7", []piece{{5, 9}, {end - 6, end}}},
			"with an open one":         {"5-9,1300000-", []piece{{5, 9}, {1300000, end}}},
			"some of them join":        {"0-9,20-29,10-14,40-49", []piece{{0, 14}, {20, 29}, {40, 49}}},
			"some are behind the end":  {"0-9,2000000-,20-29", []piece{{0, 9}, {20, 29}}},
			"across pages and buffers": {"4095-4097,131071-131073,262143-786433,1048570-1200000", []piece{{4095, 4097}, {131071, 131073}, {262143, 786433}, {1048570, 1200000}}},
			"nearly all":               {"0-650000,650002-", []piece{{0, 650000}, {650002, end}}},
		} {
			see := func(t *testing.T, a *response) {
				boundary := strings.TrimPrefix(a.get("Content-Type"), "multipart/byteranges; boundary=")
				if boundaries[boundary] || len(boundary) < 16 || len(boundary) > 70 || strings.Contains(big, boundary) {
					t.Errorf("boundary %q", boundary)
				}
				boundaries[boundary] = true
				if a.body != parts(boundary, "application/octet-stream", big, c.pieces) {
					t.Errorf("the parts are not as they should be: %.300q", a.body)
				}
			}
			cases = append(cases, exchange{
				rule: "RFC 9110 14.6 " + rule + " " + target, send: get(target, "Range: bytes="+c.value), want: "206",
				fields: map[string]string{"ETag": tag(len(big)), "Last-Modified": modifiedText}, see: see,
			}, exchange{
				rule: "RFC 9112 9.3.2 " + rule + " in a pipeline " + target,
				send: getTen + get(target, "Range: bytes="+c.value), want: "200 206", see: see,
			})
		}
	}
	many := make([]string, 64)
	pieces := make([]piece, 64)
	for i := range many {
		pieces[i] = piece{i * 20000, i*20000 + i}
		many[i] = fmt.Sprintf("%d-%d", pieces[i].first, pieces[i].last)
	}
	cases = append(cases, exchange{
		rule: "RFC 9110 14.2 as many as may be", send: get("/dynamic/big", "Range: bytes="+strings.Join(many, ",")), want: "206",
		see: func(t *testing.T, a *response) {
			boundary := strings.TrimPrefix(a.get("Content-Type"), "multipart/byteranges; boundary=")
			if a.body != parts(boundary, "application/octet-stream", big, pieces) {
				t.Error("the parts are not as they should be")
			}
		},
	}, exchange{
		rule: "RFC 9110 17.15 as much as the file at the most", send: get("/ten", "Range: bytes=0-5,1-6,2-7,3-8,4-9,0-,-5"), want: "206", body: ten,
	})
	table(t, s, "several ranges", cases)
}

func TestNegotiation(t *testing.T) {
	s := serve(t)
	plain, gzip, br, zstd := "p { color: plain }\n", "gzipped bytes", "brotli bytes, more", "zstd bytes, the most"
	codedTag := func(text, coding string) string {
		return strings.TrimSuffix(tag(len(text)), `"`) + "-" + coding + `"`
	}
	var cases []exchange
	for _, c := range []struct{ rule, accept, body, coding string }{
		{"no Accept-Encoding", "-", plain, ""},
		{"an empty one", "", plain, ""},
		{"gzip", "gzip", gzip, "gzip"},
		{"x-gzip", "x-gzip", gzip, "gzip"},
		{"GZip", "GZip", gzip, "gzip"},
		{"br", "br", br, "br"},
		{"zstd", "zstd", zstd, "zstd"},
		{"what browsers say", "gzip, deflate, br, zstd", zstd, "zstd"},
		{"what older browsers say", "gzip, deflate, br", br, "br"},
		{"anything", "*", zstd, "zstd"},
		{"by weight", "gzip;q=1.0, br;q=0.5, zstd;q=0.1", gzip, "gzip"},
		{"by weight of a star", "gzip;q=0.2, *;q=0.5", zstd, "zstd"},
		{"not", "gzip;q=0", plain, ""},
		{"not these", "gzip, br;q=0, zstd;q=0.000", gzip, "gzip"},
		{"all but", "*, zstd;q=0", br, "br"},
		{"identity first", "identity, gzip;q=0.5", plain, ""},
		{"identity last", "identity;q=0.1, gzip;q=0.5", gzip, "gzip"},
		{"identity not", "identity;q=0, gzip", gzip, "gzip"},
		{"unknown alone", "deflate, compress", plain, ""},
		{"a malformed weight is ignored", "gzip;q=x, br;q=0.5", br, "br"},
		{"nothing is acceptable", "identity;q=0", plain, ""},
		{"nothing is acceptable by a star", "*;q=0", plain, ""},
		{"whitespace", " gzip ; q=0.5 ,br;q=0.4", gzip, "gzip"},
	} {
		fields := []string{"Accept-Encoding: " + c.accept}
		if c.accept == "-" {
			fields = nil
		}
		e := exchange{
			rule: "RFC 9110 12.5.3 " + c.rule, send: get("/page.css", fields...), want: "200", body: c.body,
			fields: map[string]string{
				"Content-Encoding": c.coding, "Vary": "Accept-Encoding", "Content-Type": "text/css; charset=utf-8",
				"ETag": tag(len(plain)), "Content-Length": fmt.Sprint(len(c.body)), "Last-Modified": modifiedText,
			},
		}
		if c.coding != "" {
			e.fields["ETag"] = codedTag(c.body, c.coding)
		}
		if c.accept == "-" {
			delete(e.fields, "Vary") // the plain form is right for everybody until another one is known
		}
		head := e
		head.rule, head.send, head.want, head.body = "HEAD "+e.rule, request("HEAD", "/page.css", fields...), "HEAD 200", ""
		cases = append(cases, e, head)
	}
	cases = append(cases, []exchange{
		{rule: "RFC 9110 12.5.5 Vary without Accept-Encoding once there is a choice", send: get("/page.css"), want: "200", body: plain, fields: map[string]string{"Vary": "Accept-Encoding"}},
		{rule: "RFC 9110 12.5.5 no Vary where there is no choice", send: get("/ten", "Accept-Encoding: gzip"), want: "200", body: ten, fields: map[string]string{"Vary": "", "Content-Encoding": ""}},
		{rule: "RFC 9110 12.5.3 two lines", send: get("/page.css", "Accept-Encoding: gzip", "Accept-Encoding: br"), want: "200", body: br},
		{rule: "RFC 9110 12.5.3 only one is there", send: get("/only.js", "Accept-Encoding: gzip, br, zstd"), want: "200", body: "gzipped only", fields: map[string]string{"Content-Type": "text/javascript; charset=utf-8"}},
		{rule: "RFC 9110 12.5.3 an older one is left over", send: get("/stale.js", "Accept-Encoding: gzip"), want: "200", body: "fresh()\n", fields: map[string]string{"Content-Encoding": ""}},
		{rule: "RFC 9110 12.5.3 dynamic", send: get("/dynamic/page.css", "Accept-Encoding: gzip"), want: "200", body: gzip, fields: map[string]string{"Content-Encoding": "gzip"}},
		{rule: "RFC 9110 12.5.5 Vary on a dynamic file whose coded form has been asked for", send: get("/dynamic/page.css"), want: "200", body: plain, fields: map[string]string{"Vary": "Accept-Encoding"}},
		{rule: "RFC 9110 12.5.3 the coded file by its name", send: get("/page.css.gz", "Accept-Encoding: gzip"), want: "200", body: gzip, fields: map[string]string{"Content-Encoding": "", "ETag": tag(len(gzip))}},
		{rule: "RFC 9110 14.2 a range of the coded form", send: get("/page.css", "Accept-Encoding: br", "Range: bytes=0-5"), want: "206", body: "brotli", fields: map[string]string{"Content-Encoding": "br", "Content-Range": "bytes 0-5/18", "Vary": "Accept-Encoding"}},
		{rule: "RFC 9110 15.5.17 a range behind the coded form", send: get("/page.css", "Accept-Encoding: gzip", "Range: bytes=13-"), want: "416", fields: map[string]string{"Content-Range": "bytes */13", "Vary": "Accept-Encoding"}},
		{rule: "RFC 9110 14.6 ranges of the coded form", send: get("/page.css", "Accept-Encoding: br", "Range: bytes=0-1,4-5"), want: "206", fields: map[string]string{"Content-Encoding": "br", "Vary": "Accept-Encoding"}},
		{rule: "RFC 9110 13.1.2 the coded form's tag", send: get("/page.css", "Accept-Encoding: br", "If-None-Match: "+codedTag(br, "br")), want: "304", fields: map[string]string{"ETag": codedTag(br, "br"), "Vary": "Accept-Encoding"}},
		{rule: "RFC 9110 8.8.3.3 another form's tag", send: get("/page.css", "Accept-Encoding: br", "If-None-Match: "+tag(len(plain))), want: "200", body: br},
		{rule: "RFC 9110 13.1.5 If-Range of another form", send: get("/page.css", "Accept-Encoding: br", "If-Range: "+tag(len(plain)), "Range: bytes=0-1"), want: "200", body: br},
		{rule: "RFC 9110 13.1.5 If-Range of the coded form", send: get("/page.css", "Accept-Encoding: br", "If-Range: "+codedTag(br, "br"), "Range: bytes=0-1"), want: "206", body: "br"},
		{rule: "RFC 9110 13.1.1 If-Match of another form", send: get("/page.css", "Accept-Encoding: br", "If-Match: "+tag(len(plain))), want: "412"},
	}...)
	table(t, s, "negotiation", cases)
	table(t, serve(t, "--precompressed=false"), "no negotiation", []exchange{
		{rule: "--precompressed=false", send: get("/page.css", "Accept-Encoding: gzip"), want: "200", body: plain, fields: map[string]string{"Vary": "", "Content-Encoding": ""}},
	})
}

func TestTypes(t *testing.T) {
	s := serve(t, "--mime", "foo=text/x-foo", "--mime", "*/special.*=application/x-special", "--mime", "noext=text/plain")
	var cases []exchange
	for target, want := range map[string]string{
		"/index.html": "text/html; charset=utf-8", "/a.txt": "text/plain; charset=utf-8", "/page.css": "text/css; charset=utf-8",
		"/only.js": "text/javascript; charset=utf-8", "/types/m.mjs": "text/javascript; charset=utf-8", "/types/page.xhtml": "application/xhtml+xml",
		"/types/movie.mp4": "video/mp4", "/types/x.unknownext": "application/octet-stream", "/types/noext": "application/octet-stream",
		"/types/UP.PNG": "image/png", "/types/a.tar.gz": "application/gzip", "/types/t.svg": "image/svg+xml", "/types/w.wasm": "application/wasm",
		"/types/d.json": "application/json", "/types/v.vtt": "text/vtt; charset=utf-8", "/types/f.woff2": "font/woff2", "/types/p.pdf": "application/pdf",
		"/ten": "application/octet-stream", "/empty": "application/octet-stream",
	} {
		cases = append(cases, exchange{rule: "RFC 9110 8.3 " + target, send: get(target), want: "200", fields: map[string]string{"Content-Type": want}})
	}
	cases = append(cases,
		exchange{rule: "RFC 9110 8.3 --mime by a glob", send: get("/types/special.foo"), want: "200", fields: map[string]string{"Content-Type": "text/x-foo; charset=utf-8"}})
	table(t, s, "media types", cases)
	table(t, serve(t, "--mime", "special.*=application/x-special", "--mime", "/types/*.vtt=text/plain"), "media types by globs", []exchange{
		{rule: "--mime a name", send: get("/types/special.foo"), want: "200", fields: map[string]string{"Content-Type": "application/x-special"}},
		{rule: "--mime a path", send: get("/types/v.vtt"), want: "200", fields: map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
	})
}

func TestFields(t *testing.T) {
	s := serve(t, "--cors", "--header", "X-One: a b", "--header", "X-Twice: 1", "--header", "X-Twice: 2",
		"--cache-control", "*.css=max-age=60", "--cache-control", "/directory/*=no-store", "--cache-control", "*=no-cache")
	everywhere := map[string]string{"X-One": "a b", "X-Twice": "2", "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*Content-Range*", "X-Content-Type-Options": "nosniff"}
	with := func(more ...string) map[string]string {
		fields := map[string]string{}
		for name, value := range everywhere {
			fields[name] = value
		}
		for i := 0; i < len(more); i += 2 {
			fields[more[i]] = more[i+1]
		}
		return fields
	}
	table(t, s, "fields by flags", []exchange{
		{rule: "--header and --cors 200", send: getTen, want: "200", fields: with("Cache-Control", "no-cache")},
		{rule: "--header and --cors 206", send: get("/ten", "Range: bytes=0-1"), want: "206", fields: with("Cache-Control", "no-cache")},
		{rule: "--header and --cors several ranges", send: get("/ten", "Range: bytes=0-1,4-5"), want: "206", fields: with("Cache-Control", "no-cache")},
		{rule: "--header and --cors 304", send: get("/ten", "If-None-Match: *"), want: "304", fields: with("Cache-Control", "no-cache")},
		{rule: "--header and --cors 301", send: get("/directory"), want: "301", fields: with()},
		{rule: "--header and --cors 404", send: get("/absent"), want: "404", fields: with("Cache-Control", "")},
		{rule: "--header and --cors 412", send: get("/ten", `If-Match: "x"`), want: "412", fields: with("Cache-Control", "")},
		{rule: "--header and --cors 416", send: get("/ten", "Range: bytes=50-"), want: "416", fields: with()},
		{rule: "--header and --cors 400", send: "BROKEN\r\n\r\n", want: "400", fields: with(), then: closed},
		{rule: "--header and --cors HEAD", send: headTen, want: "HEAD 200", fields: with()},
		{rule: "--cors preflight", send: request("OPTIONS", "/ten", "Origin: http://other.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range"), want: "204", empty: true, fields: with("Access-Control-Allow-Methods", "*GET*", "Access-Control-Allow-Headers", "*Range*")},
		{rule: "RFC 9111 5.2 --cache-control by extension", send: get("/page.css"), want: "200", fields: with("Cache-Control", "max-age=60")},
		{rule: "RFC 9111 5.2 --cache-control of a coded form", send: get("/page.css", "Accept-Encoding: gzip"), want: "200", fields: with("Cache-Control", "max-age=60", "Content-Encoding", "gzip")},
		{rule: "RFC 9111 5.2 --cache-control by path", send: get("/directory/ten"), want: "200", fields: with("Cache-Control", "no-store")},
		{rule: "RFC 9111 5.2 --cache-control of an index", send: get("/directory/"), want: "200", fields: with("Cache-Control", "no-store")},
	})
	table(t, serve(t), "no fields", []exchange{
		{rule: "RFC 9111 4.2.2 no Cache-Control unless asked for", send: getTen, want: "200", fields: map[string]string{"Cache-Control": "", "Access-Control-Allow-Origin": "", "Expires": ""}},
	})
}

// TestLogFile: a line per response, and none that a client could forge.
func TestLogFile(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := harness.StartServe(t, harness.Options{}, newSite(t), "--log", log)
	c := dial(t, s.Address)
	c.send(get("/ten?\"q", "Range: bytes=0-1", `If-Range: "x"`, "User-Agent: a \"b\" \t\xff"))
	c.response("GET")
	c.send("BROKEN\r\n\r\n")
	c.response("GET")
	harness.Eventually(t, patience, "the log is written", func() error {
		if lines := logLines(t, log); len(lines) != 2 {
			return harness.Errorf("%q", lines)
		}
		return nil
	})
	lines := logLines(t, log)
	for i, parts := range [][]string{
		{`200 GET "/ten?\"q" `, ` range="bytes=0-1"`, ` if-range="\"x\""`, ` agent="a \"b\" \t\xff"`},
		{"400 ", ` ""`},
	} {
		for _, part := range parts {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %d is %s, without %s", i, lines[i], part)
			}
		}
	}
}
