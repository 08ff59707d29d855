package listing

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// manyEntries returns a directory like those that cameras and builds leave behind.
func manyEntries(count int) []Entry {
	random := rand.New(rand.NewPCG(1, 2))
	entries := make([]Entry, count)
	for i := range entries {
		entries[i] = Entry{
			Name:       fmt.Sprintf("IMG_%06d copy (%d).jpeg", random.IntN(10*count), i),
			Directory:  i%50 == 0,
			Size:       random.Int64N(1 << 34),
			ModifiedNs: sampleNs - random.Int64N(1e18),
		}
	}
	return entries
}

const benchEntries = 100_000

func BenchmarkAppendHTML(b *testing.B) {
	p := page("/photos/", manyEntries(benchEntries)...)
	dst := p.AppendHTML(nil)
	b.SetBytes(int64(len(dst)))
	for b.Loop() {
		dst = p.AppendHTML(dst[:0])
	}
}

func BenchmarkAppendHTMLFromNothing(b *testing.B) {
	p := page("/photos/", manyEntries(benchEntries)...)
	for b.Loop() {
		p.AppendHTML(nil)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	p := page("/photos/", manyEntries(benchEntries)...)
	dst := p.AppendJSON(nil)
	b.SetBytes(int64(len(dst)))
	for b.Loop() {
		dst = p.AppendJSON(dst[:0])
	}
}

func BenchmarkSort(b *testing.B) {
	entries := manyEntries(benchEntries)
	for _, order := range []Order{ByName, BySize, ByTime | Descending} {
		b.Run(order.String(), func(b *testing.B) {
			p := Page{Order: order}
			for b.Loop() {
				p.Entries = append(p.Entries[:0], entries...)
				p.Sort()
			}
		})
	}
}
