package config

import (
	"bytes"
	"fmt"
	"strings"
)

// Markdown returns one Markdown table per group, with headings of the given level. It resets the variables
// that the table points at to their defaults.
func Markdown(groups []Group, level int) string {
	var b strings.Builder
	each(groups, func(o *Option) { o.reset() })
	for i := range groups {
		fmt.Fprintf(&b, "\n%s %s\n\n", strings.Repeat("#", level), groups[i].Name)
		b.WriteString("| flag and key | variable | default | meaning, and when to change it |\n|---|---|---|---|\n")
		for k := range groups[i].Options {
			o := &groups[i].Options[k]
			flag := "--" + o.Name
			if arg := o.Arg(); arg != "" {
				flag += " " + arg
			}
			text := o.Sentence()
			if o.Advice != "" {
				text += " " + o.Advice
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", flag, o.Env(), o.documentedDefault(), cell(text))
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// ShortMarkdown returns all options as one Markdown table, with flags and without variables.
func ShortMarkdown(groups []Group) string {
	var b strings.Builder
	b.WriteString("\n| flag | default | meaning |\n|---|---|---|\n")
	each(groups, func(o *Option) {
		flag := "--" + o.Name
		if arg := o.Arg(); arg != "" {
			flag += " " + arg
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", flag, o.documentedDefault(), cell(strings.TrimSuffix(o.Sentence(), ".")))
	})
	b.WriteByte('\n')
	return b.String()
}

// Sentence returns the usage as a sentence, including the possible values of a string.
func (o *Option) Sentence() string {
	text := o.Text()
	text = strings.ToUpper(text[:1]) + text[1:]
	if len(o.OneOf) > 0 {
		text += ": " + strings.Join(o.OneOf, ", ")
	}
	return text + "."
}

// DocumentedDefault returns the default as documents show it, or "". It also resets the variable to the
// default.
func (o *Option) DocumentedDefault() string {
	o.reset()
	text := o.shownDefault()
	switch text {
	case "false":
		return "off"
	case "true":
		return "on"
	default:
		return text
	}
}

// documentedDefault is DocumentedDefault in a table of Markdown.
func (o *Option) documentedDefault() string {
	text := o.DocumentedDefault()
	switch {
	case text == "":
		return "none"
	case o.DefaultText != "" || text == "on" || text == "off":
		return cell(text)
	default:
		return "`" + cell(text) + "`"
	}
}

// cell escapes text for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(s)
}

// Replace returns a document in which text replaces the lines between <!-- NAME --> and <!-- end of NAME
// -->. It returns an error if these lines do not exist.
func Replace(document []byte, name, text string) ([]byte, error) {
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end of "+name+" -->\n")
	i := bytes.Index(document, begin)
	if i < 0 {
		return nil, fmt.Errorf("there is no line %q", bytes.TrimSpace(begin))
	}
	i += len(begin)
	j := bytes.Index(document[i:], end)
	if j < 0 {
		return nil, fmt.Errorf("there is no line %q", bytes.TrimSpace(end))
	}
	out := append([]byte(nil), document[:i]...)
	out = append(out, text...)
	return append(out, document[i+j:]...), nil
}
