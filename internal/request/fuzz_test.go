package request

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// FuzzParse cuts a head at random places and demands the outcome of the whole, demands that every span lies
// in the head, and compares what it means with net/http.
func FuzzParse(f *testing.F) {
	for i, c := range headCases {
		if len(c.head) < 1000 {
			f.Add([]byte(c.head), uint64(i), c.limits.StrictCRLF, c.limits.HostOptional)
		}
	}
	f.Add([]byte(headBrowser+headShort), uint64(1), true, false)
	f.Fuzz(func(t *testing.T, buf []byte, seed uint64, strict, optional bool) {
		limits := Limits{HeadBytesMax: 1024, TargetBytesMax: 256, FieldsMax: 20, StrictCRLF: strict, HostOptional: optional, RawTarget: optional}
		var whole, pieces Request
		whole.Reset(&limits)
		verdict := whole.Parse(buf)
		pieces.Reset(&limits)
		random := rand.New(rand.NewPCG(seed, 0))
		got := Incomplete
		for n := 0; n < len(buf) && got == Incomplete; {
			n += 1 + random.IntN(min(len(buf)-n, 16))
			got = pieces.Parse(bytes.Clone(buf[:n]))
		}
		if got != verdict {
			t.Fatalf("in pieces %v, %v; whole %v, %v", got, pieces.Defect(), verdict, whole.Defect())
		}
		if verdict == Incomplete {
			return
		}
		if a, b := outcome(&pieces, buf), outcome(&whole, buf); a != b {
			t.Fatalf("in pieces: %s\nwhole: %s", a, b)
		}
		if verdict == Complete {
			checkSpans(t, &whole, buf)
			compareWithLibrary(t, &whole, buf)
		}
	})
}

func checkSpans(t *testing.T, r *Request, buf []byte) {
	t.Helper()
	head := buf[:r.Len()]
	if !bytes.HasSuffix(head, []byte("\n")) {
		t.Fatalf("the head ends in mid-line: %q", head)
	}
	inside := func(outer, inner Span) bool {
		return inner.Len == 0 || (inner.Off >= outer.Off && inner.Off+inner.Len <= outer.Off+outer.Len)
	}
	all := Span{0, uint32(len(head))}
	if !inside(all, r.MethodSpan) || !inside(all, r.Target) ||
		!inside(r.Target, r.Path()) || !inside(r.Target, r.Query()) {
		t.Fatalf("a span lies outside: %s", outcome(r, buf))
	}
	for id := FieldID(0); id < fieldCount; id++ {
		for l := r.Lines(id); l.Next(); {
			if s := l.Span(); !inside(all, s) || !bytes.Equal(trim(s.Of(buf)), s.Of(buf)) {
				t.Fatalf("%v has the span %v", id, s)
			}
		}
	}
}

// compareWithLibrary demands that net/http reads a good head as we do. Where the library refuses what we
// take, or takes it for something else, the difference is one of those named here.
func compareWithLibrary(t *testing.T, r *Request, buf []byte) {
	t.Helper()
	head := buf[:r.Len()]
	for len(head) > 0 && (head[0] == '\r' || head[0] == '\n') {
		head = head[1:] // the library wants empty lines skipped by its caller
	}
	want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		if !knownRefusal(r, buf, err) {
			t.Fatalf("the library says %v of %q", err, head)
		}
		return
	}
	if want.Method != string(r.MethodSpan.Of(buf)) || want.RequestURI != string(r.Target.Of(buf)) ||
		want.ProtoMajor != int(r.Major) || want.ProtoMinor != int(r.Minor) {
		t.Fatalf("%q: the library has %q %q %d.%d", head, want.Method, want.RequestURI, want.ProtoMajor, want.ProtoMinor)
	}
	if r.TargetForm() == OriginForm || r.TargetForm() == AbsoluteForm {
		if q := string(r.Query().Of(buf)); q != want.URL.RawQuery {
			t.Fatalf("%q: query %q, the library has %q", head, q, want.URL.RawQuery)
		}
	}
	length, chunked := r.BodyLength()
	if wantChunked := len(want.TransferEncoding) > 0; wantChunked != chunked || (!chunked && want.ContentLength != length) {
		t.Fatalf("%q: body %d, %t; the library has %d, %q", head, length, chunked, want.ContentLength, want.TransferEncoding)
	}
	if r.Minor < 2 && want.Close == r.KeepAlive() {
		t.Fatalf("%q: KeepAlive is %t, the library's Close is %t", head, r.KeepAlive(), want.Close)
	}
	for id := Accept; id <= UserAgent; id++ {
		var lines []string
		for l := r.Lines(id); l.Next(); {
			lines = append(lines, string(l.Span().Of(buf)))
		}
		if got, want := strings.Join(lines, "\n"), strings.Join(want.Header.Values(id.String()), "\n"); got != want {
			t.Fatalf("%q: %v is %q, the library has %q", head, id, got, want)
		}
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(want.Body, 0)); err != nil {
		t.Fatal(err)
	}
}

// knownRefusal reports whether the library has a known reason to refuse a head that we take.
func knownRefusal(r *Request, buf []byte, err error) bool {
	text := err.Error()
	switch {
	case strings.Contains(text, "invalid URL escape"), strings.Contains(text, "invalid character"),
		strings.Contains(text, "invalid host"), strings.Contains(text, "invalid port"),
		strings.Contains(text, "first path segment"), strings.Contains(text, "invalid control character"),
		strings.Contains(text, "missing ']'"), strings.Contains(text, "invalid userinfo"):
		return true // it parses the whole target; we leave the path's escapes to ResolvePath
	case strings.Contains(text, "bad trailer key"):
		return bytes.Contains(bytes.ToLower(buf), []byte("trailer")) // it reads Trailer
	case strings.Contains(text, "malformed HTTP version"):
		return r.Minor > 1
	}
	return false
}
