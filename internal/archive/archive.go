package archive

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"aws/internal/kernel"
)

// Tree is the directory that an archive is made of.
type Tree struct {
	Root      kernel.Root
	Directory string // beneath the root, with a slash at its end, or empty
	// Top is the name of the directory in the archive. It has no slash.
	Top string
	// Choose reports whether a name below the directory is in the archive, and below which root it is looked up, which is Root or one
	// of the same directory with another policy of links. The path begins with Directory. It is called by worker threads.
	Choose func(path string) (root kernel.Root, included bool)
}

// Limits of an archive. An archive that would exceed one has no end.
const (
	EntriesMax = 50_000 // bounds the memory: a zip keeps all names until its end
	listedMax  = 50_000 // entries that are read and not written yet, in all directories on the way to the current one
	readBytes  = 32 << 10
	workMax    = 256 // reads of files and entries of directories in one call of Next
)

// Archive makes an archive.
type Archive struct {
	tree    Tree
	out     bytes.Buffer // made, and not returned by Next
	writer  writer
	levels  []level // of directories, from Directory to the current one
	listed  int     // entries in levels
	entries int     // in the archive
	begun   bool
	ended   bool
	file    file
	scratch []byte
}

// level is a directory whose entries are being written.
type level struct {
	name    string // beneath the root, with a slash at its end, or empty
	entries []kernel.DirectoryEntry
	next    int
}

// file is the file that is being written.
type file struct {
	fd   int32
	open bool
	off  int64
	left int64
}

// New returns an archive of a tree.
func New(f Format, tree Tree) *Archive {
	a := &Archive{tree: tree, scratch: make([]byte, readBytes)}
	a.writer = newWriter(f, &a.out)
	return a
}

// Next makes the next bytes of the archive, up to the length of piece, and returns their number. It may block on disks. Fewer
// bytes, also none, mean that much has been read for them. Ended is true with the last bytes. The class is Exhausted if Next may
// be tried again later, and any other but Done if the archive has failed.
func (a *Archive) Next(k kernel.Directories, piece []byte) (n int, ended bool, class kernel.Class) {
	for work := 0; work < workMax && a.out.Len() < len(piece) && !a.ended && class == kernel.Done; work++ {
		class = a.step(k)
	}
	if class != kernel.Done && (class != kernel.Exhausted || a.out.Len() == 0) {
		return 0, false, class
	}
	n = copy(piece, a.out.Next(len(piece)))
	return n, a.ended && a.out.Len() == 0, kernel.Done
}

// Close closes the open file.
func (a *Archive) Close(k kernel.Directories) {
	if a.file.open {
		k.CloseFile(a.file.fd)
		a.file.open = false
	}
}

// step does the next piece of work: a read of a file, an entry, or the end. Exhausted changes nothing.
func (a *Archive) step(k kernel.Directories) kernel.Class {
	switch {
	case !a.begun:
		class := a.enter(k, a.tree.Root, a.tree.Directory, "", time.Time{})
		a.begun = class == kernel.Done
		return class
	case a.file.open:
		return a.copyFile(k)
	case len(a.levels) == 0:
		a.ended = true
		return classOf(a.writer.Close())
	}
	l := &a.levels[len(a.levels)-1]
	if l.next == len(l.entries) {
		a.listed -= len(l.entries)
		a.levels = a.levels[:len(a.levels)-1]
		return kernel.Done
	}
	class := a.add(k, l.name, &l.entries[l.next])
	switch class {
	case kernel.Exhausted:
		return class
	case kernel.Absent, kernel.Denied, kernel.Directory: // removed or replaced meanwhile, or not for the server to read
		class = kernel.Done
	default:
	}
	return class
}

// add begins the entry of a name in a directory.
func (a *Archive) add(k kernel.Directories, directory string, e *kernel.DirectoryEntry) kernel.Class {
	at := len(a.levels) - 1
	var class kernel.Class
	name := directory + e.Name
	if root, included := a.tree.Choose(name); !included {
		class = kernel.Absent
	} else if e.Directory {
		class = a.enter(k, root, name+"/", name[len(a.tree.Directory):]+"/", modified(&e.Info))
	} else {
		class = a.openFile(k, root, name)
	}
	if class != kernel.Exhausted {
		a.levels[at].next++
	}
	return class
}

// enter begins the entry of a directory, and makes it the current one. The relative name is that below the tree's directory.
func (a *Archive) enter(k kernel.Directories, root kernel.Root, name, relative string, at time.Time) kernel.Class {
	choose := func(n string) (kernel.Root, bool) {
		root, included := a.tree.Choose(name + n)
		return root, included && !strings.Contains(n, `\`)
	}
	entries, more, class := k.ReadDirectory(root, name, listedMax-a.listed, choose)
	switch {
	case class != kernel.Done:
		return class
	case more > 0:
		return kernel.Fault
	}
	// A link to a directory may lead to one that contains it.
	entries = slices.DeleteFunc(entries, func(e kernel.DirectoryEntry) bool { return e.Directory && e.Link })
	slices.SortFunc(entries, func(x, y kernel.DirectoryEntry) int { return strings.Compare(x.Name, y.Name) })
	if relative == "" {
		at = newest(entries)
	}
	if class = a.begin(&entry{name: relative, directory: true, modified: at}); class == kernel.Done {
		a.levels = append(a.levels, level{name: name, entries: entries})
		a.listed += len(entries)
	}
	return class
}

// newest returns the latest time of modification of the entries, which stands for that of the top directory.
func newest(entries []kernel.DirectoryEntry) (at time.Time) {
	for i := range entries {
		if m := modified(&entries[i].Info); m.After(at) {
			at = m
		}
	}
	return at
}

// openFile begins the entry of a file, and makes it the current one.
func (a *Archive) openFile(k kernel.Directories, root kernel.Root, name string) kernel.Class {
	opened, class := k.OpenFile(root, name)
	if class != kernel.Done {
		return class
	}
	a.file = file{fd: opened.FD, open: true, left: opened.Size}
	return a.begin(&entry{name: name[len(a.tree.Directory):], size: opened.Size, modified: modified(&opened.Info)})
}

// begin writes the header of an entry, whose name is relative to the tree's directory.
func (a *Archive) begin(e *entry) kernel.Class {
	if a.entries++; a.entries > EntriesMax {
		return kernel.Fault
	}
	e.name = a.tree.Top + "/" + e.name
	return classOf(a.writer.begin(e))
}

// copyFile writes the next bytes of the current file.
func (a *Archive) copyFile(k kernel.Directories) kernel.Class {
	f := &a.file
	if f.left == 0 {
		a.Close(k)
		return kernel.Done
	}
	wanted := min(f.left, readBytes)
	n := k.ReadFile(f.fd, a.scratch[:wanted], f.off)
	switch {
	case n < 0:
		return kernel.Fault
	case n < wanted: // the header has promised more
		return kernel.Fault
	}
	f.off, f.left = f.off+n, f.left-n
	_, err := a.writer.Write(a.scratch[:n])
	return classOf(err)
}

// classOf returns the class of an error of a writer: a name or a size that the format cannot have.
func classOf(err error) kernel.Class {
	if err != nil {
		return kernel.Fault
	}
	return kernel.Done
}

func modified(i *kernel.Info) time.Time { return time.Unix(0, i.MtimeNs).UTC() }
