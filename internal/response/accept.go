package response

import "strings"

const (
	unlisted  = -1
	weightMax = 1000
)

// An element is one member of a list of preferences (RFC 9110 section 12.4): a name, its parameters, and a
// weight in thousandths.
type element struct {
	name   []byte
	weight int
	ok     bool // the weight is well-formed and there is a name
}

// nextElement splits off the first element of list. It ignores commas and semicolons in quoted parameters.
func nextElement(list []byte) (e element, rest []byte) {
	e = element{weight: weightMax, ok: true}
	for first := true; ; first = false {
		var part []byte
		var separator byte
		part, separator, list = nextPart(list)
		switch {
		case first:
			e.name = part
			e.ok = len(part) > 0
		case len(part) >= 2 && lower(part[0]) == 'q' && part[1] == '=':
			var ok bool
			if e.weight, ok = parseWeight(part[2:]); !ok {
				e.ok = false
			}
		}
		if separator != ';' {
			return e, list
		}
	}
}

// nextPart returns the trimmed text before the next semicolon or comma outside of quotes, and that
// separator, or 0 at the end.
func nextPart(list []byte) (part []byte, separator byte, rest []byte) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ';'):
			return trim(list[:i]), c, list[i+1:]
		}
	}
	return trim(list), 0, nil
}

// parseWeight reads a qvalue (RFC 9110 section 12.4.2) in thousandths.
func parseWeight(b []byte) (thousandths int, ok bool) {
	if len(b) == 0 || len(b) > len("0.000") || (b[0] != '0' && b[0] != '1') {
		return 0, false
	}
	n := int(b[0]-'0') * weightMax
	if len(b) == 1 {
		return n, true
	}
	if b[1] != '.' {
		return 0, false
	}
	for i, place := 2, 100; i < len(b); i, place = i+1, place/10 {
		if !isDigit(b[i]) {
			return 0, false
		}
		n += int(b[i]-'0') * place
	}
	return n, n <= weightMax
}

// NegotiateType returns the index of the media type in types that the lines of Accept (RFC 9110 section 12.5.1) prefer:
// by weight, then by the more specific media range, then by the order of types. If none is acceptable, for example
// without a line, it is the first. The types are in lower case and without parameters, such as "text/html". Parameters
// in the lines other than the weight are ignored.
func NegotiateType(lines [][]byte, types []string) int {
	var best acceptance
	choice := 0
	for i, mediaType := range types {
		kind := strings.IndexByte(mediaType, '/') + 1
		a := accepted(lines, mediaType[:kind], mediaType[kind:])
		if a.weight > best.weight || (a.weight == best.weight && a.weight > 0 && a.exact > best.exact) {
			best, choice = a, i
		}
	}
	return choice
}

// acceptance is the result for a media type: the weight of the most specific range that matches it.
type acceptance struct{ weight, exact int }

// accepted looks up the type kind+sub, where kind ends with the slash. Both are in lower case.
func accepted(lines [][]byte, kind, sub string) acceptance {
	best := acceptance{weight: 0, exact: 0}
	for _, line := range lines {
		for list := line; len(list) > 0; {
			var e element
			e, list = nextElement(list)
			exact := 0
			switch {
			case !e.ok:
			case equalFold(e.name, "*/*"):
				exact = 1
			case len(e.name) <= len(kind) || !equalFold(e.name[:len(kind)], kind):
			case equalFold(e.name[len(kind):], "*"):
				exact = 2
			case equalFold(e.name[len(kind):], sub):
				exact = 3
			}
			if exact > best.exact || (exact == best.exact && exact > 0 && e.weight > best.weight) {
				best = acceptance{e.weight, exact}
			}
		}
	}
	return best
}
