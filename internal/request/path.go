package request

import "bytes"

// PathVerdict is the result of resolving a path. The zero value, PathOK, means success.
type PathVerdict uint8

// The verdicts. Each one except PathOK is an error of the client: 400, or 404 in the drop-in.
const (
	PathOK PathVerdict = iota
	// PathNotAbsolute is a path that is not empty and does not begin with '/'.
	PathNotAbsolute
	// PathBadEscape is a '%' that two hexadecimal digits do not follow (RFC 3986 section 2.1).
	PathBadEscape
	// PathNUL is a path that contains NUL, which a file name cannot contain.
	PathNUL
	// PathClimbs is a path with a `..` that would leave the root.
	PathClimbs
)

// String returns a few lower-case words for a log line.
func (v PathVerdict) String() string {
	switch v {
	case PathOK:
		return "ok"
	case PathNotAbsolute:
		return "path is not absolute"
	case PathBadEscape:
		return "malformed percent escape"
	case PathNUL:
		return "NUL in path"
	case PathClimbs:
		return "path climbs above the root"
	}
	return "unknown"
}

// ResolvePath appends to dst the file path for raw, the path of a request target. It decodes percent escapes
// (RFC 3986 section 2.1), then merges runs of slashes, then resolves `.` and `..` segments (RFC 3986 section
// 5.2.4). Decoding is first, so an encoded dot or slash has the same effect as a plain one, and the result
// contains no dot segment that is still encoded.
//
// The result begins with '/' and contains no empty, `.` or `..` segment and no NUL. It ends with '/', which
// means a directory, if raw does after decoding or if the last segment of raw is a dot segment. An empty raw
// gives "/". Two rules are stricter than RFC 3986: a `..` above the root is an error, and so is NUL. With
// any verdict but PathOK, dst is returned unchanged. dst and raw must not share memory.
func ResolvePath(dst, raw []byte) ([]byte, PathVerdict) {
	if len(raw) == 0 {
		return append(dst, '/'), PathOK
	}
	if raw[0] != '/' {
		return dst, PathNotAbsolute
	}
	if isResolved(raw) {
		return append(dst, raw...), PathOK
	}
	root := len(dst)
	out := append(dst, '/')
	// out always ends with the part of the current segment that has been decoded; endSegment resolves it.
	for i := 1; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if i+2 >= len(raw) || class[raw[i+1]]&class[raw[i+2]]&classHex == 0 {
				return dst[:root], PathBadEscape
			}
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		switch c {
		case 0:
			return dst[:root], PathNUL
		case '/':
			var ok bool
			if out, ok = endSegment(out, root); !ok {
				return dst[:root], PathClimbs
			}
			if out[len(out)-1] != '/' {
				out = append(out, '/')
			}
		default:
			out = append(out, c)
		}
	}
	out, ok := endSegment(out, root)
	if !ok {
		return dst[:root], PathClimbs
	}
	return out, PathOK
}

// isResolved reports whether raw, which begins with '/', is already resolved: it contains no escape, no NUL,
// and no slash before a slash or a dot. For names that begin with a dot it returns false too.
func isResolved(raw []byte) bool {
	for i, c := range raw {
		switch c {
		case '%', 0:
			return false
		case '/':
			if i+1 < len(raw) && (raw[i+1] == '/' || raw[i+1] == '.') {
				return false
			}
		}
	}
	return true
}

// endSegment resolves the last segment of out, whose path begins at index root, if it is a dot segment. It
// returns false if `..` would leave the root.
func endSegment(out []byte, root int) ([]byte, bool) {
	start := bytes.LastIndexByte(out[root:], '/') + root + 1
	switch string(out[start:]) {
	case ".":
		return out[:start], true
	case "..":
		if start == root+1 {
			return out, false
		}
		// The segment before ends at start-1; the slash before that stays.
		return out[:bytes.LastIndexByte(out[root:start-1], '/')+root+1], true
	}
	return out, true
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
