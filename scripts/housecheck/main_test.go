package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

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
