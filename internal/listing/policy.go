package listing

import (
	"crypto/sha256"
	_ "embed" // The style and the script are files of their own, so that editors know what they are.
	"encoding/base64"
)

// style is the content of the page's style element. It holds no '<' and no '&'.
//
//go:embed style.css
var style string

// script is the content of the page's script element, which the page works without. It holds no '<' and no '&'.
//
//go:embed filter.js
var script string

// ContentSecurityPolicy is the value of the header field to send with the page. It permits the page's own
// style and script, identified by their content, and the empty icon, and no other script, frame, form or request.
var ContentSecurityPolicy = "default-src 'none'; script-src " + hashSource(script) + "; style-src " + hashSource(style) +
	"; img-src data:; base-uri 'none'; form-action 'none'"

// hashSource returns the hash of an inline element's content as a source expression (CSP Level 3, section 2.3.1).
func hashSource(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
