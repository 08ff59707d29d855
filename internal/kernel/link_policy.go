package kernel

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Links says which symbolic links below a root are followed. How the root itself is reached does not matter.
type Links uint8

// The policies of links.
const (
	LinksBeneath     Links = iota // those that stay beneath the root
	LinksOfSameOwner              // of these, links whose owner is that of what they lead to, links on the way included
	LinksNever
)

// linkPolicies has the roots with another policy than LinksBeneath.
var linkPolicies = struct {
	sync.RWMutex
	of map[Root]Links
}{of: map[Root]Links{}}

// setLinks sets the policy of a root. It does not change while the root is open.
func setLinks(root Root, links Links) {
	linkPolicies.Lock()
	defer linkPolicies.Unlock()
	if links == LinksBeneath {
		delete(linkPolicies.of, root)
	} else {
		linkPolicies.of[root] = links
	}
}

// links returns the policy of the root.
func (r Root) links() Links {
	linkPolicies.RLock()
	defer linkPolicies.RUnlock()
	return linkPolicies.of[r]
}

// resolve returns the flag by which openat2(2) refuses all links, unless all that stay beneath the root are followed.
func (l Links) resolve() uint64 {
	if l == LinksBeneath {
		return 0
	}
	return unix.RESOLVE_NO_SYMLINKS
}

// undecided reports whether an errno of a look-up with the flags of resolve means that there is a link whose owner has to be
// compared. Only a worker thread does that.
func (l Links) undecided(errno syscall.Errno) bool {
	return l == LinksOfSameOwner && errno == unix.ELOOP
}
