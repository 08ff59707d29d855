package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// directive begins the comment that marks the code of a mutation, which begins on the next line.
const directive = "//mutation:"

// place is the code that a directive marks.
type place struct {
	path   string // of the file, below the root of the repository
	source []byte
	lines  *token.File
	node   ast.Node // the outermost one that begins on the line below the directive
}

func (p *place) offset(at token.Pos) int { return p.lines.Offset(at) }

func (p *place) text(n ast.Node) string { return string(p.source[p.offset(n.Pos()):p.offset(n.End())]) }

func (p *place) change(n ast.Node, text string) *change {
	return &change{from: p.offset(n.Pos()), to: p.offset(n.End()), text: text}
}

func (p *place) line() int { return p.lines.Line(p.node.Pos()) }

// changed returns the file with a change.
func (p *place) changed(c *change) []byte {
	return bytes.Join([][]byte{p.source[:c.from], []byte(c.text), p.source[c.to:]}, nil)
}

// findPlaces finds all directives of the tree below root.
func findPlaces(root string) (map[string]*place, error) {
	places := make(map[string]*place)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "build" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Contains(source, []byte(directive)) {
			return nil
		}
		if path, err = filepath.Rel(root, path); err != nil {
			return err
		}
		return addPlaces(places, path, source)
	})
	return places, err
}

// addPlaces adds the places of a file.
func addPlaces(places map[string]*place, path string, source []byte) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	lines := files.File(file.FileStart)
	names := make(map[int]string) // by line
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if name, ok := strings.CutPrefix(comment.Text, directive); ok {
				names[lines.Line(comment.Pos())] = name
			}
		}
	}
	for at, name := range names {
		if first := places[name]; first != nil {
			return fmt.Errorf("%s:%d: mutation %s is in %s:%d too", path, at, name, first.path, first.line())
		}
		marked := at + 1
		for names[marked] != "" { // several directives mark the same code
			marked++
		}
		p := &place{path: path, source: source, lines: lines, node: firstOnLine(file, lines, marked)}
		if p.node == nil {
			return fmt.Errorf("%s:%d: no code begins on the line below mutation %s", path, at, name)
		}
		places[name] = p
	}
	return nil
}

// firstOnLine returns the outermost declaration, statement or expression that begins on a line, or nil.
func firstOnLine(file *ast.File, lines *token.File, line int) (found ast.Node) {
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil || found != nil {
			return false
		}
		switch n.(type) {
		case *ast.File, *ast.Comment, *ast.CommentGroup, *ast.BlockStmt, *ast.FieldList:
		default:
			if lines.Line(n.Pos()) == line {
				found = n
			}
		}
		return found == nil
	})
	return found
}
