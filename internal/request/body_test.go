package request

import (
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

type bodyCase struct {
	name    string // RFC section first
	length  int64
	chunked bool
	limits  BodyLimits
	bytes   string // the body; a pipelined request follows it in the tests
	content int64
	defect  Defect // DefectNone means that the body ends with the last of bytes
}

var bodyCases = []bodyCase{
	{name: "9112/6.2 no body", bytes: ""},
	{name: "9112/6.2 length", length: 5, bytes: "abcde", content: 5},
	{name: "9110/15.5.14 length at the limit", length: 5, limits: BodyLimits{BytesMax: 5}, bytes: "abcde", content: 5},
	{name: "9110/15.5.14 length over the limit", length: 6, limits: BodyLimits{BytesMax: 5}, defect: BodyTooLarge},

	{name: "9112/7.1 no chunk", chunked: true, bytes: "0\r\n\r\n"},
	{name: "9112/7.1 one chunk", chunked: true, bytes: "5\r\nabcde\r\n0\r\n\r\n", content: 5},
	{name: "9112/7.1 two chunks", chunked: true, bytes: "2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n", content: 12},
	{name: "9112/7.1 both cases", chunked: true, bytes: "b\r\n0123456789a\r\nB\r\n0123456789a\r\n0\r\n\r\n", content: 22},
	{name: "9112/7.1 leading zeroes", chunked: true, bytes: "0000000000000000005\r\nabcde\r\n000\r\n\r\n", content: 5},
	{name: "9112/7.1 CRLF in the data", chunked: true, bytes: "2\r\n\r\n\r\n0\r\n\r\n", content: 2},
	{name: "9112/7.1 empty size", chunked: true, bytes: "\r\n", defect: BadChunk},
	{name: "9112/7.1 size is not a number", chunked: true, bytes: "x", defect: BadChunk},
	{name: "9112/7.1 size with prefix", chunked: true, bytes: "0x5\r\n", defect: BadChunk},
	{name: "9112/7.1 size with sign", chunked: true, bytes: "+5\r\n", defect: BadChunk},
	{name: "9112/7.1 size after space", chunked: true, bytes: " 5\r\n", defect: BadChunk},
	{name: "9112/7.1 size before space", chunked: true, bytes: "5 \r\n", defect: BadChunk},
	{name: "9112/7.1 size before NUL", chunked: true, bytes: "5\x00\r\n", defect: BadChunk},
	{name: "9112/7.1 bare LF after size", chunked: true, bytes: "5\nabcde\r\n0\r\n\r\n", defect: BadChunk},
	{name: "9112/7.1 bare CR after size", chunked: true, bytes: "5\rabcde", defect: BadChunk},
	{name: "9112/7.1 bare LF after data", chunked: true, bytes: "1\r\na\n0\r\n\r\n", content: 1, defect: BadChunk},
	{name: "9112/7.1 no CRLF after data", chunked: true, bytes: "1\r\nab\r\n", content: 1, defect: BadChunk},
	{name: "9112/7.1 CR and no LF after data", chunked: true, bytes: "1\r\na\rb", content: 1, defect: BadChunk},
	{name: "9112/7.1 bare LF at the end", chunked: true, bytes: "0\r\n\n", defect: BadChunk},
	{name: "9112/7.1 bare CR at the end", chunked: true, bytes: "0\r\n\rx", defect: BadChunk},
	{
		name: "9110/15.5.14 chunks at the limit", chunked: true, limits: BodyLimits{BytesMax: 3},
		bytes: "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", content: 3,
	},
	{
		name: "9110/15.5.14 chunks over the limit", chunked: true, limits: BodyLimits{BytesMax: 3},
		bytes: "2\r\nab\r\n2\r\ncd\r\n", content: 2, defect: BodyTooLarge,
	},
	{
		name: "9112/7.1 size overflows", chunked: true, limits: BodyLimits{BytesMax: 1<<63 - 1},
		bytes: "10000000000000000\r\n", defect: BodyTooLarge,
	},
	{
		name: "9112/7.1 size overflows by its sign", chunked: true, limits: BodyLimits{BytesMax: 1<<63 - 1},
		bytes: "8000000000000000\r\n", defect: BodyTooLarge,
	},

	{name: "9112/7.1.1 extension", chunked: true, bytes: "1;a=b;c=\"d;e\"\r\nx\r\n0;f\r\n\r\n", content: 1},
	{name: "9112/7.1.1 whitespace around everything", chunked: true, bytes: "1 ; a = b\t; c\t=\t\"\" ;d\r\nx\r\n0\r\n\r\n", content: 1},
	{name: "9112/7.1.1 quoted pairs", chunked: true, bytes: "1;a=\"\\\"\\\\\xff\t\"\r\nx\r\n0\r\n\r\n", content: 1},
	{name: "9112/7.1.1 no name", chunked: true, bytes: "2;\r\n", defect: BadChunk},
	{name: "9112/7.1.1 no name between", chunked: true, bytes: "2;;a\r\n", defect: BadChunk},
	{name: "9112/7.1.1 a value without a name", chunked: true, bytes: "2;=a\r\n", defect: BadChunk},
	{name: "9112/7.1.1 no value", chunked: true, bytes: "2;a=\r\n", defect: BadChunk},
	{name: "9112/7.1.1 two values", chunked: true, bytes: "2;a=b=c\r\n", defect: BadChunk},
	{name: "9112/7.1.1 a quote within a value", chunked: true, bytes: "2;a=b\"\r\n", defect: BadChunk},
	{name: "9112/7.1.1 more behind a quoted value", chunked: true, bytes: "2;a=\"b\"c\r\n", defect: BadChunk},
	{name: "9112/7.1.1 a quoted value without its end", chunked: true, bytes: "2;a=\"b\r\n", defect: BadChunk},
	{name: "9112/7.1.1 a quoted pair of a control byte", chunked: true, bytes: "2;a=\"\\\x01\"\r\n", defect: BadChunk},
	{name: "9112/7.1.1 whitespace at the end", chunked: true, bytes: "2;a \r\n", defect: BadChunk},
	{name: "9112/7.1.1 whitespace within a name", chunked: true, bytes: "2;a b\r\n", defect: BadChunk},
	{name: "9112/7.1.1 whitespace before extension", chunked: true, bytes: "1 \t;a\r\nx\r\n0\r\n\r\n", content: 1},
	{name: "9112/7.1.1 whitespace and no extension", chunked: true, bytes: "1 a\r\n", defect: BadChunk},
	{name: "9112/7.1.1 bare LF in extension", chunked: true, bytes: "1;a\nx\r\n", defect: BadChunk},
	{name: "9112/7.1.1 bare CR in extension", chunked: true, bytes: "1;a\rb\r\n", defect: BadChunk},
	{name: "9112/7.1.1 NUL in extension", chunked: true, bytes: "1;\x00\r\n", defect: BadChunk},
	{
		name: "9112/7.1.1 extensions at the limit", chunked: true, limits: BodyLimits{OverheadBytesMax: 4},
		bytes: "1;a\r\nx\r\n0;b\r\n\r\n", content: 1,
	},
	{
		name: "9112/7.1.1 extensions over the limit", chunked: true, limits: BodyLimits{OverheadBytesMax: 3},
		bytes: "1;a\r\nx\r\n0;b\r\n\r\n", content: 1, defect: BodyOverhead,
	},
	{
		name: "9112/7.1.1 whitespace over the limit", chunked: true, limits: BodyLimits{OverheadBytesMax: 3},
		bytes: "1    ;\r\n", defect: BodyOverhead,
	},

	{name: "9112/7.1.2 trailer", chunked: true, bytes: "0\r\nA: b\r\nC:d\te\r\n\r\n"},
	{name: "9112/7.1.2 empty trailer value", chunked: true, bytes: "0\r\nA:\r\n\r\n"},
	{name: "9112/7.1.2 trailer without colon", chunked: true, bytes: "0\r\nA\r\n\r\n", defect: BadChunk},
	{name: "9112/7.1.2 trailer without name", chunked: true, bytes: "0\r\n: b\r\n\r\n", defect: BadChunk},
	{name: "9112/7.1.2 folded trailer", chunked: true, bytes: "0\r\nA: b\r\n c\r\n\r\n", defect: BadChunk},
	{name: "9112/7.1.2 bare LF in trailer", chunked: true, bytes: "0\r\nA: b\n\r\n", defect: BadChunk},
	{name: "9112/7.1.2 NUL in trailer", chunked: true, bytes: "0\r\nA: \x00\r\n\r\n", defect: BadChunk},
	{
		name: "9112/7.1.2 trailers over the limit", chunked: true, limits: BodyLimits{OverheadBytesMax: 8},
		bytes: "0\r\nA: b\r\nC: de\r\n\r\n", defect: BodyOverhead,
	},
}

// TestBody feeds each body whole and in pieces of every size, a request behind it: the end must be found
// at the same byte each time.
func TestBody(t *testing.T) {
	for _, c := range bodyCases {
		t.Run(c.name, func(t *testing.T) {
			wire := []byte(c.bytes + headShort)
			whole := -1
			for size := len(wire); size > 0; size-- {
				var b Body
				b.Reset(c.length, c.chunked, &c.limits)
				total, done, defect := drain(&b, wire, size)
				if defect != c.defect || done != (c.defect == DefectNone) {
					t.Fatalf("pieces of %d: done=%t, %v; want %v", size, done, defect, c.defect)
				}
				if b.content != c.content {
					t.Fatalf("pieces of %d: %d bytes of content, want %d", size, b.content, c.content)
				}
				if done && total != len(c.bytes) {
					t.Fatalf("pieces of %d: ends after %d bytes, want %d", size, total, len(c.bytes))
				}
				if whole < 0 {
					whole = total
				}
				if total != whole {
					t.Fatalf("pieces of %d: stops after %d bytes, whole after %d", size, total, whole)
				}
				if n, again, d := b.Next(wire); n != 0 || again != done || d != defect {
					t.Fatalf("after the end: %d, %t, %v", n, again, d)
				}
			}
		})
	}
}

// drain feeds wire in pieces of the given size until the body ends.
func drain(b *Body, wire []byte, size int) (total int, done bool, defect Defect) {
	if n, done, defect := b.Next(nil); n != 0 || done || defect != DefectNone {
		return n, done, defect
	}
	for !done && defect == DefectNone && total < len(wire) {
		var n int
		n, done, defect = b.Next(wire[total:min(total+size, len(wire))])
		total += n
	}
	return total, done, defect
}

// FuzzBody compares with package httputil's reader of chunked bodies, which is more lenient in some ways:
// what Body takes, it must take with the same content, and end at the same byte but for the trailers.
func FuzzBody(f *testing.F) {
	for _, c := range bodyCases {
		if c.chunked {
			f.Add([]byte(c.bytes), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, size uint8) {
		var b, whole Body
		b.Reset(0, true, nil)
		whole.Reset(0, true, nil)
		total, done, defect := drain(&b, wire, int(size)+1)
		n, wholeDone, wholeDefect := whole.Next(wire)
		if n != total || done != wholeDone || defect != wholeDefect || b != whole {
			t.Fatalf("in pieces %d, %t, %v; whole %d, %t, %v", total, done, defect, n, wholeDone, wholeDefect)
		}
		if !done {
			return
		}
		content := contentOf(wire)
		got, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(wire)))
		if err != nil {
			// It knows no whitespace before an extension.
			if strings.Contains(err.Error(), "invalid byte in chunk length") && bytes.ContainsAny(wire, " \t") {
				return
			}
			// It charges extensions and the framing of small chunks to a budget of its own.
			if strings.Contains(err.Error(), "line too long") || strings.Contains(err.Error(), "excess data") ||
				strings.Contains(err.Error(), "chunk length too large") {
				return
			}
			t.Fatalf("the library says %v", err)
		}
		if !bytes.Equal(got, content) || int64(len(got)) != b.content {
			t.Fatalf("content %q, the library has %q", content, got)
		}
	})
}

// contentOf recovers the content by watching which bytes Body counts.
func contentOf(wire []byte) (content []byte) {
	var b Body
	b.Reset(0, true, nil)
	for i := range wire {
		before := b.content
		if b.Next(wire[i : i+1]); b.content > before {
			content = append(content, wire[i])
		}
	}
	return content
}
