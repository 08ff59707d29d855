package listing

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Order is a sort key, optionally combined with Descending. Directories come before files in every order.
// The zero value is the default: by name, ascending.
type Order uint8

// The keys, and the flag that can be combined with a key.
const (
	// ByName compares names without regard to case, and numbers in them by value: "a9" before "A10".
	ByName Order = iota
	// BySize compares sizes, and names if they are equal. Directories have no size and are sorted by name.
	BySize
	// ByTime compares modification times, and names if they are equal.
	ByTime
	// Descending reverses the key. Names that only break a tie stay ascending.
	Descending Order = 1 << 7
)

// key returns the order without its direction. For an invalid key it returns ByName.
func (o Order) key() Order {
	if k := o &^ Descending; k <= ByTime {
		return k
	}
	return ByName
}

func (o Order) descending() bool { return o&Descending != 0 }

// String returns the order as words, such as "size, descending".
func (o Order) String() string {
	words := [...][2]string{
		ByName: {"name, ascending", "name, descending"},
		BySize: {"size, ascending", "size, descending"},
		ByTime: {"time, ascending", "time, descending"},
	}
	if o.descending() {
		return words[o.key()][1]
	}
	return words[o.key()][0]
}

// ParseOrder reads the order from a query without its '?': "sort" is name, size or time, "order" is asc or
// desc. A missing or unknown value means name or asc. Other parameters are ignored, and of two with the same
// name the first applies. It does not decode escapes, because the values need none.
func ParseOrder(query []byte) Order {
	var order Order
	var sorted, directed bool
	for len(query) > 0 {
		var parameter []byte
		parameter, query, _ = bytes.Cut(query, []byte("&"))
		name, value, _ := bytes.Cut(parameter, []byte("="))
		switch string(name) {
		case "sort":
			if sorted {
				continue
			}
			sorted = true
			switch string(value) {
			case "size":
				order |= BySize
			case "time":
				order |= ByTime
			}
		case "order":
			if directed {
				continue
			}
			directed = true
			if string(value) == "desc" {
				order |= Descending
			}
		}
	}
	return order
}

// Sort sorts the entries by the page's order. Names are unique in a directory, so the result does not depend
// on the previous order.
func (p *Page) Sort() {
	sign := 1
	if p.Order.descending() {
		sign = -1
	}
	switch p.Order.key() {
	case BySize:
		slices.SortFunc(p.Entries, func(a, b Entry) int {
			if a.Directory != b.Directory {
				return directoriesFirst(a)
			}
			if a.Size != b.Size && !a.Directory {
				return sign * cmp.Compare(a.Size, b.Size)
			}
			return compareNames(a.Name, b.Name)
		})
	case ByTime:
		slices.SortFunc(p.Entries, func(a, b Entry) int {
			if a.Directory != b.Directory {
				return directoriesFirst(a)
			}
			if a.ModifiedNs != b.ModifiedNs {
				return sign * cmp.Compare(a.ModifiedNs, b.ModifiedNs)
			}
			return compareNames(a.Name, b.Name)
		})
	default:
		slices.SortFunc(p.Entries, func(a, b Entry) int {
			if a.Directory != b.Directory {
				return directoriesFirst(a)
			}
			return sign * compareNames(a.Name, b.Name)
		})
	}
}

// directoriesFirst compares a with an entry of the other type.
func directoriesFirst(a Entry) int {
	if a.Directory {
		return -1
	}
	return 1
}

// compareNames is a total order of names. It treats a name as a sequence of numbers (runs of the digits 0 to
// 9) and lower-case characters, and compares the elements in order. No character is between two digits, so
// the first digit of a number decides its comparison with a character. If two names are equal in this sense,
// they differ in case, in leading zeros or in bytes that are not UTF-8, and their bytes decide.
func compareNames(a, b string) int {
	x, y := a, b
	for len(x) > 0 && len(y) > 0 {
		c, d := x[0], y[0]
		if isDigit(c) && isDigit(d) {
			var order int
			order, x, y = compareNumbers(x, y)
			if order != 0 {
				return order
			}
			continue
		}
		if c < utf8.RuneSelf && d < utf8.RuneSelf {
			if c != d {
				if c, d = lower(c), lower(d); c != d {
					return cmp.Compare(c, d)
				}
			}
			x, y = x[1:], y[1:]
			continue
		}
		r, rBytes := utf8.DecodeRuneInString(x)
		s, sBytes := utf8.DecodeRuneInString(y)
		if r != s {
			if r, s = unicode.ToLower(r), unicode.ToLower(s); r != s {
				return cmp.Compare(r, s)
			}
		}
		x, y = x[rBytes:], y[sBytes:]
	}
	if order := cmp.Compare(len(x), len(y)); order != 0 {
		return order // One of them is used up, and comes first.
	}
	return strings.Compare(a, b)
}

// compareNumbers compares the values of the numbers at the beginning of x and y, and returns the parts after
// the numbers. The length of a number is not limited.
func compareNumbers(x, y string) (order int, restX, restY string) {
	m, x := cutNumber(x)
	n, y := cutNumber(y)
	if order = cmp.Compare(len(m), len(n)); order == 0 {
		order = strings.Compare(m, n)
	}
	return order, x, y
}

// cutNumber splits off the number at the beginning of s, and removes its leading zeros.
func cutNumber(s string) (digits, rest string) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	from := 0
	for from < end && s[from] == '0' {
		from++
	}
	return s[from:end], s[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
