package goloop

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aws/internal/connstate"
)

// declarations are the names that the project's sources declare, and the packages that each package imports.
type declarations struct {
	names   map[string]bool     // of everything, fields, methods and packages included
	members map[string]bool     // "T.f" for a field or method f of a type T, "p.x" for a name x of a package p
	inFile  map[string][]string // by the file's path, without the tests
	imports map[string][]string // by the package's directory
	native  string              // the text of the C sources
}

// declare notes a name that a file declares. of is what it belongs to besides its package: a type, or "".
func (d *declarations) declare(file, pkg, of, name string) {
	d.names[name] = true
	d.inFile[file] = append(d.inFile[file], name)
	if of != "" {
		name = of + "." + name
		d.inFile[file] = append(d.inFile[file], name)
	} else {
		name = pkg + "." + name
	}
	d.members[name] = true
}

// declareFields notes the fields of a struct, or the methods of an interface.
func (d *declarations) declareFields(file, pkg, of string, list *ast.FieldList) {
	for _, f := range list.List {
		for _, n := range f.Names {
			d.declare(file, pkg, of, n.Name)
		}
	}
}

// add notes what a file declares.
func (d *declarations) add(name string, f *ast.File) {
	pkg := f.Name.Name
	d.names[pkg] = true
	for _, i := range f.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			d.imports[path.Dir(name)] = append(d.imports[path.Dir(name)], strings.TrimPrefix(p, "aws/"))
		}
	}
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			of := ""
			if decl.Recv != nil {
				t := decl.Recv.List[0].Type
				if s, ok := t.(*ast.StarExpr); ok {
					t = s.X
				}
				if i, ok := t.(*ast.Ident); ok {
					of = i.Name
				}
			}
			d.declare(name, pkg, of, decl.Name.Name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						d.declare(name, pkg, "", n.Name)
					}
				case *ast.TypeSpec:
					d.declare(name, pkg, "", spec.Name.Name)
					switch t := spec.Type.(type) {
					case *ast.StructType:
						d.declareFields(name, pkg, spec.Name.Name, t.Fields)
					case *ast.InterfaceType:
						d.declareFields(name, pkg, spec.Name.Name, t.Methods)
					}
				}
			}
		}
	}
}

// declared reads the project's sources.
func declared(t *testing.T) *declarations {
	t.Helper()
	d := &declarations{names: map[string]bool{}, members: map[string]bool{}, inFile: map[string][]string{}, imports: map[string][]string{}}
	files := token.NewFileSet()
	read := func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(at), "../")
		switch {
		case path.Ext(name) == ".c" || path.Ext(name) == ".h":
			text, err := os.ReadFile(at)
			d.native += string(text)
			return err
		case path.Ext(name) != ".go":
			return nil
		}
		f, err := parser.ParseFile(files, at, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(name, "_test.go") {
			d.add(name, f)
			return nil
		}
		for _, decl := range f.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				d.names[f.Name.Name] = true
			}
		}
		return nil
	}
	for _, dir := range []string{"../goloop", "../internal", "../cgo", "../cmd"} {
		if err := filepath.WalkDir(dir, read); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// foreign are the names in docs/architecture.md that are others': system calls, programs, fields of HTTP.
var foreign = strings.Fields(`accept4 aws cachestat close Date epoll_ctl epoll_wait io_getevents io_setup io_submit malloc
	memfd_create mmap openat2 recv send sendfile statx tcp_mem unsafe`)

// directoriesOf are the packages whose files docs/architecture.md names without their directories.
var directoriesOf = []string{"goloop", "internal/loader"}

// TestArchitectureNamesWhatThereIs holds docs/architecture.md against the code: every file, package, type, function, field
// and constant that it names is there, and the file behind a name in brackets is the one that declares it.
func TestArchitectureNamesWhatThereIs(t *testing.T) {
	text, d := readDocument(t, architecture), declared(t)
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		if why := d.missing(m[1]); why != "" {
			t.Errorf("%s: `%s`: %s", architecture, m[1], why)
		}
	}
	within := regexp.MustCompile("`([\\w.]+)`\\s+(?:\\(|in\\s+)`([\\w/]+\\.go)`").FindAllStringSubmatch(text, -1)
	for _, m := range within {
		name := m[1][strings.LastIndexByte(m[1], '.')+1:]
		declares := func(dir string) bool {
			list := d.inFile[path.Join(dir, m[2])]
			return slices.Contains(list, m[1]) || slices.Contains(list, name) && !strings.Contains(m[1], ".")
		}
		if pkg, x, qualified := strings.Cut(m[1], "."); !slices.ContainsFunc(append(directoriesOf, ""), declares) &&
			!(qualified && path.Base(path.Dir(m[2])) == pkg && slices.Contains(d.inFile[m[2]], x)) {
			t.Errorf("%s: %s does not declare %s", architecture, m[2], m[1])
		}
	}
	if len(within) < 40 {
		t.Errorf("%d names with their files: they are not recognised", len(within))
	}
}

// missing returns why a piece of code in a document can't be right, or "" if it may be.
func (d *declarations) missing(code string) string {
	exists := func(name string) bool { _, err := os.Stat("../" + name); return err == nil }
	switch {
	case slices.Contains(foreign, code):
	case regexp.MustCompile(`^CONN_\w+$`).MatchString(code):
		for s := range connstate.StateCount {
			if s.String() == code {
				return ""
			}
		}
		return "there is no such state"
	case regexp.MustCompile(`^[\w.]+\.(go|c)$`).MatchString(code):
		if !slices.ContainsFunc(directoriesOf, func(dir string) bool { return exists(path.Join(dir, code)) }) {
			return "there is no such file"
		}
	case regexp.MustCompile(`^(cgo|cmd|contrib|docs|goloop|internal|scripts|tests)/[\w./]*$`).MatchString(code):
		if !exists(code) {
			return "there is no such file or directory"
		}
	case regexp.MustCompile(`^[A-Z0-9_]+$`).MatchString(code): // a constant of the system
	case regexp.MustCompile(`^aws_\w+$`).MatchString(code):
		if !strings.Contains(d.native, code+"(") {
			return "there is no such function in C"
		}
	case regexp.MustCompile(`^[a-zA-Z]\w*\.\w+$`).MatchString(code):
		if !d.members[code] {
			return "there is no such field, method or name of a package"
		}
	case regexp.MustCompile(`^[a-zA-Z]\w*$`).MatchString(code):
		if !d.names[code] {
			return "nothing has this name"
		}
	}
	return ""
}

// TestArchitectureShowsTheLayers holds the arrows of the picture of the parts against the imports.
func TestArchitectureShowsTheLayers(t *testing.T) {
	text, d := readDocument(t, architecture), declared(t)
	_, picture, _ := strings.Cut(text, "```mermaid\nflowchart TD\n")
	picture, _, _ = strings.Cut(picture, "```")
	nodes := map[string][]string{}
	label := regexp.MustCompile(`(\w+)\["([^"<]+)<br>[^"]*"\]`)
	for _, m := range label.FindAllStringSubmatch(picture, -1) {
		nodes[m[1]] = strings.Split(m[2], ", ")
	}
	arrows := 0
	for _, line := range strings.Split(label.ReplaceAllString(picture, "$1"), "\n") {
		from, to, isArrow := strings.Cut(strings.TrimSpace(line), " --> ")
		if !isArrow {
			continue
		}
		for _, a := range strings.Split(from, " & ") {
			for _, b := range strings.Split(to, " & ") {
				arrows++
				if !slices.ContainsFunc(nodes[a], func(p string) bool {
					return slices.ContainsFunc(d.imports[p], func(q string) bool { return slices.Contains(nodes[b], q) })
				}) {
					t.Errorf("%s: nothing of %v imports anything of %v", architecture, nodes[a], nodes[b])
				}
			}
		}
	}
	if arrows < 25 {
		t.Errorf("%d arrows: they are not recognised", arrows)
	}
}
