package listing

// An Entry is one name in a directory.
type Entry struct {
	// Name is the last segment of the path, decoded, without a slash. It may contain bytes that are not
	// UTF-8.
	Name string
	// Directory is true if the name is a directory or a link to one. Size is then ignored.
	Directory bool
	// Size is the length in bytes. A negative size is shown as 0.
	Size int64
	// ModifiedNs is the modification time, in nanoseconds since 1970-01-01 UTC.
	ModifiedNs int64
}

// A Page is the listing of a directory.
type Page struct {
	// Path is the directory's path in the form that request.ResolvePath returns: decoded, with a slash at
	// both ends, without empty or dot segments.
	Path string
	// Entries are the entries of the directory. Sort reorders them in place.
	Entries []Entry
	// Order is the order of the entries. The page marks it, and has links to the other orders.
	Order Order
	// Truncated is the number of entries that were not read. If it is not 0 the page shows it, because the
	// first entry by name, size or time may then be missing.
	Truncated int
	// Archives are the formats in which the directory can be downloaded, such as "zip". The page has links to
	// them, and the other formats do not.
	Archives []string
	// Readme is shown below the entries in the page, and not in the other formats.
	Readme Readme
	// NowUnix is the current time in seconds since 1970-01-01 UTC, which the page shows at the end. 0 means
	// not to show it.
	NowUnix int64
}
