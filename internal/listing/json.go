package listing

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the listing as JSON, in the format of the package comment. The result is valid JSON and
// valid UTF-8 for every input.
func (p *Page) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, p.guess(len(`{"name":"","type":"directory","size":1234567,"modified":"2006-01-02T15:04:05Z"},`), 1))
	dst = append(dst, `{"path":`...)
	dst = appendQuoted(dst, p.Path)
	dst = append(dst, `,"entries":[`...)
	for i := range p.Entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '\n')
		dst = appendObject(dst, &p.Entries[i])
	}
	dst = append(dst, "\n],\"truncated\":"...)
	dst = strconv.AppendInt(dst, int64(max(p.Truncated, 0)), 10)
	return append(dst, "}\n"...)
}

// guess estimates the length of the listing, so that the slice grows only once. Names with many escapes need
// more.
func (p *Page) guess(bytesPerEntry, namesPerEntry int) int {
	nameBytes := 0
	for i := range p.Entries {
		nameBytes += len(p.Entries[i].Name)
	}
	total := len(p.Entries)*bytesPerEntry + nameBytes*namesPerEntry
	return 1024 + total + total/16
}

func appendObject(dst []byte, e *Entry) []byte {
	dst = append(dst, `{"name":`...)
	dst = appendQuoted(dst, e.Name)
	if e.Directory {
		dst = append(dst, `,"type":"directory","size":null`...)
	} else {
		dst = append(dst, `,"type":"file","size":`...)
		dst = strconv.AppendInt(dst, max(e.Size, 0), 10)
	}
	dst = append(dst, `,"modified":"`...)
	dst = momentAt(seconds(e.ModifiedNs)).appendRFC3339(dst)
	if !utf8.ValidString(e.Name) {
		dst = append(dst, `","href":"`...)
		dst = appendHref(dst, e.Name)
	}
	return append(dst, `"}`...)
}

// appendQuoted appends s as a JSON string (RFC 8259 section 7). In addition to the required characters it
// escapes those with a meaning in HTML, in case a client interprets the response as a page, and the two line
// separators that older versions of JavaScript do not permit in strings.
func appendQuoted(dst []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"', c == '\\':
				dst = append(dst, '\\', c)
			case plain[c], c == '\'':
				dst = append(dst, c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c == '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r == '\u2028' || r == '\u2029' {
			dst = append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&15])
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return append(dst, '"')
}
