package request

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes, one bit each in class.
const (
	classToken  = 1 << iota // tchar, RFC 9110 section 5.6.2
	classTarget             // what a request target may hold: visible ASCII but '#'
	classRaw                // bytes above 0x7f
	classHost               // unreserved and sub-delims, RFC 3986 section 3.2.2, without '%'
	classDigit
	classHex
)

var class = func() (t [256]uint8) {
	set := func(bit uint8, s string) {
		for i := range len(s) {
			t[s[i]] |= bit
		}
	}
	const digits = "0123456789"
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	set(classToken, "!#$%&'*+-.^_`|~"+digits+letters)
	set(classHost, "-._~!$&'()*+,;="+digits+letters)
	set(classDigit, digits)
	set(classHex, digits+"ABCDEFabcdef")
	for c := 0x21; c < 0x100; c++ {
		switch {
		case c > 0x7f:
			t[c] |= classRaw
		case c != '#' && c != 0x7f:
			t[c] |= classTarget
		}
	}
	return t
}()

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// controlIndex returns the index of the first byte at or after i that is a control character (below 0x20, or
// DEL), or len(buf). It checks eight bytes at a time: a subtraction of 0x20 from each byte causes a borrow
// if the byte is smaller. The lowest such byte is found correctly, because no borrow can reach it from a
// lower byte.
func controlIndex(buf []byte, i int) int {
	for i+8 <= len(buf) {
		w := binary.LittleEndian.Uint64(buf[i:])
		del := w ^ (lowBits * 0x7f)
		hit := ((w-lowBits*0x20) & ^w | (del-lowBits) & ^del) & highBits
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
		i += 8
	}
	for i < len(buf) && buf[i] >= 0x20 && buf[i] != 0x7f {
		i++
	}
	return i
}

// equalFold reports whether b equals the lower-case ASCII string s, letter case aside.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// trim removes optional whitespace (RFC 9110 section 5.6.3) from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// nextElement splits off the first element of a comma-separated list (RFC 9110 section 5.6.1) and trims it.
// rest is nil if no comma follows. The caller must skip empty elements, as section 5.6.1.2 requires. The
// function must not be used for lists with quoted elements.
func nextElement(list []byte) (element, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}
