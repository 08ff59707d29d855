package response

import (
	"path"
	"strings"
)

// The sizes of files that the server compresses. A response with a smaller file fits one packet anyway. The content and the form of
// a larger file would need too much memory.
const (
	CompressMinBytesDefault int64 = 1 << 10
	CompressMaxBytes        int64 = 8 << 20
)

// DefaultCompressTypes are the media types that the server compresses, as patterns of TypeMatches. Types whose formats are
// compressed already, such as those of images, fonts for the web, audio, video and archives, are not among them.
var DefaultCompressTypes = []string{
	"text/*", "application/*json", "application/*xml", "application/javascript", "application/x-javascript", "application/ecmascript",
	"application/wasm", "application/yaml", "application/toml", "application/graphql", "application/sql", "application/rtf",
	"application/vnd.apple.mpegurl", "application/vnd.ms-fontobject", "font/ttf", "font/otf", "font/collection",
	"image/svg+xml", "image/bmp", "image/vnd.microsoft.icon", "image/x-icon",
}

// ValidTypePattern reports whether TypeMatches can match a pattern: it has a slash, and is one of path.Match.
func ValidTypePattern(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err == nil && strings.Count(pattern, "/") == 1 && ValidField("X", pattern) && strings.ToLower(pattern) == pattern
}

// TypeMatches reports whether one of the patterns of path.Match, which are in lower case, matches a media type. Parameters do not
// count.
func TypeMatches(patterns []string, mediaType string) bool {
	essence, _, _ := strings.Cut(mediaType, ";")
	essence = strings.ToLower(strings.TrimSpace(essence))
	for _, p := range patterns {
		if ok, err := path.Match(p, essence); ok && err == nil {
			return true
		}
	}
	return false
}

// ForbidsTransforming reports whether a value of Cache-Control has the directive no-transform (RFC 9111 section 5.2.2.6).
func ForbidsTransforming(cacheControl string) bool {
	for directive := range strings.SplitSeq(cacheControl, ",") {
		if strings.EqualFold(strings.TrimSpace(directive), "no-transform") {
			return true
		}
	}
	return false
}
