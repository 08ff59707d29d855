package stats

import (
	"math/bits"
	"time"
)

// HistogramBuckets is the number of buckets of a Histogram.
const HistogramBuckets = 26

// Histogram counts durations: bucket i those below 2^i microseconds that no smaller one counts, the
// last one the rest.
type Histogram struct {
	Buckets [HistogramBuckets]uint64
	SumNs   uint64
}

// Add counts a duration; one below zero counts as zero.
func (h *Histogram) Add(d time.Duration) {
	us := uint64(max(d, 0) / time.Microsecond)
	h.Buckets[min(bits.Len64(us), HistogramBuckets-1)]++
	h.SumNs += uint64(max(d, 0))
}

// SizeBuckets is the number of buckets of Sizes.
const SizeBuckets = 12

// Sizes counts sizes: bucket i those below 2^i that no smaller one counts, the last one the rest.
type Sizes struct {
	Buckets [SizeBuckets]uint64
	Sum     uint64
}

// Add counts a size.
func (s *Sizes) Add(n int) {
	s.Buckets[min(bits.Len(uint(n)), SizeBuckets-1)]++
	s.Sum += uint64(n)
}
