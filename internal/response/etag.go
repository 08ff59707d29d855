package response

import "strconv"

// Version is what distinguishes one version of a file from another.
type Version struct {
	SizeBytes  int64
	ModifiedNs int64 // the modification time, in nanoseconds since 1970
	ChangedNs  int64 // the time of the latest change of the inode
	Inode      uint64
}

// Modification times outside of these say nothing about the content: tools that want the same bytes at each build, or in
// each container layer, write 0, 1, the first day of 1980 (the earliest that zip has), its first of February (Gradle) or
// 1985-10-26 (npm) into all files; and what is beyond what nanoseconds can hold is cut off.
const (
	datedFromNs  = 631_152_000_000_000_000 // 1990-01-01: nothing older is served that has a time of its own
	datedUntilNs = 9_223_372_036_000_000_000
)

// Dated reports whether the modification time distinguishes versions. Where it does not, a file has no Last-Modified, and
// its entity tag depends on the inode, too.
func (v *Version) Dated() bool { return v.ModifiedNs >= datedFromNs && v.ModifiedNs < datedUntilNs }

// AppendETag appends the entity tag of a file (RFC 9110 section 8.8.3): its modification time in
// nanoseconds since 1970 and its size in bytes, both hexadecimal, and the coding's name where the file is a
// precompressed form of another (section 8.8.3.3). It depends on nothing else, so replicas that hold the
// same file with the same times agree on it. Only where the modification time says nothing (Dated) it has the time of
// the inode's change and its number as well, on which replicas do not agree.
//
// The tag is strong: it promises that two files with the same tag have the same bytes. That promise is the
// file system's: a writer that changes a file twice within the resolution of its clock (4 ms on common
// kernels), keeping its size, or that sets the time back, breaks it. Files are to be replaced by rename.
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
	}
	return append(dst, '"')
}

// ETagBytesMax is room enough for any tag that AppendETag writes.
const ETagBytesMax = len(`"---`) + 4*16 + len(`-zstd"`)

// nextETag cuts the first entity tag off list: opaque with its quotes, and whether W/ stands before it. ok
// is false where the list does not begin with one.
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

// matchETag reports whether etag is in the list that the lines make up, or the list is `*`, which stands
// for any (RFC 9110 sections 13.1.1 and 13.1.2). strong asks for the strong comparison of section 8.8.3.2,
// where a weak tag equals nothing. A line is read up to the first thing that is not an entity tag.
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
