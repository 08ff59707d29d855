package listing

// An Entry is one name in a directory.
type Entry struct {
	// Name is the last segment of the path: bytes, decoded, without a slash, mostly but not always UTF-8.
	Name string
	// Directory is true where the name leads to a directory, be it through a link. Size counts for nothing then.
	Directory bool
	// Size is the length in bytes. A negative one is shown as 0.
	Size int64
	// ModifiedNs is the time of the last change, in nanoseconds since 1970-01-01 UTC.
	ModifiedNs int64
}

// A Page is what there is to say about a directory.
type Page struct {
	// Path is the directory's path as request.ResolvePath makes it: decoded, with a slash at both ends, without
	// empty or dot segments.
	Path string
	// Entries are what the directory holds. Sort reorders them in place.
	Entries []Entry
	// Order is how the entries are sorted. The page marks it, and its links offer the others.
	Order Order
	// Truncated is how many more entries the directory has that were not read, or 0. The page says so, for the
	// first by name, size or time may then be among those that are missing.
	Truncated int
	// NowUnix is the present in seconds since 1970-01-01 UTC; the foot of the page shows it. At 0 it does not.
	NowUnix int64
}
