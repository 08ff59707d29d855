package listing

import (
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aws/internal/response"
)

// appendText appends s for the text or a quoted attribute of an HTML page. The five characters with a
// meaning in HTML or XML become references, a control character becomes its picture (U+2400 to U+2421), and
// other characters that HTML or XML do not permit, and bytes that are not UTF-8, become U+FFFD.
func appendText(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && plain[c] {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		replaced := true
		dst = append(dst, s[from:i]...)
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&#34;"...)
		case r == '\'':
			dst = append(dst, "&#39;"...)
		case r < ' ':
			dst = utf8.AppendRune(dst, '\u2400'+r)
		case r == 0x7f:
			dst = append(dst, "\u2421"...)
		case r == utf8.RuneError, r < 0xa0, r&0xfffe == 0xfffe, 0xfdd0 <= r && r <= 0xfdef:
			dst = append(dst, "\ufffd"...)
		default:
			replaced = false
		}
		from = i
		i += n
		if replaced {
			from = i
		}
	}
	return append(dst, s[from:]...)
}

// plain is the set of ASCII characters that need no escape in HTML.
var plain = func() (set [utf8.RuneSelf]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		set[c] = strings.IndexByte(`&<>"'`, c) < 0
	}
	return set
}()

// appendHref appends a relative reference to name in this directory, which cannot have another meaning. No
// byte of it needs an escape in HTML, XML or JSON. A slash, which filesystems do not permit in names, is
// escaped like the other separators.
func appendHref(dst []byte, name string) []byte {
	if strings.IndexByte(name, '/') < 0 {
		return response.AppendEscapedPath(dst, name)
	}
	dst = append(dst, "./"...)
	for i := range len(name) {
		switch name[i] {
		case '/':
			dst = append(dst, "%2F"...)
		case ':', '~': // for which AppendEscapedPath would put another "./" before them
			dst = append(dst, name[i])
		default:
			dst = response.AppendEscapedPath(dst, name[i:i+1])
		}
	}
	return dst
}

// appendSize appends a size for people: bytes up to 1023, otherwise three or four digits and a unit that is
// a power of 1024.
func appendSize(dst []byte, n uint64) []byte {
	if n < 1024 {
		dst = strconv.AppendUint(dst, n, 10)
		return append(dst, " B"...)
	}
	const units = "KMGTPE"
	unit := (bits.Len64(n) - 1) / 10
	shift := 10 * unit
	whole, rest, half := n>>shift, n&(1<<shift-1), uint64(1)<<(shift-1)
	switch tenths := whole*10 + (rest*10+half)>>shift; {
	case tenths < 1000:
		dst = strconv.AppendUint(dst, tenths/10, 10)
		dst = append(dst, '.', byte('0'+tenths%10))
	case rest >= half && whole == 1023 && unit < len(units):
		dst = append(dst, "1.0"...)
		unit++
	case rest >= half:
		dst = strconv.AppendUint(dst, whole+1, 10)
	default:
		dst = strconv.AppendUint(dst, whole, 10)
	}
	return append(dst, ' ', units[unit-1], 'i', 'B')
}

// appendCount appends n with commas between the thousands, and a noun: one if n is 1, otherwise many.
func appendCount(dst []byte, n uint64, one, many string) []byte {
	dst = appendGrouped(dst, n)
	dst = append(dst, ' ')
	if n == 1 {
		return append(dst, one...)
	}
	return append(dst, many...)
}

// appendGrouped appends n with commas between the thousands.
func appendGrouped(dst []byte, n uint64) []byte {
	var digits [20]byte
	all := strconv.AppendUint(digits[:0], n, 10)
	for i, c := range all {
		if i > 0 && (len(all)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c)
	}
	return dst
}

// A moment is a time in UTC, split into its parts.
type moment struct{ year, month, day, hour, minute, second int }

// The first and the last time that RFC 3339 can represent, with years of four digits: 0000-01-01 and
// 9999-12-31.
const (
	unixMin = -62167219200
	unixMax = 253402300799
)

// momentAt splits a time in seconds since 1970-01-01. Times outside of the years 0000 to 9999 become the
// nearest time inside.
func momentAt(unixSeconds int64) (m moment) {
	t := time.Unix(min(max(unixSeconds, unixMin), unixMax), 0).UTC()
	var month time.Month
	m.year, month, m.day = t.Date()
	m.month = int(month)
	m.hour, m.minute, m.second = t.Clock()
	return m
}

// seconds returns the whole seconds of a time in nanoseconds, rounded down.
func seconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

// appendRFC3339 appends 2006-01-02T15:04:05Z.
func (m moment) appendRFC3339(dst []byte) []byte {
	dst = m.appendDate(dst)
	dst = append(dst, 'T')
	dst = m.appendClock(dst)
	return append(dst, ':', tens(m.second), ones(m.second), 'Z')
}

// appendShort appends 2006-01-02 15:04.
func (m moment) appendShort(dst []byte) []byte {
	dst = m.appendDate(dst)
	dst = append(dst, ' ')
	return m.appendClock(dst)
}

func (m moment) appendDate(dst []byte) []byte {
	return append(dst, tens(m.year/100), ones(m.year/100), tens(m.year%100), ones(m.year%100),
		'-', tens(m.month), ones(m.month), '-', tens(m.day), ones(m.day))
}

func (m moment) appendClock(dst []byte) []byte {
	return append(dst, tens(m.hour), ones(m.hour), ':', tens(m.minute), ones(m.minute))
}

func tens(n int) byte { return byte('0' + n/10) }
func ones(n int) byte { return byte('0' + n%10) }
