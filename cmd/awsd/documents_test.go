package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// testsOf matches the tests that a document names, with the directory that they are in.
var testsOf = regexp.MustCompile("((?:`(?:Test|Fuzz)[A-Za-z0-9]+`(?:, )?)+) of `([a-z0-9/]+)`")

// TestThreatModel sees that the tests exist that the threat model names, and that each row of a table names one.
func TestThreatModel(t *testing.T) {
	const root = "../../"
	text, err := os.ReadFile(root + "docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && !strings.Contains(line, "---") && !strings.Contains(line, "| test |") && !testsOf.MatchString(cells[3]) {
			t.Errorf("no test holds %s", cells[1])
		}
	}
	named := 0
	for _, found := range testsOf.FindAllStringSubmatch(string(text), -1) {
		files, err := filepath.Glob(root + found[2] + "/*_test.go")
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no tests: %v", found[2], err)
		}
		var all []byte
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, source...)
		}
		for name := range strings.SplitSeq(found[1], ", ") {
			named++
			if !strings.Contains(string(all), "func "+strings.Trim(name, "`")+"(") {
				t.Errorf("%s has no test %s", found[2], name)
			}
		}
	}
	if want := strings.Count(string(text), "`Test") + strings.Count(string(text), "`Fuzz"); named != want || named < 30 {
		t.Errorf("%d tests are named with the directory that they are in, of %d", named, want)
	}
}
