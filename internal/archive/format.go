package archive

import "bytes"

// Format is the format of an archive.
type Format uint8

// The formats. None is the absence of one.
const (
	None Format = iota
	TarGz
	Zip
)

// formats are the properties of the formats.
var formats = [...]struct{ name, mediaType string }{
	TarGz: {"tar.gz", "application/gzip"}, // RFC 6713
	Zip:   {"zip", "application/zip"},
}

// String returns the name of the format, which is its extension.
func (f Format) String() string { return formats[f].name }

// MediaType returns the media type of an archive.
func (f Format) MediaType() string { return formats[f].mediaType }

// ParseFormat returns the format with a name, or None.
func ParseFormat(name string) Format {
	for f := TarGz; int(f) < len(formats); f++ {
		if formats[f].name == name {
			return f
		}
	}
	return None
}

// Formats is a set of formats.
type Formats uint8

// With returns the set with another format.
func (s Formats) With(f Format) Formats { return s | 1<<f }

// Has reports whether the set has a format. None is in no set.
func (s Formats) Has(f Format) bool { return f != None && s&(1<<f) != 0 }

// All calls yield with the formats of the set, until it returns false.
func (s Formats) All(yield func(Format) bool) {
	for f := TarGz; int(f) < len(formats); f++ {
		if s.Has(f) && !yield(f) {
			return
		}
	}
}

// FormatOf returns the format that a query, without its '?', asks for by its first parameter archive, or None. It does not decode
// escapes, because the values need none.
func FormatOf(query []byte) Format {
	for len(query) > 0 {
		var parameter []byte
		parameter, query, _ = bytes.Cut(query, []byte("&"))
		if value, ok := bytes.CutPrefix(parameter, []byte("archive=")); ok {
			return ParseFormat(string(value))
		}
	}
	return None
}
