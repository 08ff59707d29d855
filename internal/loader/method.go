package loader

import (
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/stats"
)

// chooseMethod decides by which read method a chunk is read. What is in the page cache is copied from there. What
// is not is read past it, because a buffered read would wait for the disk inside io_submit. If the file or the
// kernel can do neither, a worker thread reads. If the chunk before was resident, this one is not probed for: the
// read fails if it is not.
func (l *Loader) chooseMethod(f *docroot.File, b *buffer, resident bool) stats.ReadMethod {
	//mutation:remote-file-by-aio
	if f.Remote {
		b.method = stats.ReadThread // io_submit may wait for the process or machine that the file is from
	}
	switch b.method {
	case stats.ReadNoWait, stats.ReadThread:
		return b.method
	case stats.ReadDirect:
		if !l.openDirect(f) {
			b.method = stats.ReadThread // another read has found out
		}
		return b.method
	case stats.ReadAuto, stats.ReadMethodCount:
	}
	b.method = stats.ReadNoWait
	switch {
	case l.k.Slots() == 0:
		b.method = stats.ReadThread
	case f.NoWaitOff.Load():
		b.method = stats.ReadDirect
	case resident:
	default:
		offset := b.chunk*int64(len(b.mem)) + int64(b.filled)
		if l.k.Probe(f.FD, offset, int64(b.bytes-b.filled)) == kernel.ResidencyNone {
			b.method = stats.ReadDirect
		}
	}
	if b.method == stats.ReadDirect && !l.openDirect(f) {
		b.method = stats.ReadThread
	}
	return b.method
}

// pageBytes is the alignment of a buffer.
const pageBytes = 4096

// openDirect reports whether a file can be read directly, opening it for that if need be.
func (l *Loader) openDirect(f *docroot.File) bool {
	if f.DirectOff.Load() {
		return false
	}
	if f.Direct.Load() != docroot.DirectUnknown {
		return true
	}
	if f.MemAlign == 0 || f.MemAlign > pageBytes || f.FileAlign == 0 ||
		int(f.FileAlign) > l.cfg.BufferBytes || l.cfg.BufferBytes%int(f.FileAlign) != 0 {
		f.DirectOff.Store(true)
		return false
	}
	fd, class := l.k.Direct(f.FD)
	switch class {
	case kernel.Done:
		l.closing = l.cache.AddDirect(f, fd, l.closing[:0])
		l.events.CloseLater(l.closing)
		return true
	case kernel.Exhausted:
		return false // for now
	default:
		f.DirectOff.Store(true)
		return false
	}
}

// fallBack queues a read again, for the next read method.
func (l *Loader) fallBack(i int32, class kernel.Class) {
	b := &l.pool.buffers[i]
	f := b.transfer.file
	wasNoWait := b.method == stats.ReadNoWait
	b.method = stats.ReadThread
	switch {
	case wasNoWait:
		if class == kernel.Unsupported {
			f.NoWaitOff.Store(true)
		}
		if l.openDirect(f) {
			b.method = stats.ReadDirect
		}
	case class == kernel.Unsupported:
		f.DirectOff.Store(true)
	}
	l.enqueue(i)
	if wasNoWait {
		l.moveToDisk(b.transfer)
	}
}
