package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestTree checks the tree itself.
func TestTree(t *testing.T) {
	findings, err := check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

func TestCheck(t *testing.T) {
	const doc = "// Package p is.\npackage p\n"
	tests := []struct {
		name  string
		files map[string]string
		want  []string // a part of each finding
	}{
		{"nothing to find", map[string]string{"goloop/doc.go": doc, "goloop/turn.go": "package p\n"}, nil},
		{
			"C where it belongs",
			map[string]string{"cgo/p/doc.go": doc, "cgo/p/p.go": "package p\n\nimport \"C\"\n\nvar n = C.f()\n"},
			nil,
		},
		{
			"C in the kernel",
			map[string]string{"internal/kernel/doc.go": doc, "internal/kernel/p.go": "package p\n\nimport \"C\"\n"},
			[]string{`internal/kernel/p.go:3:8: import "C" outside of cgo/`},
		},
		{
			"C in a command",
			map[string]string{"cmd/aws/main.go": "package main\n\nimport \"C\"\n"},
			[]string{`cmd/aws/main.go:3:8: import "C" outside of cgo/`},
		},
		{
			"errno as the second result",
			map[string]string{"cgo/p/doc.go": doc, "cgo/p/p.go": "package p\n\nimport \"C\"\n\nfunc f() { n, err := C.f(); _, _ = n, err }\n"},
			[]string{"cgo/p/p.go:5:12: the two-result form"},
		},
		{
			"no doc.go",
			map[string]string{"internal/request/head.go": "package request\n", "internal/request/body.go": "package request\n"},
			[]string{"internal/request: the package has no doc.go"},
		},
		{"a command needs no doc.go", map[string]string{"cmd/aws/main.go": "package main\n"}, nil},
		{
			"a reminder needs an issue",
			map[string]string{"cgo/p/p.c": "/* TO" + "DO(#12): fine */\n/* TO" + "DO: not fine */\n"},
			[]string{"cgo/p/p.c:2: a reminder without its issue"},
		},
		{
			"words of the field",
			map[string]string{
				"cmd/aws/main.go":  "package main\n\n// There is no directory. X is not a file. It is no longer so. The answering machine t.Helper().\nvar facet, scrambled, directory int\n",
				"tests/x/x.go":     "package x\n\n// X starts h2load --warm-up-time=1.\n",
				"docs/glossary.md": "response, not an answer\n", "go.sum": "folder\n",
			},
			nil,
		},
		{
			"words that are not the field's",
			map[string]string{"cmd/aws/main.go": "package main\n\n// X is no file.\nvar openFolder, FOLDERS = \"the answer\", 1 // read anew in a turn of the loop\n"},
			[]string{
				`cmd/aws/main.go:3: "X is no file"`, `cmd/aws/main.go:4: "Folder" in openFolder: use directory`, `cmd/aws/main.go:4: "FOLDERS" in FOLDERS`,
				`cmd/aws/main.go:4: "the answer": use response`, `cmd/aws/main.go:4: "turn of the loop": use iteration`, `cmd/aws/main.go:4: "anew": use again`,
			},
		},
		{
			"words in documents, in C and in the Makefile",
			map[string]string{"README.md": "# aws\nA folder.\n", "cgo/p/p.c": "/* whoever */\n", "Makefile": "all: ## the dialects\n"},
			[]string{`Makefile:1: "dialects"`, `README.md:2: "folder"`, `cgo/p/p.c:1: "whoever"`},
		},
		{"what is built is not checked", map[string]string{"build/a.go": "package a\n\nimport \"C\"\n"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := make(fstest.MapFS)
			for name, text := range test.files {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := check(tree)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(test.want) {
				t.Fatalf("found %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("found %q, want %q", got[i], want)
				}
			}
		})
	}
}
