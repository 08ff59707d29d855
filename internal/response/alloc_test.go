//go:build !race

package response

import "testing"

// TestNoAllocation holds what runs for each request to its promise. The race detector allocates, so it is
// left out there.
func TestNoAllocation(t *testing.T) {
	head := make([]byte, 0, 1024)
	value := []byte("text/html, */*")
	types := NewMediaTypes()
	var ranges [8]Range
	for name, f := range map[string]func(){
		"head": func() {
			h := AppendStatusLine(head, OK)
			h = AppendStatusLine(h, NotFound)
			h = AppendFieldDate(h, "Date", 784111777)
			h = AppendFieldInt(h, "Content-Length", 1<<40)
			h = AppendField(h, "Content-Type", types.Lookup("/a/B.HTML"))
			h = AppendFieldBytes(h, "Vary", value)
			h = AppendEscapedPath(h, "/a b")
			AppendEnd(h)
		},
		"conditions": func() {
			var tag [ETagBytesMax]byte
			v := Validators{ETag: AppendETag(tag[:0], &Version{SizeBytes: 5, ModifiedNs: 7}, Gzip), ModifiedSeconds: 784111777}
			lines := [2][]byte{[]byte(`W/"a", "b"`), []byte(`"c"`)}
			c := Conditions{
				IfNoneMatch:       lines[:],
				IfUnmodifiedSince: []byte("Sun, 06 Nov 1994 08:49:37 GMT"),
				IfRange:           []byte("Sunday, 06-Nov-94 08:49:37 GMT"),
			}
			if Evaluate(&c, &v, true, 0) > ProceedWhole {
				t.Fatal("unexpected outcome")
			}
		},
		"ranges": func() {
			r, _ := ParseRanges(ranges[:0], []byte("bytes=0-1,5-6,2-3,-7"), 100, 8)
			h := AppendMultipartType(AppendBoundary(head, 1, 2), value)
			for i := range r {
				h = AppendPartHead(h, value, "text/plain", r[i], 100)
			}
			AppendPartsEnd(h, value)
			MultipartBytes(r, "text/plain", 100)
		},
		"preferences": func() {
			lines := [2][]byte{[]byte("gzip;q=0.5, br"), value}
			NegotiateCoding(lines[:1], Codings(0).With(Identity).With(Brotli), Codings(0).With(Brotli))
			NegotiateType(lines[1:], listingTypes)
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: allocates %v times", name, n)
		}
	}
}
