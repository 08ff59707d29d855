package response

import (
	"math"
	"strconv"
)

// Range is a part of a representation: Length bytes from offset Start. Length is at least 1.
type Range struct{ Start, Length int64 }

// RangeVerdict is the result of parsing a Range field.
type RangeVerdict uint8

// The verdicts.
const (
	// RangesIgnored means a response with the whole representation, as without Range.
	RangesIgnored RangeVerdict = iota
	// RangesSatisfiable means a 206 response with the ranges.
	RangesSatisfiable
	// RangesUnsatisfiable means a 416 response.
	RangesUnsatisfiable
)

// String returns a word for a log line.
func (v RangeVerdict) String() string {
	switch v {
	case RangesIgnored:
		return "ignored"
	case RangesSatisfiable:
		return "satisfiable"
	case RangesUnsatisfiable:
		return "unsatisfiable"
	}
	return "unknown"
}

// ParseRanges parses the value of a Range field for a representation of sizeBytes (RFC 9110 section 14.2)
// and appends the ranges to send to dst: at least one if the verdict is RangesSatisfiable, otherwise none.
//
// The ranges are inside the representation and do not overlap or touch. Ranges that overlap or touch are
// merged at the position of the first of them (section 15.3.7.2). So each byte is sent at most once, and the
// sum of the lengths never exceeds the size.
//
// As the section permits or requires, these are ignored: a unit other than bytes, any malformed range, more
// than rangesMax ranges (counted before merging), and every range of an empty representation. A number that
// exceeds an int64 is replaced by the largest int64.
func ParseRanges(dst []Range, value []byte, sizeBytes int64, rangesMax int) ([]Range, RangeVerdict) {
	const unit = "bytes="
	if len(value) < len(unit) || !equalFold(value[:len(unit)], unit) || sizeBytes <= 0 {
		return dst, RangesIgnored
	}
	first, count := len(dst), 0
	for list := value[len(unit):]; len(list) > 0; {
		var spec []byte
		spec, list = cut(list, ',')
		if len(spec) == 0 {
			continue
		}
		r, ok := parseRange(spec, sizeBytes)
		if count++; !ok || count > rangesMax {
			return dst[:first], RangesIgnored
		}
		if r.Length > 0 {
			dst = addRange(dst, first, r)
		}
	}
	switch {
	case count == 0:
		return dst, RangesIgnored
	case len(dst) == first:
		return dst, RangesUnsatisfiable
	}
	return dst, RangesSatisfiable
}

// parseRange parses `first-last`, `first-` or `-suffix` (RFC 9110 section 14.1.2). The result has length 0
// if the range is valid but not satisfiable.
func parseRange(spec []byte, sizeBytes int64) (r Range, ok bool) {
	dash := 0
	for dash < len(spec) && spec[dash] != '-' {
		dash++
	}
	if dash == len(spec) {
		return Range{}, false
	}
	before, after := spec[:dash], spec[dash+1:]
	if len(before) == 0 {
		suffix, ok := parseNumber(after)
		length := min(suffix, sizeBytes)
		return Range{sizeBytes - length, length}, ok
	}
	start, ok := parseNumber(before)
	if !ok {
		return Range{}, false
	}
	last := sizeBytes - 1
	if len(after) > 0 {
		n, ok := parseNumber(after)
		if !ok || n < start {
			return Range{}, false
		}
		last = min(last, n)
	}
	if start > last {
		return Range{}, true
	}
	return Range{start, last - start + 1}, true
}

// parseNumber parses 1*DIGIT. A number that is too large becomes the largest int64.
func parseNumber(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		digit := int64(c - '0')
		if n > (math.MaxInt64-digit)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + digit
	}
	return n, len(b) > 0
}

// addRange adds r to the ranges in dst[first:], which do not overlap or touch, and merges it with those that
// it overlaps or touches. The merged range is at the position of the earliest of them.
func addRange(dst []Range, first int, r Range) []Range {
	dst = append(dst, r)
	at := len(dst) - 1
	for i := first; i < len(dst); i++ {
		if i == at || !meets(dst[i], dst[at]) {
			continue
		}
		keep, drop := min(i, at), max(i, at)
		dst[keep] = join(dst[i], dst[at])
		dst = append(dst[:drop], dst[drop+1:]...)
		at, i = keep, first-1 // the joined range may meet others: look at all of them again
	}
	return dst
}

func meets(a, b Range) bool {
	return a.Start <= b.Start+b.Length && b.Start <= a.Start+a.Length
}

func join(a, b Range) Range {
	start := min(a.Start, b.Start)
	return Range{start, max(a.Start+a.Length, b.Start+b.Length) - start}
}

// AppendContentRange appends the value of Content-Range for r in a representation of sizeBytes (RFC 9110
// section 14.4).
func AppendContentRange(dst []byte, r Range, sizeBytes int64) []byte {
	dst = append(dst, "bytes "...)
	dst = strconv.AppendInt(dst, r.Start, 10)
	dst = append(dst, '-')
	dst = strconv.AppendInt(dst, r.Start+r.Length-1, 10)
	dst = append(dst, '/')
	return strconv.AppendInt(dst, sizeBytes, 10)
}

// AppendUnsatisfiedRange appends the value of Content-Range in a 416 response (RFC 9110 section 14.4).
func AppendUnsatisfiedRange(dst []byte, sizeBytes int64) []byte {
	dst = append(dst, "bytes */"...)
	return strconv.AppendInt(dst, sizeBytes, 10)
}
