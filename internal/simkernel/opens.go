package simkernel

import (
	"syscall"

	"aws/internal/kernel"
)

// tree returns the tree behind a root.
func (k *Kernel) tree(root kernel.Root) *Tree {
	for _, t := range k.disk.trees {
		if t.root == root {
			return t
		}
	}
	k.violate(int32(root), "lookup beneath %v, which is not a root", root)
	return nil
}

// Open implements kernel.Kernel. An absent name has nothing in memory that could say so, and gives
// Again like one that is cold; now and then the absence itself is in memory.
func (k *Kernel) Open(root kernel.Root, name []byte, file *kernel.Opened) kernel.Class {
	c := kernel.Fault
	if t := k.tree(root); t != nil && k.usable("Open") {
		e := t.names[string(name)]
		switch {
		case e != nil && e.file != nil && e.file.Remote:
			c = kernel.Again
		case e == nil && k.rnd.IntN(8) > 0, e != nil && e.cold, k.strikes(FaultOpenCold):
			c = kernel.Again
		default:
			c = k.openEntry(e, e == nil && t.isDirectory(string(name)), file)
		}
	}
	k.mark(markOpen, int64(c), int64(file.FD))
	k.tracef("open %q: %v", name, c)
	return c
}

// openEntry opens what a name leads to.
func (k *Kernel) openEntry(e *entry, directory bool, file *kernel.Opened) kernel.Class {
	switch {
	case e == nil && directory:
		return kernel.Directory
	case e == nil:
		return kernel.Absent
	case e.denied:
		return kernel.Denied
	case k.full() || k.strikes(FaultOpenExhausted):
		return kernel.Exhausted
	case e.file == nil:
		return kernel.Absent
	case k.strikes(FaultOpenError):
		e.faults = append(e.faults, k.clock.now)
		return kernel.Fault
	}
	f := e.file
	fd := k.install(&desc{kind: descFile, owned: true, file: f})
	*file = kernel.Opened{Info: f.info(), FD: fd, MemAlign: f.memAlign, FileAlign: f.fileAlign, Remote: f.Remote}
	k.progress++
	return kernel.Done
}

func (f *File) info() kernel.Info {
	return kernel.Info{Size: f.Size, MtimeNs: f.mtime, CtimeNs: f.ctime, Dev: 1, Ino: f.Ino}
}

// Stat implements kernel.Kernel.
func (k *Kernel) Stat(root kernel.Root, name []byte, info *kernel.Info) kernel.Class {
	c := kernel.Fault
	if t := k.tree(root); t != nil && k.usable("Stat") {
		switch e := t.names[string(name)]; {
		case e == nil || e.file == nil:
			c = kernel.Absent
		default:
			*info = e.file.info()
			c = kernel.Done
		}
	}
	k.mark(markOpen, int64(c), info.Size)
	k.tracef("stat %q: %v", name, c)
	return c
}

// Direct implements kernel.Kernel.
func (k *Kernel) Direct(fd int32) (int32, kernel.Class) {
	if !k.usable("Direct") {
		return -1, kernel.Fault
	}
	d, errno := k.lookupKind(fd, descFile, syscall.EINVAL, "open of /proc/self/fd")
	switch {
	case errno != 0:
		return -1, kernel.Fault
	case d.file.Remote:
		k.checkLocal(d, "open")
		return -1, kernel.Fault
	case k.full() || k.strikes(FaultOpenExhausted):
		return -1, kernel.Exhausted
	case !k.profile.DirectIO:
		return -1, kernel.Unsupported
	}
	again := k.install(&desc{kind: descFile, owned: true, file: d.file, direct: true})
	k.progress++
	k.mark(markOpen, int64(fd), int64(again))
	k.tracef("direct of fd %d: fd %d", fd, again)
	return again, kernel.Done
}
