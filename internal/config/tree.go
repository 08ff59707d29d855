package config

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// NodeKind is the type of a value in a file.
type NodeKind uint8

// The kinds of nodes.
const (
	NodeTable NodeKind = iota
	NodeArray
	NodeString
	NodeBool
	NodeInteger
	NodeOther // a number with a fraction, a date or a time
)

// Node is a value of a TOML file with its place. It serves those parts of a file that are not options.
type Node struct {
	Kind         NodeKind
	Key          string  // of a member of a table, or of the table that an element of an array belongs to
	Text         string  // of a scalar: its value, not quoted
	Line, Column int     // from 1 on: where the key is, or an element that is a scalar
	Members      []*Node // of a table, in the order of the file; no two have the same key
	Elements     []*Node // of an array
}

// Describe returns the kind of the value for an error message, such as "a string".
func (n *Node) Describe() string {
	return [...]string{"a table", "a list", "a string", "true or false", "a whole number", "a number with a fraction, a date or a time"}[n.Kind]
}

// Member returns the member of a table with a key, or nil.
func (n *Node) Member(key string) *Node {
	for _, m := range n.Members {
		if m.Key == key {
			return m
		}
	}
	return nil
}

// PlacedError is an error with its place in a file.
type PlacedError struct {
	File         string
	Line, Column int
	Text         string
}

// Error returns the place and the text.
func (e *PlacedError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// ReadTree parses a TOML file. The error is a *PlacedError.
func ReadTree(file string, text []byte) (*Node, error) {
	var all map[string]any // the decoder checks what the parser below does not: that no key is there twice
	if err := toml.Unmarshal(text, &all); err != nil {
		var decode *toml.DecodeError
		if errors.As(err, &decode) {
			line, column := decode.Position()
			return nil, &PlacedError{file, line, column, syntaxMistake(strings.TrimPrefix(decode.Error(), "toml: "))}
		}
		return nil, &PlacedError{file, 1, 1, err.Error()}
	}
	root := &Node{Kind: NodeTable, Line: 1, Column: 1}
	r := treeReader{at: root}
	for i, c := range text {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	r.parser.Reset(text)
	for r.parser.NextExpression() {
		switch e := r.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			r.at = r.header(root, e)
		case unstable.KeyValue:
			r.keyValue(r.at, e)
		default: // a comment
		}
	}
	if err := r.parser.Error(); err != nil { // the decoder has read it, so this can't be
		return nil, &PlacedError{file, 1, 1, err.Error()}
	}
	return root, nil
}

// treeReader makes nodes of one file.
type treeReader struct {
	parser unstable.Parser
	lines  []int // where each line but the first begins
	at     *Node // the table of the last header
}

// place sets the place of a node from bytes of the file. It keeps the place if there are none.
func (r *treeReader) place(n *Node, raw unstable.Range) {
	if raw.Length == 0 {
		return
	}
	offset := int(raw.Offset)
	line := sort.SearchInts(r.lines, offset+1)
	begin := 0
	if line > 0 {
		begin = r.lines[line-1]
	}
	n.Line, n.Column = line+1, offset-begin+1
}

// header returns the table of a header, such as [a.b] or [[a.b]].
func (r *treeReader) header(root *Node, e *unstable.Node) *Node {
	at := root
	keys := e.Key()
	for keys.Next() {
		key := keys.Node()
		n := r.member(at, key)
		if e.Kind == unstable.ArrayTable && keys.IsLast() {
			n.Kind = NodeArray
			element := &Node{Kind: NodeTable, Key: n.Key}
			r.place(element, key.Raw)
			n.Elements = append(n.Elements, element)
		}
		at = n.table()
	}
	return at
}

// table returns the node itself, or the last element of an array of tables.
func (n *Node) table() *Node {
	if n.Kind == NodeArray && len(n.Elements) > 0 {
		return n.Elements[len(n.Elements)-1]
	}
	return n
}

// member returns the member of a table with a key, which it makes, as a table, if there is none.
func (r *treeReader) member(at *Node, key *unstable.Node) *Node {
	n := at.Member(string(key.Data))
	if n == nil {
		n = &Node{Kind: NodeTable, Key: string(key.Data)}
		r.place(n, key.Raw)
		at.Members = append(at.Members, n)
	}
	return n
}

// keyValue adds a value to a table. The key may be dotted.
func (r *treeReader) keyValue(at *Node, e *unstable.Node) {
	n := at
	keys := e.Key()
	for keys.Next() {
		n = r.member(n.table(), keys.Node())
	}
	r.value(n, e.Value())
}

// value fills a node, which has its key and place already.
func (r *treeReader) value(n *Node, v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		n.Kind = NodeTable
		members := v.Children()
		for members.Next() {
			if m := members.Node(); m.Kind == unstable.KeyValue {
				r.keyValue(n, m)
			}
		}
	case unstable.Array:
		n.Kind = NodeArray
		elements := v.Children()
		for elements.Next() {
			if child := elements.Node(); child.Kind != unstable.Comment {
				element := &Node{Key: n.Key, Line: n.Line, Column: n.Column}
				r.place(element, child.Raw)
				r.value(element, child)
				n.Elements = append(n.Elements, element)
			}
		}
	case unstable.String:
		n.Kind, n.Text = NodeString, string(v.Data)
	case unstable.Bool:
		n.Kind, n.Text = NodeBool, string(v.Data)
	case unstable.Integer:
		n.Kind, n.Text = NodeInteger, string(v.Data)
	default:
		n.Kind, n.Text = NodeOther, string(v.Data)
	}
}
