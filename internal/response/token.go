package response

// Classes of bytes, one bit each in class.
const (
	classToken      = 1 << iota // tchar, RFC 9110 section 5.6.2
	classUnreserved             // RFC 3986 section 2.3
	classPath                   // '/' and what else of pchar no parser of links stumbles over
)

var class = func() (t [256]uint8) {
	set := func(bit uint8, s string) {
		for i := range len(s) {
			t[s[i]] |= bit
		}
	}
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	set(classToken, "!#$%&'*+-.^_`|~"+alphanumeric)
	set(classUnreserved, "-._~"+alphanumeric)
	set(classPath, "/!$()*,:=@")
	return t
}()

func isControl(c byte) bool { return (c < 0x20 && c != '\t') || c == 0x7f }

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func validName(name string) bool {
	for i := range len(name) {
		if class[name[i]]&classToken == 0 {
			return false
		}
	}
	return len(name) > 0
}

// lower returns the lower-case form of an ASCII letter, and other bytes unchanged.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// equalFold reports whether b equals the lower-case ASCII string s, letter case aside.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower(c) != s[i] {
			return false
		}
	}
	return true
}

// trim removes optional whitespace (RFC 9110 section 5.6.3) from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// cut splits b at the first sep, and trims both parts. rest is empty if there is no sep.
func cut(b []byte, sep byte) (part, rest []byte) {
	for i, c := range b {
		if c == sep {
			return trim(b[:i]), trim(b[i+1:])
		}
	}
	return trim(b), nil
}
