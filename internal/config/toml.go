package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// read parses a TOML file: top-level keys, no tables. It returns all errors, each with its line.
func (r *fileReader) read(text []byte) (errs []error) {
	// The decoder checks what the parser below does not: that no key is there twice.
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		var decode *toml.DecodeError
		if errors.As(err, &decode) {
			line, _ := decode.Position()
			return []error{fmt.Errorf("%s:%d: %s", r.file, line, syntaxMistake(strings.TrimPrefix(decode.Error(), "toml: ")))}
		}
		return []error{fmt.Errorf("%s: %w", r.file, err)}
	}
	r.parser.Reset(text)
	for r.parser.NextExpression() {
		if err := r.expression(r.parser.Expression()); err != nil {
			errs = append(errs, err)
		}
	}
	if err := r.parser.Error(); err != nil { // the decoder has read it, so this can't be
		errs = append(errs, fmt.Errorf("%s: %w", r.file, err))
	}
	return errs
}

// syntaxMistake adds the remedy to an error message of the decoder. Apart from syntax errors, the decoder
// only reports repeated keys.
func syntaxMistake(said string) string {
	if strings.Contains(said, "already") {
		return said + "; remove one of the lines"
	}
	return said + `; a line is KEY = VALUE, where a string is in quotes, such as listen = ":8080"`
}

// fileReader reads one file.
type fileReader struct {
	byName  map[string]*Option
	names   []string
	former  map[string]*Option
	file    string
	tables  []string // Sources.Tables
	inTable bool     // the last header was that of one of tables
	origins Origins
	parser  unstable.Parser

	warnings []string
}

// expression parses one key and its value. The error contains its line.
func (r *fileReader) expression(e *unstable.Node) error {
	if e.Kind != unstable.KeyValue && e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
		return nil // a comment
	}
	var parts []string
	var begin unstable.Range
	keys := e.Key()
	for keys.Next() {
		key := keys.Node()
		if parts == nil {
			begin = key.Raw
		}
		parts = append(parts, string(key.Data))
	}
	foreign := slices.Contains(r.tables, parts[0])
	if e.Kind != unstable.KeyValue {
		r.inTable = foreign
	}
	if r.inTable || foreign {
		return nil // before the line is counted, which takes long in a file with many tables
	}
	name := strings.Join(parts, ".")
	line := r.parser.Shape(begin).Start.Line
	at := fmt.Sprintf("%s:%d", r.file, line)
	if e.Kind != unstable.KeyValue {
		if len(r.tables) > 0 {
			hint := didYouMean(parts[0], append(slices.Clone(r.tables), r.names...))
			if hint == "" {
				hint = "; write the options as keys outside of any table"
			}
			return fmt.Errorf("%s: unknown table [%s]%s", at, name, hint)
		}
		return fmt.Errorf("%s: [%s] is a table; write the options as keys outside of any table%s", at, name, didYouMean(name, r.names))
	}
	o := r.byName[name]
	if was := r.former[name]; was != nil {
		o = was
		r.warnings = append(r.warnings, at+": "+o.warning(name, o.Name))
	}
	if o != nil && r.origins[o.Name] != OriginDefault { // a key that is there twice has been found before
		return fmt.Errorf("%s: %w", at, both(o.Former, o.Name))
	}
	if o == nil {
		hint := didYouMean(parts[len(parts)-1], r.names)
		if hint == "" {
			hint = "; remove it (the keys are the names of the flags, without --)"
		}
		return fmt.Errorf("%s: unknown key %q%s", at, name, hint)
	}
	values, err := o.fromNode(&r.parser, e.Value())
	if err == nil {
		err = o.set(values)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", at, name, err)
	}
	r.origins[o.Name] = at
	return nil
}

// fromNode returns the values of a node in the syntax of flags, if the node has the type of the option.
func (o *Option) fromNode(p *unstable.Parser, n *unstable.Node) ([]string, error) {
	text := string(n.Data)
	ok := false
	switch o.Into.(type) {
	case *bool:
		ok = n.Kind == unstable.Bool
	case *int, *int64:
		ok = n.Kind == unstable.Integer
	case *Size:
		ok = n.Kind == unstable.Integer || n.Kind == unstable.String
	case *[]string:
		if n.Kind == unstable.Array {
			return o.fromArray(p, n)
		}
		ok = n.Kind == unstable.String
	default:
		ok = n.Kind == unstable.String
	}
	if !ok {
		return nil, fmt.Errorf("it is %s; expected %s", kindText(n.Kind), o.expected())
	}
	return []string{text}, nil
}

// fromArray returns the strings of an array, which may be none.
func (o *Option) fromArray(p *unstable.Parser, n *unstable.Node) ([]string, error) {
	values := []string{}
	children := n.Children()
	for children.Next() {
		child := children.Node()
		switch child.Kind {
		case unstable.Comment:
		case unstable.String:
			values = append(values, string(child.Data))
		default:
			return nil, fmt.Errorf("value %d is %s; expected %s", len(values)+1, kindText(child.Kind), o.expected())
		}
	}
	return values, nil
}

// expected returns the expected form of the option's value in a file, with an example.
func (o *Option) expected() string {
	switch o.Into.(type) {
	case *bool:
		return "true or false"
	case *int, *int64:
		return "a whole number, such as 100"
	case *Size:
		return `a size, such as 131072 or "128KiB"`
	case *[]string:
		return `a list of strings, such as ["one", "two"]`
	case *time.Duration:
		return `a duration, such as "30s"`
	default:
		return "a string in quotes"
	}
}

// kindText returns the name of a kind of value for an error message.
func kindText(k unstable.Kind) string {
	switch k {
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Float:
		return "a number with a fraction"
	case unstable.Integer:
		return "a whole number"
	default:
		return "a date or time"
	}
}

// AppendTOML appends the values of a table as a TOML file with the same meaning. If origins is not nil, a
// comment contains the origin of each value.
func AppendTOML(b []byte, groups []Group, origins Origins) []byte {
	for i := range groups {
		if i > 0 {
			b = append(b, '\n')
		}
		b = append(append(append(b, "# "...), groups[i].Name...), '\n')
		for k := range groups[i].Options {
			o := &groups[i].Options[k]
			line := appendValue([]byte(o.Name+" = "), o.Into)
			if origin := origins[o.Name]; origin != "" {
				line = append(line, bytes.Repeat([]byte{' '}, max(40-len(line), 1))...)
				line = append(append(line, "# "...), printable(origin)...)
			}
			b = append(append(b, line...), '\n')
		}
	}
	return b
}

// appendValue appends the value of a variable.
func appendValue(b []byte, into any) []byte {
	switch p := into.(type) {
	case *[]string:
		b = append(b, '[')
		for i, s := range *p {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendQuoted(b, s)
		}
		return append(b, ']')
	case *bool, *int, *int64:
		return append(b, scalarText(into)...)
	case *Size:
		if text := p.String(); strings.HasSuffix(text, "B") {
			return appendQuoted(b, text)
		}
		return append(b, p.String()...)
	default:
		return appendQuoted(b, scalarText(into))
	}
}

// appendQuoted appends a TOML basic string. Bytes that are not UTF-8, which TOML does not permit, become
// replacement characters.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = fmt.Appendf(b, `\u%04X`, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// printable returns the text for a comment, without characters that would end the comment.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
