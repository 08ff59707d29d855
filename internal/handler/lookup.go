package handler

import (
	"aws/internal/docroot"
	"aws/internal/kernel"
)

// Lookup asks Files which of several names is there, and what is beside it. It is used again: Reset begins a new
// question, Add and the exported fields before the outcome describe it, and Files.LookUp sets the outcome.
type Lookup struct {
	alternatives []alternative
	names        []byte // of all alternatives; behind them, the latest name of a sibling

	Suffixes []string // of the siblings that are wanted beside the file that is found
	// SiblingsIfUnknown says that siblings are only wanted if docroot.File.FormsKnown does not hold for the file.
	SiblingsIfUnknown bool

	// Class is that of the first alternative that is there: one whose class is neither Absent nor, unless it was added
	// with directoryCounts, Directory. It is Absent if there is none.
	Class kernel.Class
	// File is a reference if Class is Done, and nil otherwise.
	File *docroot.File
	// Siblings is empty if siblings were not looked for. Otherwise it has a reference for each of the Suffixes; nil for those
	// that can't be sent.
	Siblings []*docroot.File
}

// alternative is one of the names that may be there.
type alternative struct {
	mount           *docroot.Mount
	from, to        int // in Lookup.names
	directoryCounts bool
}

// Alternative is one of the names that a Lookup asks for, in the order in which they are tried.
type Alternative struct {
	Mount           *docroot.Mount
	Name            []byte // beneath the mount's root; valid until the next call of Add
	DirectoryCounts bool
}

// IsThere reports whether a name of this class is what the Lookup asks for.
func (a *Alternative) IsThere(c kernel.Class) bool {
	return c != kernel.Absent && (c != kernel.Directory || a.DirectoryCounts)
}

// Reset removes all alternatives and the outcome. It releases nothing.
func (l *Lookup) Reset() {
	*l = Lookup{alternatives: l.alternatives[:0], names: l.names[:0], Siblings: l.Siblings[:0], Class: kernel.Absent}
}

// Add adds a name that is tried if none of those before it is there. It copies the name. With directoryCounts a directory of that
// name is there, too.
func (l *Lookup) Add(m *docroot.Mount, name []byte, directoryCounts bool) {
	from := len(l.names)
	l.names = append(l.names, name...)
	l.alternatives = append(l.alternatives, alternative{mount: m, from: from, to: len(l.names), directoryCounts: directoryCounts})
}

// Len returns the number of alternatives.
func (l *Lookup) Len() int { return len(l.alternatives) }

// At returns an alternative.
func (l *Lookup) At(i int) Alternative {
	a := &l.alternatives[i]
	return Alternative{Mount: a.mount, Name: l.names[a.from:a.to], DirectoryCounts: a.directoryCounts}
}

// SiblingName returns a name with one of the Suffixes. It is valid until the next call of SiblingName or Add.
func (l *Lookup) SiblingName(name []byte, suffix string) []byte {
	n := len(l.names)
	all := append(append(l.names, name...), suffix...)
	l.names = all[:n]
	return all[n:]
}

// ReleaseSiblings gives the references in Siblings back.
func (l *Lookup) ReleaseSiblings(files Files) {
	for i, f := range l.Siblings {
		if f != nil {
			files.Release(f)
			l.Siblings[i] = nil
		}
	}
	l.Siblings = l.Siblings[:0]
}
