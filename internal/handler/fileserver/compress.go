package fileserver

import (
	"fmt"

	"aws/internal/docroot"
	"aws/internal/response"
)

// compressRule says which files the server compresses.
type compressRule struct {
	types    []string // patterns of response.TypeMatches
	bytesMin int64
}

var defaultCompressRule = compressRule{response.DefaultCompressTypes, response.CompressMinBytesDefault}

// refusesCompression returns why the server does not compress a file, or "".
func (p *preparation) refusesCompression(f *docroot.File) string {
	rule, cache := p.policy.compress, p.cacheControl
	if cache == "" {
		cache = p.policy.cacheControl
	}
	switch {
	case rule == nil:
		return "compress is off"
	case f.Made:
		return "listings are not compressed"
	case !response.TypeMatches(rule.types, p.mediaType):
		return fmt.Sprintf("%s is not among compress-types", p.mediaType)
	case f.Size < rule.bytesMin:
		return fmt.Sprintf("it is smaller than compress-min-bytes, %d", rule.bytesMin)
	case f.Size > response.CompressMaxBytes:
		return fmt.Sprintf("it is larger than %d bytes", response.CompressMaxBytes)
	case response.ForbidsTransforming(cache):
		return "Cache-Control has no-transform"
	}
	return ""
}

// ExplainCompression returns what is to be said about the compression of the file of a response, or "" if compress is off.
func ExplainCompression(f *docroot.File) string {
	p := prepared(f)
	switch {
	case p.policy.compress == nil:
		return ""
	case p.notCompressed != "":
		return "no, because " + p.notCompressed
	}
	return "zstd, br or gzip, for clients that accept it"
}
