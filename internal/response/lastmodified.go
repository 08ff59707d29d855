package response

// LastModified returns the Last-Modified of a file for a response at nowSeconds. validator reports whether
// no other version of the file had the same value before (RFC 9110 section 8.8.2.2). send is false if the
// response must not have the field.
//
// Within the second of the modification the file may change again, so it has no Last-Modified. A time in the
// future is replaced by the time of the response (section 8.8.2.1), which is not a validator.
func LastModified(v *Version, nowSeconds int64) (seconds int64, send, validator bool) {
	seconds = FloorSeconds(v.ModifiedNs)
	switch {
	case !v.Dated() || seconds == nowSeconds:
		return 0, false, false
	case seconds > nowSeconds:
		return nowSeconds, true, false
	default:
		return seconds, true, true
	}
}

// FloorSeconds returns the time in nanoseconds, rounded down to seconds.
func FloorSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

// FormIsCurrent reports, by the modification times, whether a precompressed file was made from the current
// version of the plain file: it must not be older. Compressors that copy the time may truncate it to whole
// seconds (pigz, brotli), or to two seconds (zip and FAT).
func FormIsCurrent(plainNs, formNs int64) bool {
	if formNs >= plainNs {
		return true
	}
	form, plain := FloorSeconds(formNs), FloorSeconds(plainNs)
	return formNs%1e9 == 0 && (form == plain || form%2 == 0 && form == plain-1)
}
