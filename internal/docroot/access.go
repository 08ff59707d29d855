package docroot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// AccessRule says who may have what is at a prefix of paths and below it.
type AccessRule struct {
	Prefix string     // begins and ends with a slash; covers the path without its last slash, too
	Users  *Passwords // who may; nil: anybody

	checks Mount // what the outcomes of password checks are cached under
}

// Checks returns what the outcomes of the rule's password checks may be cached under. It is not a mount of files.
func (r *AccessRule) Checks() *Mount { return &r.checks }

// Includes reports whether everybody who may have what r covers may have what other covers, too. Either may be nil, which
// is not a rule: anybody may.
func (r *AccessRule) Includes(other *AccessRule) bool {
	return other == nil || other.Users == nil || r != nil && r.Users == other.Users
}

// AccessTable holds the rules of a server. The rule of a path is that with the longest prefix which covers it, so that
// a rule holds for everything below its prefix, whatever is mounted there, until a nearer one says otherwise.
type AccessTable struct {
	rules []*AccessRule // longest prefix first
}

// NewAccessTable returns a table of the rules, in whatever order they come. It refuses a prefix that stands twice, or
// that does not begin and end with a slash.
func NewAccessTable(rules ...*AccessRule) (*AccessTable, error) {
	t := &AccessTable{rules: slices.Clone(rules)}
	slices.SortStableFunc(t.rules, func(a, b *AccessRule) int { return cmp.Compare(len(b.Prefix), len(a.Prefix)) })
	seen := map[string]bool{}
	for _, r := range rules {
		if !strings.HasPrefix(r.Prefix, "/") || !strings.HasSuffix(r.Prefix, "/") {
			return nil, fmt.Errorf("access rule %q: a prefix begins and ends with a slash", r.Prefix)
		}
		if seen[r.Prefix] {
			return nil, fmt.Errorf("access rule %q: there are two of them", r.Prefix)
		}
		seen[r.Prefix] = true
	}
	return t, nil
}

// Match returns the rule of a resolved path, or nil if there is none.
func (t *AccessTable) Match(path []byte) *AccessRule {
	for _, r := range t.rules {
		if covers(r.Prefix, path) {
			return r
		}
	}
	return nil
}

// covers reports whether a path is at a prefix, with its last slash or without, or below it.
func covers(prefix string, path []byte) bool {
	n := len(prefix)
	return len(path) >= n && string(path[:n]) == prefix || len(path) == n-1 && string(path) == prefix[:n-1]
}
