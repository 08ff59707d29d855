//go:build !race

package listing

import (
	"slices"
	"testing"
)

// TestNoAllocation: with room in the slice, rendering and sorting allocate nothing, and without it the slice
// is made once. The race detector allocates, so this is left out there.
func TestNoAllocation(t *testing.T) {
	entries := manyEntries(500)
	p := page("/a/b/", slices.Clone(entries)...)
	html, text := p.AppendHTML(nil), p.AppendJSON(nil)
	described := *p
	described.Readme = Readme{"README", []byte("text")}
	room := make([]byte, 0, 2*len(html))
	for _, c := range []struct {
		name string
		max  float64
		run  func()
	}{
		{"AppendHTML with room", 0, func() { p.AppendHTML(room) }},
		{"AppendJSON with room", 0, func() { p.AppendJSON(room) }},
		{"AppendText with room", 0, func() { p.AppendText(room) }},
		{"AppendHTML with room and a README", 1, func() { described.AppendHTML(room) }},
		{"AppendHTML", 1, func() { p.AppendHTML(nil) }},
		{"AppendJSON", 1, func() { p.AppendJSON(nil) }},
		{"AppendText", 1, func() { p.AppendText(nil) }},
		{"Sort", 0, func() { copy(p.Entries, entries); p.Sort() }},
		{"ParseOrder", 0, func() { ParseOrder([]byte("sort=size&order=desc")) }},
	} {
		if n := testing.AllocsPerRun(10, c.run); n > c.max {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
	if cap(html) > 2*len(html) || cap(text) > 2*len(text) {
		t.Errorf("room for %d and %d bytes is made for %d and %d", cap(html), cap(text), len(html), len(text))
	}
}
