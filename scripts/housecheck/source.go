package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
)

// source is one source file of the tree; name is its path below the root.
type source struct {
	name string
	text []byte
}

func (s *source) base() string      { return path.Base(s.name) }
func (s *source) directory() string { return path.Dir(s.name) }
func (s *source) isGo() bool        { return path.Ext(s.name) == ".go" }
func (s *source) isC() bool         { return path.Ext(s.name) == ".c" || path.Ext(s.name) == ".h" }

// isLibrary tells whether the file belongs to a package that others import: no command, no test.
func (s *source) isLibrary() bool {
	top, _, _ := strings.Cut(s.name, "/")
	return s.isGo() && !strings.HasSuffix(s.name, "_test.go") && (top == "cgo" || top == "goloop" || top == "internal")
}

// check applies every rule that concerns a single file.
func (s *source) check() (findings []string, err error) {
	if !s.isGo() && !s.isC() {
		return nil, nil
	}
	for i, line := range bytes.Split(s.text, []byte("\n")) {
		if openTodo.Match(line) {
			findings = append(findings, fmt.Sprintf("%s:%d: a reminder without its issue; put (#12) or the like behind the word", s.name, i+1))
		}
	}
	if !s.isGo() {
		return findings, nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, s.name, s.text, parser.SkipObjectResolution)
	if err != nil {
		return findings, err
	}
	importsC := false
	for _, spec := range file.Imports {
		if spec.Path.Value != `"C"` {
			continue
		}
		importsC = true
		if !strings.HasPrefix(s.name, "cgo/") {
			findings = append(findings, fmt.Sprintf(
				`%s: import "C" outside of cgo/; put the call into a package there and import that in internal/kernel`,
				files.Position(spec.Pos())))
		}
	}
	if !importsC {
		return findings, nil
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if assignment, ok := node.(*ast.AssignStmt); ok && asksForErrno(assignment) {
			findings = append(findings, fmt.Sprintf(
				"%s: the two-result form of a call into C; have the C function return the count or minus errno",
				files.Position(assignment.Pos())))
		}
		return true
	})
	return findings, nil
}

// openTodo is a reminder that names no issue. (The pattern must not match itself.)
var openTodo = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b($|[^(]|\([^#]|\(#[^0-9])`)

// asksForErrno tells whether an assignment is `n, err = C.f()`.
func asksForErrno(assignment *ast.AssignStmt) bool {
	if len(assignment.Lhs) != 2 || len(assignment.Rhs) != 1 {
		return false
	}
	call, ok := assignment.Rhs[0].(*ast.CallExpr)
	if !ok {
		return false
	}
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	qualifier, ok := function.X.(*ast.Ident)
	return ok && qualifier.Name == "C"
}
