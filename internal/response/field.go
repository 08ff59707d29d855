package response

import "strconv"

// AppendField appends one field line with its CRLF (RFC 9112 section 5). It cannot be made to write
// anything else: a control character in the value, CR, LF and NUL among them, becomes a space (RFC 9110
// section 5.5), and a field whose name is not a token is left out. ValidField checks beforehand.
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

// ValidField reports whether AppendField writes the field as it is given: the name is a token (RFC 9110
// section 5.1), and the value holds no control character but tabs and neither starts nor ends with
// whitespace (section 5.5). It is meant for values from a command line.
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

// endField ends the line whose value is dst[from:], and makes the value harmless.
func endField(dst []byte, from int) []byte {
	for i := from; i < len(dst); i++ {
		if isControl(dst[i]) {
			dst[i] = ' '
		}
	}
	return append(dst, '\r', '\n')
}

// AppendEscapedPath appends a file path, percent-encoded so that it can stand in a Location field or in a
// link (RFC 3986 section 3.3). Slashes stay. A path that opens with two slashes is given one, for browsers
// take `//name/` for another server; one without a slash in front is given "./" where its first segment
// holds a colon, which would read as a scheme (section 4.2), or where it begins with a tilde, which lftp takes for
// somebody's home directory.
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
