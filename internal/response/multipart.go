package response

import "strconv"

// BoundaryBytes is the length of the boundaries that AppendBoundary writes.
const BoundaryBytes = 32

const multipartType = "multipart/byteranges; boundary="

// AppendBoundary appends a boundary between parts (RFC 2046 section 5.1.1) made of 128 bits. They have to be
// random, and other ones for each response: a boundary must not occur in the file, and anyone who can guess it can
// make a file in which it does.
func AppendBoundary(dst []byte, high, low uint64) []byte {
	const hexDigits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[high>>shift&15])
	}
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[low>>shift&15])
	}
	return dst
}

// AppendMultipartType appends the Content-Type of a response in several parts (RFC 9110 section 14.6).
func AppendMultipartType(dst, boundary []byte) []byte {
	return append(append(dst, multipartType...), boundary...)
}

// AppendPartHead appends what comes before the bytes of a part: the delimiter and the part's fields
// (RFC 9110 section 14.6). mediaType is the Content-Type that a whole response would have; without one the
// field is left out.
//
// A CRLF stands before the first part, too. RFC 2046 section 5.1.1 lets it, common servers have always sent
// it, and there are clients that skip an empty line before they look for a delimiter: zsync does, and
// asks again for ever if it is not there.
func AppendPartHead(dst, boundary []byte, mediaType string, r Range, sizeBytes int64) []byte {
	dst = append(dst, '\r', '\n', '-', '-')
	dst = append(dst, boundary...)
	dst = append(dst, '\r', '\n')
	if mediaType != "" {
		dst = AppendField(dst, "Content-Type", mediaType)
	}
	dst = append(dst, "Content-Range: "...)
	dst = AppendContentRange(dst, r, sizeBytes)
	return append(dst, '\r', '\n', '\r', '\n')
}

// AppendPartsEnd appends what comes after the bytes of the last part.
func AppendPartsEnd(dst, boundary []byte) []byte {
	dst = append(dst, '\r', '\n', '-', '-')
	dst = append(dst, boundary...)
	return append(dst, '-', '-', '\r', '\n')
}

// MultipartBytes returns the exact Content-Length of a response in several parts: the ranges, what
// AppendPartHead writes before each and AppendPartsEnd after the last, for a boundary of BoundaryBytes.
func MultipartBytes(ranges []Range, mediaType string, sizeBytes int64) int64 {
	const delimiter = len("\r\n--") + BoundaryBytes + len("\r\n")
	head := delimiter + len("Content-Range: bytes -/\r\n\r\n") + digits(sizeBytes)
	if mediaType != "" {
		head += len("Content-Type: \r\n") + len(mediaType)
	}
	total := int64(delimiter + len("--")) // the end
	for _, r := range ranges {
		total += int64(head+digits(r.Start)+digits(r.Start+r.Length-1)) + r.Length
	}
	return total
}

// digits returns the length of n, which is not negative, in decimal.
func digits(n int64) int {
	var buf [20]byte
	return len(strconv.AppendInt(buf[:0], n, 10))
}
