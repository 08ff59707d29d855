package request

import "testing"

const headShort = "GET /x HTTP/1.1\r\nHost: y\r\n\r\n"

// headBrowser is what a desktop browser sends for a picture, cut to eight fields.
const headBrowser = "GET /static/images/photo-0042.jpg?v=3 HTTP/1.1\r\n" +
	"Host: files.example.org\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n" +
	"Accept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Connection: keep-alive\r\n" +
	"Referer: http://files.example.org/static/index.html\r\n" +
	"If-None-Match: \"5f3c1a2b-9d40\"\r\n" +
	"\r\n"

func benchmarkParse(b *testing.B, head string) {
	buf := []byte(head)
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		r.Reset(nil)
		if r.Parse(buf) != Complete {
			b.Fatal(r.Defect())
		}
	}
}

func BenchmarkParseShort(b *testing.B)   { benchmarkParse(b, headShort) }
func BenchmarkParseBrowser(b *testing.B) { benchmarkParse(b, headBrowser) }

// BenchmarkParseByteByByte shows that the cost of a head does not depend on how it is cut, beyond the calls.
func BenchmarkParseByteByByte(b *testing.B) {
	buf := []byte(headBrowser)
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		r.Reset(nil)
		for n := range buf {
			r.Parse(buf[:n+1])
		}
	}
}

func BenchmarkResolvePathPlain(b *testing.B) {
	benchmarkResolvePath(b, "/static/images/photo-0042.jpg")
}

func BenchmarkResolvePathEscaped(b *testing.B) {
	benchmarkResolvePath(b, "/static/./images//caf%C3%A9/../photo%200042.jpg")
}

func benchmarkResolvePath(b *testing.B, raw string) {
	in, out := []byte(raw), make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		ResolvePath(out, in)
	}
}

func BenchmarkBodyChunked(b *testing.B) {
	buf := []byte("1000\r\n" + string(make([]byte, 0x1000)) + "\r\n0\r\nX-Check: ok\r\n\r\n")
	var body Body
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		body.Reset(0, true, nil)
		if _, done, _ := body.Next(buf); !done {
			b.Fatal("not done")
		}
	}
}
