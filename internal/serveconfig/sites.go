package serveconfig

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aws/internal/config"
	"aws/internal/sites"
)

// Sites are the sites of a file.
type Sites struct {
	Defaults sites.Defaults
	Sites    []sites.Site
}

// Compile returns the table of the sites. The error contains all that is wrong, one problem per line, each with its place.
// The warnings have their places, too.
func (s *Sites) Compile() (table *sites.Table, warnings []string, err error) {
	table, problems := sites.NewTable(s.Defaults, s.Sites)
	var errs []error
	for _, p := range problems {
		if p.Warning {
			warnings = append(warnings, p.String())
		} else {
			errs = append(errs, errors.New(p.String()))
		}
	}
	return table, warnings, errors.Join(errs...)
}

// ReadSites reads the tables of a file that describe sites. Options outside of these tables are for config.Resolve, with
// SiteTables as Sources.Tables. The result is nil if the file has no such table. The error contains all mistakes, one per
// line, each with file, line and column. ReadSites does no input or output.
func ReadSites(file string, text []byte) (*Sites, error) {
	root, err := config.ReadTree(file, text)
	if err != nil {
		return nil, err
	}
	r := siteReader{file: file}
	list, defaults := root.Member(siteTable), root.Member(defaultsTable)
	for _, name := range []string{routeTable, redirectTable} {
		if n := root.Member(name); n != nil {
			r.fail(n, "[[%s]] belongs to a site; write [[site.%s]] below its [[site]]", name, name)
		}
	}
	if list == nil && defaults == nil {
		return nil, r.err()
	}
	s := &Sites{}
	if defaults != nil {
		if list == nil {
			r.fail(defaults, "[defaults] are for sites, and there is none; add a [[site]], or write the options outside of any table")
		}
		if r.table(defaults, "[defaults]") {
			readProperties(&r, defaults, "[defaults]", tlsKeys, &s.Defaults.TLS, &s.Defaults.Properties)
		}
	}
	if list != nil {
		for _, n := range r.tables(list, "[[site]]") {
			s.Sites = append(s.Sites, r.site(n))
		}
	}
	return s, r.err()
}

// SiteConflicts returns an error for each option that describes a single site and is set although there are sites. origins
// are those of config.Resolve.
func SiteConflicts(origins config.Origins) error {
	var errs []error
	for name, instead := range moved {
		if origin := origins[name]; origin != "" && origin != config.OriginDefault {
			errs = append(errs, fmt.Errorf("%s (%s) is for a server with a single site, and there is a [[site]]; write %s", name, origin, instead))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// siteReader reads nodes and collects mistakes.
type siteReader struct {
	file string
	errs []*config.PlacedError
}

func (r *siteReader) from(n *config.Node) sites.Origin {
	return sites.Origin{Source: r.file, Line: n.Line, Column: n.Column}
}

func (r *siteReader) fail(n *config.Node, format string, args ...any) {
	r.errs = append(r.errs, &config.PlacedError{File: r.file, Line: n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...)})
}

// expected reports a value of the wrong type.
func (r *siteReader) expected(n *config.Node, what string) {
	r.fail(n, "%s: it is %s; expected %s", n.Key, n.Describe(), what)
}

// err returns the mistakes in the order of their places.
func (r *siteReader) err() error {
	slices.SortStableFunc(r.errs, func(a, b *config.PlacedError) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	errs := make([]error, len(r.errs))
	for i, e := range r.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// site reads a [[site]].
func (r *siteReader) site(n *config.Node) sites.Site {
	s := sites.Site{From: r.from(n)}
	var rest []*config.Node
	for _, m := range n.Members {
		switch m.Key {
		case routeTable:
			for _, e := range r.tables(m, "[[site.route]]") {
				route := sites.Route{From: r.from(e)}
				readProperties(r, e, "[[site.route]]", routeKeys, &route, &route.Properties)
				s.Routes = append(s.Routes, route)
			}
		case redirectTable:
			for _, e := range r.tables(m, "[[site.redirect]]") {
				redirect := sites.Redirect{From: r.from(e)}
				readKeys(r, e, "[[site.redirect]]", redirectKeys, &redirect, nil)
				for _, key := range []string{"from", "to"} {
					if e.Member(key) == nil {
						r.fail(e, `the redirect has no %q; write from = "/old/*" and to = "/new/*"`, key)
					}
				}
				if e.Member("from") != nil && e.Member("to") != nil {
					s.Redirects = append(s.Redirects, redirect)
				}
			}
		default:
			rest = append(rest, m)
		}
	}
	readProperties(r, &config.Node{Members: rest}, "[[site]]", allSiteKeys(), &s, &s.Properties)
	return s
}

// tables returns the elements of an array of tables.
func (r *siteReader) tables(n *config.Node, header string) []*config.Node {
	if n.Kind != config.NodeArray || len(n.Elements) == 0 {
		r.fail(n, "%s is %s; write it as %s on a line of its own, with its keys below", n.Key, n.Describe(), header)
		return nil
	}
	var tables []*config.Node
	for _, e := range n.Elements {
		if r.table(e, header) {
			tables = append(tables, e)
		}
	}
	return tables
}

// table reports whether a node is a table.
func (r *siteReader) table(n *config.Node, header string) bool {
	if n.Kind != config.NodeTable {
		r.fail(n, "%s is %s; write it as %s on a line of its own, with its keys below", n.Key, n.Describe(), header)
	}
	return n.Kind == config.NodeTable
}

// readProperties reads a table that has keys of its own beside properties.
func readProperties[T any](r *siteReader, n *config.Node, header string, keys []siteKey[T], into *T, p *sites.Properties) {
	own := config.Node{}
	var rest []*config.Node
	for _, m := range n.Members {
		if slices.Contains(keyNames(propertyKeys), m.Key) {
			rest = append(rest, m)
		} else {
			own.Members = append(own.Members, m)
		}
	}
	readKeys(r, &own, header, keys, into, keyNames(propertyKeys))
	readKeys(r, &config.Node{Members: rest}, header, propertyKeys, p, nil)
}

// readKeys reads the members of a table. Further names are valid, too, and are only used for suggestions.
func readKeys[T any](r *siteReader, n *config.Node, header string, keys []siteKey[T], into *T, further []string) {
	for _, m := range n.Members {
		i := slices.IndexFunc(keys, func(k siteKey[T]) bool { return k.Name == m.Key })
		if i >= 0 {
			keys[i].read(r, m, into)
			continue
		}
		r.fail(m, "unknown key %q in %s%s", m.Key, header, r.hint(m.Key, append(keyNames(keys), further...)))
	}
}

// hint returns what may have been meant by an unknown key.
func (r *siteReader) hint(key string, valid []string) string {
	if instead, ok := moved[key]; ok {
		return "; write " + instead
	}
	for _, g := range new(Options).Table() {
		for _, o := range g.Options {
			if o.Former == key && slices.Contains(valid, o.Name) {
				return "; write " + o.Name
			}
			if o.Name == key {
				return "; it is an option of the server: write it before the first table of the file"
			}
		}
	}
	if n := config.Nearest(key, valid); n != "" {
		return "; did you mean " + n + "?"
	}
	return "; the keys are " + strings.Join(valid, ", ")
}

// text reads a string.
func (r *siteReader) text(n *config.Node, example string) (string, bool) {
	if n.Kind != config.NodeString {
		r.expected(n, "a string, such as "+example)
		return "", false
	}
	return n.Text, true
}

// boolean reads true or false.
func (r *siteReader) boolean(n *config.Node) (value, ok bool) {
	if n.Kind != config.NodeBool {
		r.expected(n, "true or false")
		return false, false
	}
	return n.Text == "true", true
}

// integer reads a whole number.
func (r *siteReader) integer(n *config.Node, least, most int64) (int, bool) {
	v, err := strconv.ParseInt(n.Text, 0, 64)
	if err != nil || v < least || v > most {
		r.fail(n, "%s: %s is not a number from %d to %d", n.Key, n.Text, least, most)
		return 0, false
	}
	return int(v), true
}

// list reads a list of strings. A single string is a list of one.
func (r *siteReader) list(n *config.Node, example string) []*config.Node {
	switch n.Kind {
	case config.NodeString:
		return []*config.Node{n}
	case config.NodeArray:
		for i, e := range n.Elements {
			if e.Kind != config.NodeString {
				r.fail(e, "%s: value %d is %s; expected a list of strings, such as %s", n.Key, i+1, e.Describe(), example)
				return nil
			}
		}
		return n.Elements
	default:
		r.expected(n, "a list of strings, such as "+example)
		return nil
	}
}

// texts reads a list of strings. ok is false if the node is something else.
func (r *siteReader) texts(n *config.Node, example string) (texts []string, ok bool) {
	before := len(r.errs)
	texts = []string{}
	for _, e := range r.list(n, example) {
		texts = append(texts, e.Text)
	}
	return texts, len(r.errs) == before
}

// oneOf reads one of several strings and returns its index, or -1.
func (r *siteReader) oneOf(n *config.Node, values []string) int {
	text, ok := r.text(n, strconv.Quote(values[0]))
	if !ok {
		return -1
	}
	i := slices.Index(values, text)
	if i < 0 {
		hint := ""
		if near := config.Nearest(text, values); near != "" {
			hint = "; did you mean " + near + "?"
		}
		r.fail(n, "%s: %q is none of %s%s", n.Key, text, strings.Join(values, ", "), hint)
	}
	return i
}

// duration reads a duration.
func (r *siteReader) duration(n *config.Node) time.Duration {
	text, ok := r.text(n, `"1h"`)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.fail(n, "%s: %q is not a duration; write a number with its unit, such as 30s or 1h", n.Key, text)
	}
	return d
}
