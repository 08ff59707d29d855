package simkernel

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"aws/internal/kernel"
)

// DirectoryRead is a directory as a worker thread has read it.
type DirectoryRead struct {
	At      time.Duration
	Name    string // with a slash at its end, or empty
	Entries []kernel.DirectoryEntry
	More    int
}

// DirectoryReads returns all that worker threads have read, in that order.
func (k *Kernel) DirectoryReads() []DirectoryRead { return k.disk.directoryReads }

// isDirectory reports whether there is something beneath a name.
func (t *Tree) isDirectory(name string) bool {
	for other, e := range t.names {
		if e.file != nil && strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// ReadDirectory implements kernel.Directories. A name that was made by AddSpecial is shown by none.
func (k *Kernel) ReadDirectory(root kernel.Root, name string, entriesMax int, choose func(name string) (kernel.Root, bool)) ([]kernel.DirectoryEntry, int, kernel.Class) {
	t := k.tree(root)
	switch {
	case t == nil:
		return nil, 0, kernel.Fault
	case name != "" && !t.isDirectory(strings.TrimSuffix(name, "/")):
		return nil, 0, kernel.Absent
	case k.full() || k.strikes(FaultOpenExhausted):
		return nil, 0, kernel.Exhausted
	case k.strikes(FaultOpenError):
		t.directoryFaults[name] = append(t.directoryFaults[name], k.clock.now)
		return nil, 0, kernel.Fault
	}
	beneath := map[string]kernel.DirectoryEntry{}
	for other, e := range t.names {
		rest, ok := strings.CutPrefix(other, name)
		if !ok || e.file == nil {
			continue
		}
		if first, _, deeper := strings.Cut(rest, "/"); deeper {
			beneath[first] = kernel.DirectoryEntry{Name: first, Directory: true}
			continue
		}
		beneath[rest] = kernel.DirectoryEntry{Name: rest, Info: e.file.info()}
	}
	read := DirectoryRead{At: k.clock.now, Name: name}
	var names []string
	for n := range beneath {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		switch _, shown := choose(n); {
		case !shown:
		case len(read.Entries) == entriesMax:
			read.More++
		default:
			read.Entries = append(read.Entries, beneath[n])
		}
	}
	k.disk.directoryReads = append(k.disk.directoryReads, read)
	k.mark(markJob, int64(len(read.Entries)), int64(read.More))
	k.tracef("read directory %q: %d entries and %d more", name, len(read.Entries), read.More)
	return slices.Clone(read.Entries), read.More, kernel.Done
}

// ReadStart implements kernel.Directories. The file is closed again at once.
func (k *Kernel) ReadStart(root kernel.Root, name string, bytesMax int) ([]byte, kernel.Class) {
	t := k.tree(root)
	if t == nil {
		return nil, kernel.Fault
	}
	var opened kernel.Opened
	e := t.names[name]
	if class := k.openEntry(e, e == nil && t.isDirectory(name), &opened); class != kernel.Done {
		return nil, class
	}
	d := k.table[opened.FD]
	defer k.remove(d)
	start := make([]byte, min(opened.Size, int64(bytesMax)))
	for done := 0; done < len(start); {
		n := k.readFile(d, start[done:], int64(done), int64(len(start)-done), true)
		if n < 0 {
			return nil, kernel.Fault
		}
		done += int(n)
	}
	k.fetch(d.file, 0, int64(len(start)))
	k.tracef("read the start of %q: %d bytes", name, len(start))
	return start, kernel.Done
}

// ReadWhole implements kernel.Directories.
func (k *Kernel) ReadWhole(fd int32, version *kernel.Info, b []byte) kernel.Class {
	d, errno := k.lookupKind(fd, descFile, syscall.EINVAL, "read of a whole file")
	if errno != 0 {
		return kernel.Fault
	}
	info := d.file.info()
	if !info.Same(version) {
		return kernel.Absent
	}
	for done := 0; done < len(b); {
		n := k.readFile(d, b[done:], int64(done), int64(len(b)-done), true)
		if n < 0 {
			return kernel.Fault
		}
		done += int(n)
	}
	k.fetch(d.file, 0, int64(len(b)))
	k.tracef("read the whole of %v: %d bytes", d, len(b))
	return kernel.Done
}

// OpenFile implements kernel.Directories.
func (k *Kernel) OpenFile(root kernel.Root, name string) (opened kernel.Opened, class kernel.Class) {
	t := k.tree(root)
	if t == nil {
		return opened, kernel.Fault
	}
	e := t.names[name]
	class = k.openEntry(e, e == nil && t.isDirectory(name), &opened)
	k.tracef("open %q for its content: %v", name, class)
	return opened, class
}

// ReadFile implements kernel.Directories.
func (k *Kernel) ReadFile(fd int32, b []byte, offset int64) int64 {
	d := k.table[fd]
	if d == nil || d.kind != descFile {
		k.violate(fd, "descriptor %d, which is not a file, is read by a worker thread", fd)
		return -int64(syscall.EBADF)
	}
	var done int64
	for done < int64(len(b)) {
		n := k.readFile(d, b[done:], offset+done, int64(len(b))-done, true)
		if n < 0 {
			return n
		}
		if n == 0 {
			break
		}
		done += n
	}
	k.fetch(d.file, offset, done)
	return done
}

// CloseFile implements kernel.Directories.
func (k *Kernel) CloseFile(fd int32) {
	if d := k.table[fd]; d != nil && d.kind == descFile {
		k.remove(d)
		return
	}
	k.violate(fd, "descriptor %d, which is not a file, is closed by a worker thread", fd)
}

// MemoryFile implements kernel.Directories.
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
