package docroot

import (
	"bytes"
	"fmt"
	"strings"

	"aws/internal/kernel"
)

// Kind says how a mount's files reach the client.
type Kind uint8

// The kinds of mounts.
const (
	Static  Kind = iota // sendfile, straight from the page cache
	Dynamic             // read by kernel AIO into buffers, and sent from there
)

// String returns "static" or "dynamic".
func (k Kind) String() string {
	if k == Dynamic {
		return "dynamic"
	}
	return "static"
}

// Mount ties the paths that begin with Prefix to the files beneath a directory. Several mounts may have one root: with
// a Strip that is shorter than the prefix, a mount is a part of that root whose files reach the client differently.
type Mount struct {
	Prefix string // begins and ends with a slash
	Strip  int    // bytes taken off the front of a path to make a name relative to Root
	Root   kernel.Root
	Kind   Kind
	Dir    string // the directory that Root was opened as
	Number int    // from 1 on, in the order given to NewTable, which sets it
}

// Name returns the name beneath the mount's root that a path stands for. The path has matched.
func (m *Mount) Name(path []byte) []byte { return path[m.Strip:] }

// Path returns the path of a name beneath the mount's root.
func (m *Mount) Path(name string) string { return m.Prefix[:m.Strip] + name }

// HasOwnRoot reports whether the mount's prefix stands for its root, which makes it a directory whatever lies above it.
func (m *Mount) HasOwnRoot() bool { return m.Strip == len(m.Prefix) }

// Table finds the mount of a path: the one with the longest matching prefix.
type Table struct{ mounts []*Mount }

// NewTable returns a table of the mounts. It refuses a prefix that stands twice or that does not
// begin and end with a slash.
func NewTable(mounts ...*Mount) (*Table, error) {
	t := &Table{}
	for n, m := range mounts {
		if !strings.HasPrefix(m.Prefix, "/") || !strings.HasSuffix(m.Prefix, "/") {
			return nil, fmt.Errorf("mount %q: a prefix begins and ends with a slash", m.Prefix)
		}
		m.Number = n + 1
		at := len(t.mounts)
		for i, o := range t.mounts {
			if o.Prefix == m.Prefix {
				return nil, fmt.Errorf("mount %q: mounted twice", m.Prefix)
			}
			if len(o.Prefix) < len(m.Prefix) && at == len(t.mounts) {
				at = i
			}
		}
		t.mounts = append(t.mounts, nil)
		copy(t.mounts[at+1:], t.mounts[at:])
		t.mounts[at] = m
	}
	return t, nil
}

// Mounts returns the mounts, longest prefix first.
func (t *Table) Mounts() []*Mount { return t.mounts }

// Match returns the mount of a resolved path, or nil if there is none.
func (t *Table) Match(path []byte) *Mount {
	for _, m := range t.mounts {
		if len(path) >= len(m.Prefix) && string(path[:len(m.Prefix)]) == m.Prefix {
			return m
		}
	}
	return nil
}

// IsDirectoryName reports whether a name beneath a root can only stand for a directory.
func IsDirectoryName(name []byte) bool {
	return len(name) == 0 || bytes.HasSuffix(name, []byte("/"))
}
