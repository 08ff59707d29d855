package main

import (
	"errors"
	"fmt"
	"go/ast"
	"strings"
)

// edit changes the code that a directive marks.
type edit struct {
	// from is a pattern. The first code that it matches, outermost first, is replaced. Empty: all of the marked code.
	from string
	// to is the template of what comes instead.
	to string
	// never: the condition of the marked statement is false.
	never bool
}

// drop removes the marked statement.
func drop() edit { return edit{} }

// never makes the condition of the marked statement false.
func never() edit { return edit{never: true} }

// replace replaces what the pattern from matches. In both texts $name is a wildcard: the code keeps its own names.
func replace(from, to string) edit { return edit{from: from, to: to} }

// change is an edit of a source file: the bytes [from, to) become text.
type change struct {
	from, to int
	text     string
}

// of returns the change that the edit makes at a place.
func (e edit) of(p *place) (*change, error) {
	if e.never {
		condition, err := conditionOf(p.node)
		if err != nil {
			return nil, err
		}
		return p.change(condition, "false && ("+p.text(condition)+")"), nil
	}
	if e.from == "" {
		return p.change(p.node, e.to), nil
	}
	pattern, err := parsePattern(e.from)
	if err != nil {
		return nil, err
	}
	m := matcher{text: p.text}
	found := m.find(pattern, p.node)
	if found == nil {
		return nil, fmt.Errorf("no part of %q has the form of %q", firstLine(p.text(p.node)), e.from)
	}
	text, err := m.fill(e.to)
	if err != nil {
		return nil, err
	}
	return p.change(found, text), nil
}

func conditionOf(n ast.Node) (ast.Expr, error) {
	switch n := n.(type) {
	case *ast.IfStmt:
		return n.Cond, nil
	case *ast.ForStmt:
		if n.Cond != nil {
			return n.Cond, nil
		}
	}
	return nil, errors.New("the marked code has no condition")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
