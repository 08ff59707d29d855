package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestMutations checks that each mutation has one directive, that each directive has its mutation, and that each mutant
// compiles.
func TestMutations(t *testing.T) {
	const root = "../.."
	mutants, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	packages := listPackages(t, root, mutants)
	for _, m := range mutants {
		if before, after := m.difference(); before == after {
			t.Errorf("mutation %s changes nothing", m.name)
		}
		p := packages.byDirectory[filepath.Dir(m.place.path)]
		if err := packages.check(p, filepath.Base(m.place.path), m.place.changed(m.change)); err != nil {
			t.Errorf("mutation %s does not compile: %v", m.name, err)
		}
	}
}

// goPackage is what `go list -json` prints of a package.
type goPackage struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// packageList is packages of the module and those that they import.
type packageList struct {
	files       *token.FileSet
	importer    types.Importer
	byDirectory map[string]*goPackage // below the root
	parsed      map[string]*ast.File
}

// listPackages returns the packages of mutants.
func listPackages(t *testing.T, root string, mutants []*mutant) *packageList {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles"}
	for _, m := range mutants {
		if path := "./" + filepath.Dir(m.place.path); !slices.Contains(args, path) {
			args = append(args, path)
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	l := &packageList{
		files:       token.NewFileSet(),
		byDirectory: make(map[string]*goPackage),
		parsed:      make(map[string]*ast.File),
	}
	exports := make(map[string]string)
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := &goPackage{}
		if err := decoder.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if directory, err := filepath.Rel(absolute, p.Dir); err == nil {
			l.byDirectory[directory] = p
		}
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	l.importer = importer.ForCompiler(l.files, runtime.Compiler, lookup)
	return l
}

// check type checks a package, with other source in one of its files.
func (l *packageList) check(p *goPackage, changed string, source []byte) error {
	if !slices.Contains(p.GoFiles, changed) {
		return fmt.Errorf("%s is not built", changed)
	}
	var files []*ast.File
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		file := l.parsed[path]
		if name == changed || file == nil {
			var text any
			if name == changed {
				text = source
			}
			var err error
			if file, err = parser.ParseFile(l.files, path, text, parser.SkipObjectResolution); err != nil {
				return err
			}
			if name != changed {
				l.parsed[path] = file
			}
		}
		files = append(files, file)
	}
	_, err := (&types.Config{Importer: l.importer}).Check(p.ImportPath, l.files, files, nil)
	return err
}

const testSource = `package p

func f(c *conn, ops []op) bool {
	//mutation:dropped
	c.close()
	//mutation:first
	//mutation:second
	if n := len(ops); n > 1 && c.open {
		for c.open {
			return c.send(ops[1:]...)
		}
	}
	switch {
	//mutation:clause
	case c.open:
		return true
	}
	return g(
		//mutation:argument
		1+2,
		c.x < c.y,
	)
}
`

func TestEdits(t *testing.T) {
	places := make(map[string]*place)
	if err := addPlaces(places, "p.go", []byte(testSource)); err != nil {
		t.Fatal(err)
	}
	const loop = "for c.open {\n\t\t\treturn c.send(ops[1:]...)\n\t\t}"
	tests := []struct {
		name     string
		edit     edit
		from, to string // "": the edit does not fit
	}{
		{"dropped", drop(), "c.close()", ""},
		{"dropped", replace("$c.close()", "$c.abort($c)"), "c.close()", "c.abort(c)"},
		{"dropped", replace("$s", "if ok { $s }"), "c.close()", "if ok { c.close() }"},
		{"dropped", replace("$c.close($_)", "$c.open()"), "", ""},
		{"dropped", replace("$c.$f()", "$other.f()"), "", ""},
		{"dropped", never(), "", ""},
		{"first", never(), "n > 1 && c.open", "false && (n > 1 && c.open)"},
		{"second", replace("$a && $b", "$b"), "n > 1 && c.open", "c.open"},
		{"second", replace("$a && $_", "!$a"), "n > 1 && c.open", "!(n > 1)"},
		{"second", replace("$list[$i:]", "$list[$i:2*$i]"), "ops[1:]", "ops[1:2*1]"},
		{"second", replace("$c.send($x...)", "$c.send($x[:1]...)"), "c.send(ops[1:]...)", "c.send(ops[1:][:1]...)"},
		{"second", replace("$c.send($x)", "$c.send()"), "", ""},
		{"second", replace("for $c { $s }", "$s"), loop, "return c.send(ops[1:]...)"},
		{"second", replace("$x $y", ""), "", ""},
		{"clause", drop(), "case c.open:\n\t\treturn true", ""},
		{"argument", replace("$a + $a", "$a"), "", ""},
		{"argument", replace("$a + $b", "$b - $a"), "1+2", "2 - 1"},
	}
	for _, test := range tests {
		p := places[test.name]
		if p == nil {
			t.Fatalf("%s: no such place", test.name)
		}
		c, err := test.edit.of(p)
		if test.from == "" {
			if err == nil {
				t.Errorf("%s: %q fits", test.name, test.edit.from)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := testSource[c.from:c.to]; got != test.from || c.text != test.to {
			t.Errorf("%s: %q becomes %q, want %q to become %q", test.name, got, c.text, test.from, test.to)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{"package p\n\n//mutation:a\nfunc f() {}\n", ""},
		{"package p\n\n//mutation:a\nfunc f() {}\n\n//mutation:a\nfunc g() {}\n", "mutation a is in"},
		{"package p\n\n//mutation:a\n\nfunc f() {}\n", "no code begins on the line below mutation a"},
		{"package p\n\nfunc f() {\n\tg()\n\t//mutation:a\n}\n", "no code begins on the line below mutation a"},
		{"package p\n\nvar s = `\n//mutation:a\n`\n\n// See\n// //mutation:a\nvar t int\n", ""},
		{"package p\n\n//mutation:a\nfunc f( {}\n", "p.go:4"},
	} {
		err := addPlaces(make(map[string]*place), "p.go", []byte(test.source))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.source, err, test.want)
		}
	}
}
