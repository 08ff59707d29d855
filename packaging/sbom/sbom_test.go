package sbom

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// TestDocument makes the document of the program itself, twice.
func TestDocument(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "aws")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/awsd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	subject := Subject{
		Binary: binary, Name: "aws", Version: "v1.0.0", Commit: "abc", License: "MIT",
		Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Dir: "../..",
	}
	var texts [2]string
	for i := range texts {
		d, err := New(subject)
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Error("two documents of one binary differ")
	}
	var d cdx.BOM
	if err := json.Unmarshal([]byte(texts[0]), &d); err != nil {
		t.Fatal(err)
	}
	if d.BOMFormat != cdx.BOMFormat || d.SpecVersion != cdx.SpecVersion1_6 || d.Metadata.Timestamp != "2026-02-03T04:05:06Z" ||
		!regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(d.SerialNumber) {
		t.Errorf("%.300s", texts[0])
	}
	seen, refs := map[string]cdx.Component{}, map[string]bool{}
	for _, c := range *d.Components {
		seen[c.Name] = c
		if refs[c.BOMRef] {
			t.Errorf("%s is there twice", c.BOMRef)
		}
		refs[c.BOMRef] = true
		if strings.Contains(c.Name, "/") && (c.Version == "" || c.Licenses == nil || len(*c.Licenses) != 1) {
			t.Errorf("%s: version %q, licenses %v", c.Name, c.Version, c.Licenses)
		}
	}
	for _, name := range []string{"std", "github.com/spf13/cobra", "golang.org/x/sys", "libaio.so.1", "libc.so.6"} {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if id := (*seen["github.com/spf13/cobra"].Licenses)[0].License.ID; id != "Apache-2.0" {
		t.Errorf("cobra's license is %s", id)
	}
	needs := *d.Dependencies
	if len(needs) != len(*d.Components)+1 || len(*needs[0].Dependencies) != len(*d.Components) {
		t.Errorf("%d dependencies of %d components", len(needs), len(*d.Components))
	}
}

func TestNotices(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "aws")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/awsd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := Notices(binary, "../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nGo 1.", "\ngithub.com/spf13/cobra v", "Apache License", "The Go Authors"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q", want)
		}
	}
}

func TestRecognize(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms, with or without modification, are permitted."
	for _, c := range []struct{ text, want string }{
		{"MIT License\n\nPermission is hereby granted, free of charge, to any\nperson. The above copyright notice and this permission\n notice shall be included.", "MIT"},
		{bsd, "BSD-2-Clause"},
		{bsd + " Neither the name may be used to endorse or promote products.", "BSD-3-Clause"},
		{"all rights reserved", ""},
	} {
		if got := Recognize(c.text); got != c.want {
			t.Errorf("%.30q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestNoBinary(t *testing.T) {
	if _, err := New(Subject{Binary: "sbom_test.go"}); err == nil {
		t.Error("a text has a bill of materials")
	}
}
