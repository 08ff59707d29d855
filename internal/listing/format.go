package listing

import "aws/internal/response"

// A Format is a form in which a listing is sent. The zero value is HTML.
type Format uint8

// The formats.
const (
	HTML Format = iota // for people: AppendHTML
	JSON               // for programs: AppendJSON
	Text               // for scripts: AppendText
)

// mediaTypes are the media types of the formats, without parameters.
var mediaTypes = []string{HTML: "text/html", JSON: "application/json", Text: "text/plain"}

// NegotiateFormat returns the format that the lines of Accept prefer; see response.NegotiateType. Without a preference it
// is HTML, and JSON goes before Text.
func NegotiateFormat(accept [][]byte) Format {
	return Format(response.NegotiateType(accept, mediaTypes))
}

// Extension returns the extension of file names with the format's media type, such as ".html".
func (f Format) Extension() string {
	switch f {
	case JSON:
		return ".json"
	case Text:
		return ".txt"
	default:
		return ".html"
	}
}

// Append appends the listing in a format.
func (p *Page) Append(dst []byte, f Format) []byte {
	switch f {
	case JSON:
		return p.AppendJSON(dst)
	case Text:
		return p.AppendText(dst)
	default:
		return p.AppendHTML(dst)
	}
}
