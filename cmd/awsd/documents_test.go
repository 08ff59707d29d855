package main

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/serveconfig"
)

var update = flag.Bool("update", false, "write the tables in the documents again")

// TestDocuments holds the tables in the documents against the definitions.
func TestDocuments(t *testing.T) {
	dropIn := config.ShortMarkdown(new(command.DropIn).Table())
	for _, d := range []struct{ file, name, want string }{
		{"../../docs/operators-guide.md", "flags of aws", dropIn},
		{"../../docs/operators-guide.md", "options of aws serve", config.Markdown(new(serveconfig.Options).Table(), 4)},
		{"../../docs/configuration.md", "keys of sites", serveconfig.SiteReference(3)},
	} {
		old, err := os.ReadFile(d.file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := config.Replace(old, d.name, d.want)
		if err != nil {
			t.Errorf("%s: %v", d.file, err)
			continue
		}
		if bytes.Equal(old, text) {
			continue
		}
		if !*update {
			t.Errorf("%s: %s: the table is not what internal/serveconfig says; `go test ./cmd/awsd -update` writes it again", d.file, d.name)
			continue
		}
		if err := os.WriteFile(d.file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
