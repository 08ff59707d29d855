package sites

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// glob is a pattern of path.Match, for the last element of a path, or for the whole path if it has a slash. It differs from
// path.Match in one case: a class such as [^a] does not match a slash.
type glob struct {
	literal string // what a matching name ends with, or is, depending on the form
	pattern string
	whole   bool // the pattern has a slash
	form    form
}

// form is what a pattern consists of. Most patterns have one that is compared faster than in general.
type form uint8

const (
	formGeneral form = iota
	formLiteral      // without an asterisk or another special character
	formSuffix       // an asterisk at the beginning
)

// special are the characters of a pattern that do not stand for themselves.
const special = `*?[\`

func newGlob(pattern string) glob {
	g := glob{pattern: pattern, whole: strings.Contains(pattern, "/")}
	switch {
	case !strings.ContainsAny(pattern, special):
		g.form, g.literal = formLiteral, pattern
	case !g.whole && pattern[0] == '*' && !strings.ContainsAny(pattern[1:], special):
		g.form, g.literal = formSuffix, pattern[1:]
	default:
		g.literal = pattern[strings.LastIndexAny(pattern, special+"]")+1:]
		if strings.Contains(pattern, `\`) {
			g.literal = "" // the character after it belongs to it
		}
	}
	return g
}

// matches reports whether the pattern matches a path, whose last element is name. A path that ends with a slash is not that
// of a file, and no pattern matches it.
func (g *glob) matches(path, name []byte) bool {
	if len(name) == 0 {
		return false
	}
	if g.whole {
		name = path
	}
	if len(name) < len(g.literal) || string(name[len(name)-len(g.literal):]) != g.literal {
		return false
	}
	switch g.form {
	case formLiteral:
		return len(name) == len(g.literal)
	case formSuffix:
		return true
	default:
		return match(g.pattern, name)
	}
}

// lastElement returns the part of a path after its last slash.
func lastElement(path []byte) []byte { return path[bytes.LastIndexByte(path, '/')+1:] }

// literalCount returns the number of characters of a pattern that stand for themselves.
func literalCount(pattern string) (count int) {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*', '?':
		case '[':
			for i++; i < len(pattern) && pattern[i] != ']'; i++ {
				if pattern[i] == '\\' {
					i++
				}
			}
		case '\\':
			i++
			count++
		default:
			count++
		}
	}
	return count
}

// match reports whether a valid pattern matches a name. It only ever goes back to the last asterisk, so that its time is
// bounded by the product of both lengths: an earlier asterisk that matches more leaves less for the rest.
func match(pattern string, name []byte) bool {
	p, n := 0, 0
	afterStar, starEnd := -1, 0 // where the pattern goes on after the last asterisk, and where that asterisk ends in the name
	for p < len(pattern) || n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			afterStar, starEnd = p, n
			continue
		}
		if p < len(pattern) && n < len(name) {
			if patternBytes, nameBytes, ok := matchOne(pattern[p:], name[n:]); ok {
				p, n = p+patternBytes, n+nameBytes
				continue
			}
		}
		if afterStar < 0 || starEnd >= len(name) || name[starEnd] == '/' {
			return false
		}
		starEnd++
		p, n = afterStar, starEnd
	}
	return true
}

// matchOne compares the first element of a pattern, which is not an asterisk, with the first character of a name. It returns
// the lengths of both.
func matchOne(pattern string, name []byte) (patternBytes, nameBytes int, ok bool) {
	switch pattern[0] {
	case '?':
		if name[0] == '/' {
			return 0, 0, false
		}
		_, size := utf8.DecodeRune(name)
		return 1, size, true
	case '[':
		r, size := utf8.DecodeRune(name)
		patternBytes, ok = matchClass(pattern, r)
		return patternBytes, size, ok && r != '/'
	case '\\':
		return 2, 1, len(pattern) > 1 && pattern[1] == name[0]
	default:
		return 1, 1, pattern[0] == name[0]
	}
}

// matchClass reports whether a character is in the class at the beginning of a pattern, and returns the length of the class.
func matchClass(pattern string, r rune) (size int, ok bool) {
	i := 1
	negated := i < len(pattern) && pattern[i] == '^'
	if negated {
		i++
	}
	in := false
	for first := true; i < len(pattern) && (pattern[i] != ']' || first); first = false {
		low, n := classRune(pattern[i:])
		i += n
		high := low
		if i < len(pattern) && pattern[i] == '-' {
			high, n = classRune(pattern[i+1:])
			i += 1 + n
		}
		in = in || low <= r && r <= high
	}
	return i + 1, in != negated
}

// classRune returns the character at the beginning of a part of a class, and the number of bytes that stand for it.
func classRune(s string) (r rune, size int) {
	escaped := 0
	if strings.HasPrefix(s, `\`) {
		s, escaped = s[1:], 1
	}
	r, size = utf8.DecodeRuneInString(s)
	return r, size + escaped
}
