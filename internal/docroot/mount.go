package docroot

import (
	"bytes"
	"fmt"
	"strings"

	"aws/internal/kernel"
)

// Kind determines how the files of a mount are sent.
type Kind uint8

// The kinds of mounts.
const (
	Static  Kind = iota // sent with sendfile from the page cache
	Dynamic             // read into buffers by kernel AIO, and sent from them
)

// String returns "static" or "dynamic".
func (k Kind) String() string {
	if k == Dynamic {
		return "dynamic"
	}
	return "static"
}

// Mount maps the paths that begin with Prefix to files below a directory. Several mounts may have the same
// root: if Strip is shorter than the prefix, the mount is a part of that root whose files are sent in
// another way.
type Mount struct {
	Site   string // the name of the site that it belongs to; empty if there is only one
	Prefix string // begins and ends with a slash
	Strip  int    // number of bytes to remove from the front of a path to get a name relative to Root
	Root   kernel.Root
	Kind   Kind
	Dir    string // the directory that Root was opened as
	Number int    // from 1 on, in the order given to NewTable, which sets it
}

// Name returns the name below the mount's root for a path. The path must match the mount.
func (m *Mount) Name(path []byte) []byte { return path[m.Strip:] }

// Path returns the path for a name below the mount's root.
func (m *Mount) Path(name string) string { return m.Prefix[:m.Strip] + name }

// Label names the mount in statistics.
func (m *Mount) Label() string { return m.Site + m.Prefix }

// HasOwnRoot reports whether the mount's prefix refers to its root, so that it is a directory regardless of
// other mounts.
func (m *Mount) HasOwnRoot() bool { return m.Strip == len(m.Prefix) }

// Table finds the mount of a path, which is the one with the longest matching prefix.
type Table struct{ mounts []*Mount }

// NewTable returns a table of the mounts. It refuses a repeated prefix, and a prefix that does not begin and
// end with a slash.
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

// IsDirectoryName reports whether a name below a root can only refer to a directory.
func IsDirectoryName(name []byte) bool {
	return len(name) == 0 || bytes.HasSuffix(name, []byte("/"))
}
