package response

import "strconv"

// Version contains the attributes that distinguish versions of a file.
type Version struct {
	SizeBytes  int64
	ModifiedNs int64 // the modification time, in nanoseconds since 1970
	ChangedNs  int64 // the time of the latest change of the inode
	Inode      uint64
	Form       uint8 // if the server compresses the file itself, the version of the bytes that it makes; 0: it does not
}

// A modification time outside of these bounds does not identify the content. Tools that need the same bytes
// in each build or container layer set the times of all files to 0, 1, the first day of 1980 (the earliest
// in zip), 1980-02-01 (Gradle) or 1985-10-26 (npm). Times that do not fit a number of nanoseconds are cut
// off.
const (
	datedFromNs  = 631_152_000_000_000_000 // 1990-01-01: nothing older is served that has a time of its own
	datedUntilNs = 9_223_372_036_000_000_000
)

// Dated reports whether the modification time distinguishes versions. If it does not, a file has no
// Last-Modified, and its entity tag also depends on the inode.
func (v *Version) Dated() bool { return v.ModifiedNs >= datedFromNs && v.ModifiedNs < datedUntilNs }

// AppendETag appends the entity tag of a file (RFC 9110 section 8.8.3): its modification time in nanoseconds
// since 1970 and its size in bytes, both hexadecimal, and the name of the coding if the file is a
// precompressed form (section 8.8.3.3). The tag of a form that the server makes has the time and size of the
// plain file, and Version.Form after the name of the coding. It depends on nothing else, so replicas with the
// same file and the same times agree on it. If the modification time does not distinguish versions (Dated), the tag also
// contains the change time and the number of the inode, on which replicas do not agree.
//
// The tag is strong: two files with the same tag have the same bytes. This depends on the filesystem. It is
// wrong if a file changes twice within the resolution of the filesystem's clock (4 ms on common kernels)
// with the same size, or if its time is set back. So files should be replaced by renaming.
func AppendETag(dst []byte, v *Version, c Coding) []byte {
	dst = append(dst, '"')
	dst = strconv.AppendUint(dst, uint64(v.ModifiedNs), 16)
	dst = append(dst, '-')
	dst = strconv.AppendUint(dst, uint64(v.SizeBytes), 16)
	if !v.Dated() {
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, uint64(v.ChangedNs), 16)
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, v.Inode, 16)
	}
	if c != Identity {
		dst = append(dst, '-')
		dst = append(dst, c.String()...)
		if v.Form != 0 {
			dst = strconv.AppendUint(dst, uint64(v.Form), 10)
		}
	}
	return append(dst, '"')
}

// ETagBytesMax is the largest length of a tag from AppendETag.
const ETagBytesMax = len(`"---`) + 4*16 + len(`-zstd255"`)

// nextETag splits off the first entity tag of list: opaque with its quotes, and whether it has the prefix
// W/. ok is false if list does not begin with an entity tag.
func nextETag(list []byte) (opaque []byte, weak bool, rest []byte, ok bool) {
	if len(list) >= 2 && list[0] == 'W' && list[1] == '/' {
		weak, list = true, list[2:]
	}
	if len(list) < 2 || list[0] != '"' {
		return nil, false, nil, false
	}
	for i := 1; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			return list[:i+1], weak, list[i+1:], true
		case c <= ' ' || c == 0x7f:
			return nil, false, nil, false
		}
	}
	return nil, false, nil, false
}

// matchETag reports whether etag is in the list in lines, or the list is `*`, which matches every tag (RFC
// 9110 sections 13.1.1 and 13.1.2). strong selects the strong comparison of section 8.8.3.2, in which a weak
// tag equals no other. A line is parsed up to the first malformed entity tag.
func matchETag(lines [][]byte, etag []byte, strong bool) bool {
	own, ownWeak, rest, ok := nextETag(etag)
	ok = ok && len(rest) == 0
	for _, line := range lines {
		list := trim(line)
		if len(list) == 1 && list[0] == '*' {
			return true
		}
		for ok {
			for len(list) > 0 && (isSpace(list[0]) || list[0] == ',') {
				list = list[1:]
			}
			opaque, weak, rest, valid := nextETag(list)
			if !valid {
				break
			}
			if string(opaque) == string(own) && (!strong || (!weak && !ownWeak)) {
				return true
			}
			list = trim(rest)
			if len(list) > 0 && list[0] != ',' {
				break
			}
		}
	}
	return false
}
