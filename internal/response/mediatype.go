package response

import "bytes"

// DefaultMediaType is the type of a file whose extension is unknown (RFC 9110 section 8.3).
const DefaultMediaType = "application/octet-stream"

// extensionBytesMax bounds the length of extensions in Lookup. Registered ones are much shorter.
const extensionBytesMax = 24

// MediaTypes finds the media type of a file by its name. It must be filled before the server starts.
// Afterwards any number of goroutines may read it.
type MediaTypes struct {
	byExtension map[string]string // extensions in lower case, without the dot
}

// NewMediaTypes returns a table of the common types; Load and Set add to it.
func NewMediaTypes() *MediaTypes {
	m := &MediaTypes{byExtension: make(map[string]string, 256)}
	m.Load([]byte(commonMediaTypes))
	return m
}

// Load adds the contents of a file in the format of /etc/mime.types: a type and its extensions on each line,
// and comments after `#`. It returns the number of extensions that it has added or changed. Lines without
// extensions and malformed parts are ignored, as in other readers of that file. If an extension has two
// entries, the later one applies. Extensions with capital letters are ignored too, because Lookup ignores
// case and they only distinguish C++ from C.
func (m *MediaTypes) Load(file []byte) (extensionCount int) {
	for line := range bytes.Lines(file) {
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		mediaType := ""
		for word := range bytes.FieldsSeq(line) {
			switch {
			case mediaType == "":
				mediaType = string(word)
			case hasCapital(word):
			case m.Set(string(word), mediaType):
				extensionCount++
			}
		}
	}
	return extensionCount
}

// Set sets the media type of files with the extension, which may have a leading dot. A text type without a
// charset gets `charset=utf-8`, because browsers would guess another one. Set returns false and changes
// nothing if the extension or the type is not valid.
func (m *MediaTypes) Set(extension, mediaType string) bool {
	if len(extension) > 0 && extension[0] == '.' {
		extension = extension[1:]
	}
	if len(extension) == 0 || len(extension) > extensionBytesMax || !ValidMediaType(mediaType) {
		return false
	}
	key := []byte(extension)
	for i, c := range key {
		if c == '.' || c == '/' || c <= ' ' {
			return false
		}
		key[i] = lower(c)
	}
	m.byExtension[string(key)] = WithCharset(mediaType)
	return true
}

// Lookup returns the media type for a file name or path. It uses the extension after the last dot of the
// name and ignores case; the default is DefaultMediaType. A name like `.profile` has no extension. Lookup
// does not allocate.
func (m *MediaTypes) Lookup(name string) string {
	var key [extensionBytesMax]byte
	at := len(key)
	for i := len(name) - 1; i > 0; i-- {
		c := name[i]
		if c == '/' || at == 0 && c != '.' {
			return DefaultMediaType
		}
		if c == '.' {
			if name[i-1] == '/' {
				return DefaultMediaType
			}
			if mediaType, ok := m.byExtension[string(key[at:])]; ok {
				return mediaType
			}
			return DefaultMediaType
		}
		at--
		key[at] = lower(c)
	}
	return DefaultMediaType
}

// ValidMediaType reports whether s has the form `type/subtype`, optionally with parameters, and is a valid
// field value (RFC 9110 section 8.3.1). It does not check the parameters.
func ValidMediaType(s string) bool {
	if s == "" || s[len(s)-1] == ';' {
		return false
	}
	base := s
	for i := range len(s) {
		if s[i] == ';' {
			base = string(trim([]byte(s[:i])))
			break
		}
	}
	for i := range len(base) {
		if base[i] == '/' {
			return validName(base[:i]) && validName(base[i+1:]) && ValidField("Content-Type", s)
		}
	}
	return false
}

// WithCharset returns the media type, with `charset=utf-8` added to a text type without a charset.
func WithCharset(mediaType string) string {
	const text, charset = "text/", "charset="
	if len(mediaType) < len(text) || !equalFold([]byte(mediaType[:len(text)]), text) {
		return mediaType
	}
	for i := range len(mediaType) {
		if rest := mediaType[i:]; len(rest) >= len(charset) && equalFold([]byte(rest[:len(charset)]), charset) {
			return mediaType
		}
	}
	return mediaType + "; charset=utf-8"
}

func hasCapital(word []byte) bool {
	for _, c := range word {
		if 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}

// commonMediaTypes are the most frequent types of a web server, in the format of /etc/mime.types.
const commonMediaTypes = `
text/html                                html htm shtml
text/css                                 css
text/javascript                          js mjs cjs
text/plain                               txt text log conf cfg ini list diff patch asc
text/plain                               go c h cc cpp hpp py rb rs java sh bash pl lua sql
text/csv                                 csv
text/tab-separated-values                tsv
text/markdown                            md markdown
text/calendar                            ics
text/vcard                               vcf
text/vtt                                 vtt
text/x-component                         htc
text/x-bibtex                            bib
text/x-tex                               tex

application/json                         json map
application/ld+json                      jsonld
application/geo+json                     geojson
application/manifest+json                webmanifest
application/x-ndjson                     ndjson jsonl
application/xml                          xml xsl xsd rng
application/xhtml+xml                    xhtml xht
application/xslt+xml                     xslt
application/atom+xml                     atom
application/rss+xml                      rss
application/yaml                         yaml yml
application/toml                         toml
application/wasm                         wasm
application/graphql                      graphql

image/png                                png
image/jpeg                               jpg jpeg jpe jfif
image/gif                                gif
image/webp                               webp
image/avif                               avif
image/apng                               apng
image/jxl                                jxl
image/heic                               heic
image/heif                               heif
image/svg+xml                            svg
image/bmp                                bmp
image/tiff                               tif tiff
image/vnd.microsoft.icon                 ico cur
image/vnd.djvu                           djvu djv

audio/mpeg                               mp3 mp2
audio/mp4                                m4a m4b
audio/aac                                aac
audio/ogg                                ogg oga spx
audio/opus                               opus
audio/flac                               flac
audio/wav                                wav
audio/webm                               weba
audio/midi                               mid midi
audio/x-aiff                             aif aiff
audio/x-mpegurl                          m3u
audio/matroska                           mka

video/mp4                                mp4 m4v
video/webm                               webm
video/ogg                                ogv
video/quicktime                          mov qt
video/x-msvideo                          avi
video/matroska                           mkv
video/mpeg                               mpeg mpg
video/mp2t                               ts m2ts
video/3gpp                               3gp
video/3gpp2                              3g2
video/x-flv                              flv
video/x-ms-wmv                           wmv
application/vnd.apple.mpegurl            m3u8
application/dash+xml                     mpd

font/woff                                woff
font/woff2                               woff2
font/ttf                                 ttf
font/otf                                 otf
font/collection                          ttc
application/vnd.ms-fontobject            eot

application/pdf                          pdf
application/postscript                   ps eps ai
application/rtf                          rtf
application/epub+zip                     epub
application/msword                       doc dot
application/vnd.ms-excel                 xls
application/vnd.ms-powerpoint            ppt
application/vnd.openxmlformats-officedocument.wordprocessingml.document    docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet          xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation  pptx
application/vnd.oasis.opendocument.text          odt
application/vnd.oasis.opendocument.spreadsheet   ods
application/vnd.oasis.opendocument.presentation  odp
application/vnd.oasis.opendocument.graphics      odg
application/vnd.google-earth.kml+xml     kml
application/vnd.google-earth.kmz         kmz
application/gpx+xml                      gpx

application/zip                          zip
application/gzip                         gz tgz
application/zstd                         zst
application/x-brotli                     br
application/x-bzip2                      bz2 tbz
application/x-xz                         xz txz
application/x-tar                        tar
application/x-7z-compressed              7z
application/vnd.rar                      rar
application/x-lzip                       lz
application/x-cpio                       cpio
application/java-archive                 jar war ear
application/vnd.android.package-archive  apk
application/vnd.debian.binary-package    deb udeb
application/x-rpm                        rpm
application/x-iso9660-image              iso
application/x-apple-diskimage            dmg
application/x-bittorrent                 torrent
application/x-zsync                      zsync
application/metalink4+xml                meta4
application/sql                          ddl
application/vnd.sqlite3                  sqlite sqlite3
application/x-x509-ca-cert               pem crt der
application/pgp-signature                sig
application/pgp-keys                     gpg
application/octet-stream                 bin img exe dll so msi
`
