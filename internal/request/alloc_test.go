//go:build !race

package request

import "testing"

// TestNoAllocation holds every function of the hot path to its promise. The race detector allocates, so it
// is left out there.
func TestNoAllocation(t *testing.T) {
	head := []byte(headBrowser)
	raw, path := []byte("/a/./b%20c//d"), make([]byte, 0, 64)
	chunks := []byte("5;x\r\nabcde\r\n0\r\nA: b\r\n\r\n")
	lines := make([][]byte, 0, 1+RepeatsMax)
	var r Request
	var b Body
	sink := 0
	for name, f := range map[string]func(){
		"Parse": func() {
			r.Reset(nil)
			r.Parse(head)
		},
		"Parse byte by byte": func() {
			r.Reset(nil)
			for n := range head {
				r.Parse(head[:n+1])
			}
		},
		"Lines": func() {
			for l := r.Lines(Accept); l.Next(); {
				sink += len(l.Span().Of(head))
			}
			lines = r.AppendLines(lines[:0], Accept, head)
		},
		"ResolvePath": func() { path, _ = ResolvePath(path[:0], raw) },
		"Body": func() {
			b.Reset(0, true, nil)
			b.Next(chunks)
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
