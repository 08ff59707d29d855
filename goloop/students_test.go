package goloop

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws/internal/connstate"
	"aws/internal/loader"
)

// TestStudents holds docs/for-students.md against the code: the functions, fields and files that it names
// are there, each of its traces goes along the table of transitions, and no state is left out.
func TestStudents(t *testing.T) {
	text, err := os.ReadFile("../docs/for-students.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := ""
	for _, pattern := range []string{"*.go", "../internal/*/*.go", "../internal/*/*/*.go", "../cgo/*/*.go", "../cgo/*/*.c"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources += string(source)
		}
	}
	fields := map[string]reflect.Type{"conn": reflect.TypeFor[conn](), "exchange": reflect.TypeFor[exchange](), "fileBody": reflect.TypeFor[fileBody](), "Transfer": reflect.TypeFor[loader.Transfer]()}
	for _, m := range regexp.MustCompile("`(\\w+)\\.(\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if m[1] == "conn" && m[2] == "write_buff" {
			continue // the original's
		}
		if of := fields[m[1]]; of != nil {
			if _, ok := of.FieldByName(m[2]); ok {
				continue
			}
		}
		if !regexp.MustCompile(`func \(\w+ \*?`+m[1]+`\) `+m[2]+`\(`).MatchString(sources) &&
			!strings.Contains(sources, "package "+m[1]+"\n") {
			t.Errorf("%s has no method %s", m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+/[a-z/_]+\\.(?:go|c))`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Error(err)
		}
	}
	allowed := connstate.Transitions()
	traced := regexp.MustCompile(`(?m)^conn \d+: (CONN_\w+ -> CONN_\w+)$`).FindAllStringSubmatch(string(text), -1)
	for _, m := range traced {
		if !slices.Contains(allowed, m[1]) {
			t.Errorf("%s is not a transition", m[1])
		}
	}
	if len(traced) < 20 {
		t.Errorf("%d transitions: the traces are not recognised", len(traced))
	}
	for s := range connstate.StateCount {
		if !strings.Contains(string(text), "`"+s.String()+"`") {
			t.Errorf("there is nothing about %v", s)
		}
	}
}
