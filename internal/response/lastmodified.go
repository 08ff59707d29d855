package response

// LastModified says what Last-Modified a file gets in a response of nowSeconds, and whether it is a validator: one that
// no other version of the file has had before (RFC 9110 section 8.8.2.2). send is false where there is none to send.
//
// While the second of the modification has not passed, the file may change again within it, so it has none. A time that
// lies in the future is replaced by that of the response (section 8.8.2.1), which is not a validator.
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

// FloorSeconds returns the second that a time in nanoseconds lies in.
func FloorSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

// FormIsCurrent reports whether a precompressed file was made from a file as it is now, by their modification times.
// The compressed one is as old as the plain one, or younger. Compressors that keep the time may cut it to whole
// seconds (pigz, brotli), and zip and FAT to two of them.
func FormIsCurrent(plainNs, formNs int64) bool {
	if formNs >= plainNs {
		return true
	}
	form, plain := FloorSeconds(formNs), FloorSeconds(plainNs)
	return formNs%1e9 == 0 && (form == plain || form%2 == 0 && form == plain-1)
}
