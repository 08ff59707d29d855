package admin

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedMetrics looks every metric up that a document or a dashboard names.
func TestDocumentedMetrics(t *testing.T) {
	a := New(Options{Certificates: func() []Certificate { return []Certificate{{Name: "example.org"}} }})
	a.Watch(newWorld())
	_, _, metrics := get(t, start(t, a)+"/metrics")
	name := regexp.MustCompile(`\bawsd_[a-z]+(?:_[a-z]+)+\b`)
	for _, file := range []string{
		"../../README.md", "../../docs/operators-guide.md", "../../docs/architecture.md", "../../contrib/README.md", "../../contrib/grafana/dashboard.json",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllString(string(text), -1) {
			if of := regexp.MustCompile(`_(?:bucket|sum|count)$`).ReplaceAllString(m, ""); !strings.Contains(metrics, "# TYPE "+of+" ") {
				t.Errorf("%s: there is no %s", file, m)
			}
		}
	}
}
