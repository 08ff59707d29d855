package listing

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// ReadmeBytesMax is the number of bytes of a README that the page shows.
const ReadmeBytesMax = 64 << 10

// A Readme is the file that describes a directory to people.
type Readme struct {
	// Name is its name in the directory. "" means that there is none.
	Name string
	// Text is its content, or at least the first ReadmeBytesMax+1 bytes of it. The page shows the first ReadmeBytesMax, and
	// says so if there are more.
	Text []byte
}

// readmeNames are the names of a README in lower case, the preferred one first.
var readmeNames = [...]string{"readme.md", "readme.txt", "readme"}

// ReadmeNames collects the names in a directory that are those of a README.
type ReadmeNames struct {
	names [len(readmeNames)]string
}

// Add adds a name if it is that of a README, regardless of case. Of names that differ only in case, the first one in byte
// order is kept, so the result does not depend on the order in which the names are added.
func (r *ReadmeNames) Add(name string) {
	for i, want := range readmeNames {
		if len(name) == len(want) && strings.ToLower(name) == want && (r.names[i] == "" || name < r.names[i]) {
			r.names[i] = name
		}
	}
}

// All calls yield with the names that were added, the preferred one first, until it returns false.
func (r *ReadmeNames) All(yield func(name string) bool) {
	for _, name := range r.names {
		if name != "" && !yield(name) {
			return
		}
	}
}

// appendReadme appends the section with the README, unless there is none or it is not text: a file with a NUL is not.
func appendReadme(dst []byte, r *Readme) []byte {
	text := r.Text
	more := len(text) > ReadmeBytesMax
	if more {
		text = cutText(text, ReadmeBytesMax)
	}
	if r.Name == "" || bytes.IndexByte(text, 0) >= 0 {
		return dst
	}
	dst = append(dst, "<section aria-labelledby=\"readme\">\n<h2 id=\"readme\"><a href=\""...)
	dst = appendHref(dst, r.Name)
	dst = append(dst, "\"><bdi>"...)
	dst = appendText(dst, r.Name)
	dst = append(dst, "</bdi></a></h2>\n<pre>\n"...) // HTML ignores the line feed after the tag
	dst = appendLines(dst, string(bytes.TrimPrefix(text, []byte("\ufeff"))))
	dst = append(dst, "</pre>\n"...)
	if more {
		dst = append(dst, "<p>Only the first 64 KiB of the file are shown.</p>\n"...)
	}
	return append(dst, "</section>\n"...)
}

// cutText returns the first n bytes of text, less the beginning of a character that ends behind them.
func cutText(text []byte, n int) []byte {
	for back := 1; back < utf8.UTFMax; back++ {
		if utf8.RuneStart(text[n-back]) {
			if !utf8.FullRune(text[n-back : n]) {
				n -= back
			}
			break
		}
	}
	return text[:n]
}

// appendLines appends text like appendText, with its tabs and its ends of lines, which are LF, CR LF or CR.
func appendLines(dst []byte, text string) []byte {
	for {
		end := strings.IndexAny(text, "\t\n\r")
		if end < 0 {
			return appendText(dst, text)
		}
		dst = appendText(dst, text[:end])
		if text[end] == '\t' {
			dst = append(dst, '\t')
		} else {
			dst = append(dst, '\n')
		}
		if strings.HasPrefix(text[end:], "\r\n") {
			end++
		}
		text = text[end+1:]
	}
}
