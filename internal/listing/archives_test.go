package listing

import (
	"bytes"
	"testing"
)

// TestArchiveLinks has a link for each format in the page, and in nothing else.
func TestArchiveLinks(t *testing.T) {
	p := page("/a/", bothKinds("x")...)
	before := p.AppendHTML(nil)
	if bytes.Contains(before, []byte("?archive=")) {
		t.Error("a link to an archive that there is not")
	}
	p.Archives = []string{"tar.gz", "zip"}
	html := p.AppendHTML(nil)
	parse(t, html)
	for _, link := range []string{`href="?archive=tar.gz">.tar.gz</a>`, `href="?archive=zip">.zip</a>`} {
		if !bytes.Contains(html, []byte(link)) {
			t.Errorf("%s is missing", link)
		}
	}
	for _, f := range []Format{JSON, Text} {
		if bytes.Contains(p.Append(nil, f), []byte("archive")) {
			t.Errorf("format %v has a link", f)
		}
	}
}
