package listing

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// TestContentSecurityPolicy: the policy permits the style and the script of the page by their hashes, and nothing else that
// would run.
func TestContentSecurityPolicy(t *testing.T) {
	html := string(page("/", bothKinds("x")...).AppendHTML(nil))
	want := "default-src 'none'"
	for _, element := range []string{"script", "style"} {
		if n := strings.Count(html, "<"+element); n != 1 {
			t.Fatalf("the page has %d elements %s", n, element)
		}
		_, content, _ := strings.Cut(html, "<"+element+">")
		content, _, _ = strings.Cut(content, "</"+element+">")
		if strings.ContainsAny(content, "<&\r\x00") {
			t.Errorf("the %s holds a character that a browser may read differently", element)
		}
		if strings.Contains(content, "url(") || strings.Contains(content, "@import") || strings.Contains(content, "innerHTML") {
			t.Errorf("the %s asks for something from outside, or makes markup", element)
		}
		sum := sha256.Sum256([]byte(content))
		want += "; " + element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want += "; img-src data:; base-uri 'none'; form-action 'none'"
	if ContentSecurityPolicy != want {
		t.Errorf("the policy is\n%s, want\n%s", ContentSecurityPolicy, want)
	}
	for _, attribute := range []string{" style=", " onclick=", " onload="} {
		if strings.Contains(html, attribute) {
			t.Errorf("the policy does not permit%s", attribute)
		}
	}
}
