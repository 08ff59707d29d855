package listing

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendText appends the listing as plain text, in the format of the package comment.
func (p *Page) AppendText(dst []byte) []byte {
	dst = slices.Grow(dst, p.guess(len("/\n"), 1))
	for i := range p.Entries {
		dst = appendLine(dst, p.Entries[i].Name)
		if p.Entries[i].Directory {
			dst = append(dst, '/')
		}
		dst = append(dst, '\n')
	}
	if p.Truncated > 0 {
		dst = append(dst, "/ "...)
		dst = strconv.AppendInt(dst, int64(p.Truncated), 10)
		dst = append(dst, " more names are not listed\n"...)
	}
	return dst
}

// appendLine appends a name as a part of a line. It replaces the control characters, which could end the line or control a
// terminal, like appendText, and also a slash, which filesystems do not permit in names. All other bytes stay.
func appendLine(dst []byte, name string) []byte {
	from := 0
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		var picture rune
		switch {
		case r < ' ':
			picture = '\u2400' + r
		case r == 0x7f:
			picture = '\u2421'
		case r == '/', r >= 0x80 && r < 0xa0:
			picture = utf8.RuneError
		default:
			i += n
			continue
		}
		dst = append(dst, name[from:i]...)
		dst = utf8.AppendRune(dst, picture)
		i += n
		from = i
	}
	return append(dst, name[from:]...)
}
