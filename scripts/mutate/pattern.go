package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strings"
)

// wildcardPrefix is what a parser sees instead of the $ of a wildcard.
const wildcardPrefix = "wildcard_"

// parsePattern parses an expression or a statement in which $name is a wildcard: it stands for any expression, or for
// any statement where it is one. A name that occurs twice stands for the same text; $_ for anything, each time.
func parsePattern(text string) (ast.Node, error) {
	source := strings.ReplaceAll(text, "$", wildcardPrefix)
	if expression, err := parser.ParseExpr(source); err == nil {
		return expression, nil
	}
	source = "package p; func _() {" + source + "\n}"
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	body := file.Decls[0].(*ast.FuncDecl).Body.List
	if len(body) != 1 {
		return nil, fmt.Errorf("pattern %q: %d statements, want one", text, len(body))
	}
	return body[0], nil
}

// matcher holds what the wildcards of a pattern stand for.
type matcher struct {
	text     func(ast.Node) string
	captured map[string]ast.Node
}

// find returns the first node in or below root that the pattern matches, outermost first, or nil.
func (m *matcher) find(pattern, root ast.Node) (found ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil || found != nil {
			return false
		}
		m.captured = make(map[string]ast.Node)
		if m.match(reflect.ValueOf(pattern), reflect.ValueOf(n)) {
			found = n
		}
		return found == nil
	})
	return found
}

// match reports whether two syntax trees are equal but for positions, comments, and what wildcards stand for.
func (m *matcher) match(pattern, node reflect.Value) bool {
	if pattern.Kind() == reflect.Interface {
		pattern = pattern.Elem()
	}
	if node.Kind() == reflect.Interface {
		node = node.Elem()
	}
	if !pattern.IsValid() || !node.IsValid() {
		return pattern.IsValid() == node.IsValid()
	}
	if name, n := wildcard(pattern.Interface(), node.Interface()); name != "" {
		return m.capture(name, n)
	}
	if pattern.Type() != node.Type() {
		return false
	}
	switch pattern.Interface().(type) {
	case token.Pos: // what is optional, as the dots of f(a...), has to be there in both
		return pattern.Interface().(token.Pos).IsValid() == node.Interface().(token.Pos).IsValid()
	case *ast.CommentGroup:
		return true
	}
	switch pattern.Kind() {
	case reflect.Pointer:
		if pattern.IsNil() || node.IsNil() {
			return pattern.IsNil() == node.IsNil()
		}
		return m.match(pattern.Elem(), node.Elem())
	case reflect.Struct:
		for i := range pattern.NumField() {
			if !m.match(pattern.Field(i), node.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if pattern.Len() != node.Len() {
			return false
		}
		for i := range pattern.Len() {
			if !m.match(pattern.Index(i), node.Index(i)) {
				return false
			}
		}
		return true
	default:
		return pattern.Interface() == node.Interface()
	}
}

// wildcard returns the name of a pattern that is a wildcard, and what it stands for; else "".
func wildcard(pattern, node any) (string, ast.Node) {
	if statement, ok := pattern.(*ast.ExprStmt); ok {
		if n, ok := node.(ast.Stmt); ok {
			return wildcardName(statement.X), n
		}
		return "", nil
	}
	if n, ok := node.(ast.Expr); ok {
		if e, ok := pattern.(ast.Expr); ok {
			return wildcardName(e), n
		}
	}
	return "", nil
}

func wildcardName(e ast.Expr) string {
	if ident, ok := e.(*ast.Ident); ok {
		if name, ok := strings.CutPrefix(ident.Name, wildcardPrefix); ok {
			return name
		}
	}
	return ""
}

// capture notes what a wildcard stands for. It returns false if the wildcard stands for something else already.
func (m *matcher) capture(name string, n ast.Node) bool {
	if name == "_" {
		return true
	}
	if before := m.captured[name]; before != nil {
		return m.text(before) == m.text(n)
	}
	m.captured[name] = n
	return true
}

var wildcardInTemplate = regexp.MustCompile(`\$\w+`)

// fill returns the template with the text of what its wildcards stand for.
func (m *matcher) fill(template string) (string, error) {
	var err error
	filled := wildcardInTemplate.ReplaceAllStringFunc(template, func(name string) string {
		n := m.captured[name[1:]]
		switch n.(type) {
		case nil:
			err = fmt.Errorf("template %q: %s is not in the pattern", template, name)
			return ""
		case *ast.BinaryExpr:
			return "(" + m.text(n) + ")"
		default:
			return m.text(n)
		}
	})
	return filled, err
}
