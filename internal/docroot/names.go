package docroot

import (
	"bytes"

	"aws/internal/kernel"
)

// Limits of names, limits.h(0p). PATH_MAX includes the terminating NUL.
const (
	pathMax = 4096
	nameMax = 255
)

// impossible represents every name that no file can have. It is in no cache, and its first reference is
// never released.
var impossible = NewFile(nil, "", kernel.Absent, nil)

// Impossible returns an absent file, with a reference, if no file below the mount's root can have the name.
// Such a name need not be looked up, and is not remembered. Otherwise it returns nil.
func Impossible(m *Mount, name []byte) *File {
	if len(name) < pathMax && bytes.IndexByte(name, 0) < 0 &&
		(!hasLongElement(name, nameMax) || !hasLongElement(name, m.Root.NameMax())) {
		return nil
	}
	impossible.Hold()
	return impossible
}

// hasLongElement reports whether one of the elements of a path is longer than most bytes.
func hasLongElement(path []byte, most int) bool {
	for len(path) > most {
		slash := bytes.IndexByte(path, '/')
		if slash < 0 || slash > most {
			return true
		}
		path = path[slash+1:]
	}
	return false
}
