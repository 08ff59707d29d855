package docroot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// AccessRule determines who may access the paths at a prefix and below it.
type AccessRule struct {
	Prefix string     // begins and ends with a slash; also covers the path without its last slash
	Users  *Passwords // the permitted users; nil: everybody

	checks Mount // the key of cached password checks
}

// Checks returns the mount under which the results of the rule's password checks may be cached. It has no
// files.
func (r *AccessRule) Checks() *Mount { return &r.checks }

// Includes reports whether everybody who may access the paths of r may also access the paths of other.
// Either may be nil, which means that everybody may.
func (r *AccessRule) Includes(other *AccessRule) bool {
	return other == nil || other.Users == nil || r != nil && r.Users == other.Users
}

// AccessTable contains the rules of a server. The rule with the longest prefix that covers a path applies.
// So a rule applies to everything below its prefix, whatever is mounted there, except below the prefix of a
// longer rule.
type AccessTable struct {
	rules []*AccessRule // longest prefix first
}

// NewAccessTable returns a table of the rules, which may have any order. It refuses a repeated prefix, and a
// prefix that does not begin and end with a slash.
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
