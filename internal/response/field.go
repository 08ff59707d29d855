package response

import "strconv"

// AppendField appends one field line with its CRLF (RFC 9112 section 5). It never appends anything else: it
// replaces control characters in the value, such as CR, LF and NUL, by spaces (RFC 9110 section 5.5), and
// omits a field whose name is not a token. ValidField checks values beforehand.
func AppendField(dst []byte, name, value string) []byte {
	if !validName(name) {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	from := len(dst)
	dst = append(dst, value...)
	return endField(dst, from)
}

// AppendFieldBytes is AppendField for a value that is a byte slice.
func AppendFieldBytes(dst []byte, name string, value []byte) []byte {
	if !validName(name) {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	from := len(dst)
	dst = append(dst, value...)
	return endField(dst, from)
}

// AppendFieldInt appends a field line whose value is n in decimal, such as Content-Length.
func AppendFieldInt(dst []byte, name string, n int64) []byte {
	if !validName(name) {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

// AppendFieldDate appends a field line whose value is a date, such as Last-Modified; see AppendDate.
func AppendFieldDate(dst []byte, name string, unixSeconds int64) []byte {
	if !validName(name) {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = AppendDate(dst, unixSeconds)
	return append(dst, '\r', '\n')
}

// AppendEnd appends the empty line that ends the head.
func AppendEnd(dst []byte) []byte { return append(dst, '\r', '\n') }

// AppendInt appends n in decimal.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// ValidField reports whether AppendField appends the field unchanged: the name is a token (RFC 9110 section
// 5.1), and the value contains no control characters except tabs and neither starts nor ends with whitespace
// (section 5.5). It is for values from a command line.
func ValidField(name, value string) bool {
	for i := range len(value) {
		if isControl(value[i]) {
			return false
		}
	}
	if n := len(value); n > 0 && (isSpace(value[0]) || isSpace(value[n-1])) {
		return false
	}
	return validName(name)
}

// endField ends the line whose value is dst[from:], and replaces control characters in the value.
func endField(dst []byte, from int) []byte {
	for i := from; i < len(dst); i++ {
		if isControl(dst[i]) {
			dst[i] = ' '
		}
	}
	return append(dst, '\r', '\n')
}

// AppendEscapedPath appends a file path with percent-encoding, for a Location field or a link (RFC 3986
// section 3.3). Slashes stay. Two slashes at the beginning become one, because browsers interpret `//name/`
// as another host. A path without a slash at the beginning gets the prefix "./" if its first segment
// contains a colon, which would look like a scheme (section 4.2), or if it begins with a tilde, which lftp
// expands to a home directory.
func AppendEscapedPath(dst []byte, path string) []byte {
	for len(path) > 1 && path[0] == '/' && path[1] == '/' {
		path = path[1:]
	}
	if schemeLike(path) || len(path) > 0 && path[0] == '~' {
		dst = append(dst, '.', '/')
	}
	const hexDigits = "0123456789ABCDEF"
	for i := range len(path) {
		c := path[i]
		if class[c]&(classUnreserved|classPath) != 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// schemeLike reports whether a colon comes before the first slash.
func schemeLike(path string) bool {
	for i := range len(path) {
		switch path[i] {
		case ':':
			return true
		case '/':
			return false
		}
	}
	return false
}
