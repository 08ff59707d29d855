package response

import "strconv"

// BoundaryBytes is the length of the boundaries that AppendBoundary writes.
const BoundaryBytes = 32

const multipartType = "multipart/byteranges; boundary="

// AppendBoundary appends a boundary between parts (RFC 2046 section 5.1.1), made of 128 bits. The bits must
// be random and different for each response: the boundary must not occur in the file, and an attacker who
// can guess it could make a file that contains it.
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

// AppendMultipartType appends the Content-Type of a response with several ranges (RFC 9110 section 14.6).
func AppendMultipartType(dst, boundary []byte) []byte {
	return append(append(dst, multipartType...), boundary...)
}

// AppendPartHead appends the delimiter and the fields before the bytes of a part (RFC 9110 section 14.6).
// mediaType is the Content-Type of the whole representation; if it is empty, the field is omitted.
//
// The first part also has a CRLF in front. RFC 2046 section 5.1.1 permits this, common servers have always
// sent it, and some clients skip an empty line before they look for a delimiter: zsync does, and repeats the
// request for ever if the line is missing.
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

// AppendPartsEnd appends the final delimiter after the bytes of the last part.
func AppendPartsEnd(dst, boundary []byte) []byte {
	dst = append(dst, '\r', '\n', '-', '-')
	dst = append(dst, boundary...)
	return append(dst, '-', '-', '\r', '\n')
}

// MultipartBytes returns the exact Content-Length of a response with several ranges: the ranges, the output
// of AppendPartHead before each, and that of AppendPartsEnd after the last, for a boundary of BoundaryBytes.
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
