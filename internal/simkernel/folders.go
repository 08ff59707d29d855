package simkernel

import (
	"slices"
	"strings"
	"time"

	"aws/internal/kernel"
)

// FolderRead is a folder as a helper has read it.
type FolderRead struct {
	At      time.Duration
	Name    string // with a slash at its end, or empty
	Entries []kernel.FolderEntry
	More    int
}

// FolderReads returns all that helpers have read, in that order.
func (k *Kernel) FolderReads() []FolderRead { return k.disk.folderReads }

// isFolder reports whether there is something beneath a name.
func (t *Tree) isFolder(name string) bool {
	for other, e := range t.names {
		if e.file != nil && strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// ReadFolder implements kernel.Folders. A name that was made by AddSpecial is shown by none.
func (k *Kernel) ReadFolder(root kernel.Root, name string, entriesMax int, hide func(name string) bool) ([]kernel.FolderEntry, int, kernel.Class) {
	t := k.tree(root)
	switch {
	case t == nil:
		return nil, 0, kernel.Fault
	case name != "" && !t.isFolder(strings.TrimSuffix(name, "/")):
		return nil, 0, kernel.Absent
	case k.full() || k.strikes(FaultOpenExhausted):
		return nil, 0, kernel.Exhausted
	case k.strikes(FaultOpenError):
		t.folderFaults[name] = append(t.folderFaults[name], k.clock.now)
		return nil, 0, kernel.Fault
	}
	beneath := map[string]kernel.FolderEntry{}
	for other, e := range t.names {
		rest, ok := strings.CutPrefix(other, name)
		if !ok || e.file == nil {
			continue
		}
		if first, _, deeper := strings.Cut(rest, "/"); deeper {
			beneath[first] = kernel.FolderEntry{Name: first, Folder: true}
			continue
		}
		beneath[rest] = kernel.FolderEntry{Name: rest, Info: e.file.info()}
	}
	read := FolderRead{At: k.clock.now, Name: name}
	var names []string
	for n := range beneath {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		switch {
		case hide(n):
		case len(read.Entries) == entriesMax:
			read.More++
		default:
			read.Entries = append(read.Entries, beneath[n])
		}
	}
	k.disk.folderReads = append(k.disk.folderReads, read)
	k.mark(markJob, int64(len(read.Entries)), int64(read.More))
	k.tracef("read folder %q: %d entries and %d more", name, len(read.Entries), read.More)
	return slices.Clone(read.Entries), read.More, kernel.Done
}

// MemoryFile implements kernel.Folders.
func (k *Kernel) MemoryFile(content []byte) (kernel.Opened, kernel.Class) {
	if k.full() || k.strikes(FaultOpenExhausted) {
		return kernel.Opened{}, kernel.Exhausted
	}
	f := &File{
		Name: "(in memory)", Ino: uint64(len(k.disk.files)) + 1<<32, Size: int64(len(content)),
		content: slices.Clone(content), beyond: true, mtime: k.wallNs(), ctime: k.wallNs(),
	}
	fd := k.install(&desc{kind: descFile, owned: true, file: f})
	k.progress++
	k.tracef("file in memory, %d bytes: fd %d", len(content), fd)
	return kernel.Opened{Info: f.info(), FD: fd}, kernel.Done
}
