package simkernel

import (
	"encoding/binary"
	"syscall"
	"time"

	"aws/internal/kernel"
)

// pageBytes is the size of a page of the page cache, and what one residency bit stands for.
const pageBytes = 4096

// readAheadBytes is what a probe that misses makes the kernel fetch.
const readAheadBytes = 128 << 10

// File is an inode: a content that is a function of its number, so that its size costs nothing.
type File struct {
	Name    string // the first name that it had
	Ino     uint64
	Size    int64
	Faulted int  // how often the disk failed under it
	Shrunk  bool // it has been longer
	Sizes   []Extent
	Remote  bool // whatever is done with it may wait for somebody else

	mtime, ctime int64
	pages        []uint64      // bits: which are in memory
	beyond       bool          // whether those are that pages has no bits for
	used         time.Duration // when pages of it were last fetched, asked about or sent
	content      []byte        // of a file in memory; nil: by its number
	bad          []span
	memAlign     uint32
	fileAlign    uint32
}

// Age makes a new file older.
func (f *File) Age(by time.Duration) {
	f.Sizes[0].From -= by
	f.mtime -= by.Nanoseconds()
	f.ctime -= by.Nanoseconds()
}

// Extent says how long a file was from a time on.
type Extent struct {
	From time.Duration
	Size int64
}

type span struct{ from, to int64 }

// disk is all files.
type disk struct {
	trees    []*Tree
	files    []*File
	pressure bool // memory is wanted elsewhere: evict at the next Wait
	evicted  int

	directoryReads []DirectoryRead
}

// Tree is a directory whose files may be asked for.
type Tree struct {
	k     *Kernel
	root  kernel.Root
	names map[string]*entry

	directoryFaults map[string][]time.Duration
}

// entry is a name: what it leads to and how the lookup behaves.
type entry struct {
	file   *File // nil: nothing, or no regular file
	cold   bool  // only a worker thread can determine
	denied bool
	past   []Version
	faults []time.Duration // when it could not be opened
	fails  []kernel.Class  // how the next opens by worker threads end
}

// Version says what a name led to from a time on.
type Version struct {
	From time.Duration
	File *File // nil: nothing
}

// AddTree opens a root.
func (k *Kernel) AddTree(label string) *Tree {
	t := &Tree{k: k, names: map[string]*entry{}, directoryFaults: map[string][]time.Duration{}}
	t.root = kernel.Root(k.install(&desc{kind: descRoot, name: label}))
	k.disk.trees = append(k.disk.trees, t)
	return t
}

// Root returns the tree's root.
func (t *Tree) Root() kernel.Root { return t.root }

// Add makes a file, or puts a new one in the place of another, as rename(2) does.
func (t *Tree) Add(name string, size int64) *File {
	k := t.k
	f := &File{
		Name: name, Ino: uint64(len(k.disk.files)) + 100, Size: size,
		memAlign: 512, fileAlign: pick(k.rnd, uint32(512), 4096),
	}
	if !k.profile.DirectIO && k.rnd.IntN(2) == 0 {
		f.memAlign, f.fileAlign = 0, 0 // this kernel says so; others find out by trying
	}
	f.Sizes = append(f.Sizes, Extent{k.clock.now, size})
	f.mtime = k.wallNs()
	f.ctime = f.mtime
	k.disk.files = append(k.disk.files, f)
	if r := k.profile.Resident; r > 0 && k.rnd.Float64() < r {
		f.beyond = true
	} else if r > 0 && k.rnd.IntN(3) == 0 {
		f.fetch(0, k.between(0, size))
	}
	f.Remote = k.mounts.Float64() < k.profile.Remote
	t.Link(name, f)
	t.names[name].cold = k.profile.Cold > 0 && k.rnd.Float64() < k.profile.Cold
	return f
}

// Link makes a name lead to a file.
func (t *Tree) Link(name string, f *File) {
	e := t.names[name]
	if e == nil {
		e = &entry{}
		t.names[name] = e
	}
	e.file = f
	e.past = append(e.past, Version{t.k.clock.now, f})
}

// AddSpecial makes a name that stands for a directory, a FIFO or the like.
func (t *Tree) AddSpecial(name string) { t.Link(name, nil) }

// Deny makes a name that may not be opened.
func (t *Tree) Deny(name string) { t.names[name].denied = true }

// FailOpen lets the next opens of a name by worker threads end with these classes, one after the other, whether the name
// is there or not.
func (t *Tree) FailOpen(name string, classes ...kernel.Class) {
	if t.names[name] == nil {
		t.names[name] = &entry{cold: true}
	}
	t.names[name].fails = append(t.names[name].fails, classes...)
}

// Remove takes a name away. Who has the file open keeps it.
func (t *Tree) Remove(name string) { t.Link(name, nil) }

// OpenFaults returns when the disk has failed at opening a name, or at reading it if it is a directory's.
func (t *Tree) OpenFaults(name string) []time.Duration {
	if name == "" || name[len(name)-1] == '/' {
		return t.directoryFaults[name]
	}
	if e := t.names[name]; e != nil {
		return e.faults
	}
	return nil
}

// Past returns what a name has led to, oldest first.
func (t *Tree) Past(name string) []Version {
	if e := t.names[name]; e != nil {
		return e.past
	}
	return nil
}

// Resize makes a file longer or shorter.
func (k *Kernel) Resize(f *File, size int64) {
	k.tracef("%q goes from %d to %d bytes", f.Name, f.Size, size)
	f.Shrunk = f.Shrunk || size < f.Size
	f.Size = size
	f.Sizes = append(f.Sizes, Extent{k.clock.now, size})
	f.mtime = k.wallNs()
	f.ctime = f.mtime
}

// Break makes a part of a file unreadable, also where it is in memory.
func (k *Kernel) Break(f *File, from, to int64) {
	f.Faulted++
	f.bad = append(f.bad, span{from, to})
}

func (k *Kernel) wallNs() int64 { return wallStart*1e9 + int64(k.clock.now) }

// Fill writes the file's content at an offset to b.
func (f *File) Fill(offset int64, b []byte) {
	if f.content != nil {
		copy(b, f.content[min(offset, int64(len(f.content))):])
		return
	}
	var word [8]byte
	for len(b) > 0 {
		v := uint64(offset)>>3*0x9e3779b97f4a7c15 + f.Ino*0xbf58476d1ce4e5b9
		v = (v ^ v>>31) * 0x94d049bb133111eb
		v ^= v >> 29
		skip := int(offset & 7)
		if skip == 0 && len(b) >= 8 {
			binary.LittleEndian.PutUint64(b, v)
			b, offset = b[8:], offset+8
			continue
		}
		binary.LittleEndian.PutUint64(word[:], v)
		n := copy(b, word[skip:])
		b, offset = b[n:], offset+int64(n)
	}
}

// readable returns how many of n bytes come before the first that the disk can't read.
func (f *File) readable(offset, n int64) int64 {
	for _, s := range f.bad {
		if offset < s.to && offset+n > s.from {
			n = max(0, s.from-offset)
		}
	}
	return n
}

// fetch brings pages into memory.
func (f *File) fetch(offset, n int64) { f.setPages(offset, n, true) }

// drop takes pages out of memory.
func (f *File) drop(offset, n int64) { f.setPages(offset, n, false) }

func (f *File) setPages(offset, n int64, there bool) {
	for page := offset / pageBytes; page*pageBytes < offset+n; page++ {
		if f.page(page) == there {
			continue
		}
		for page/64 >= int64(len(f.pages)) {
			var word uint64
			if f.beyond {
				word = ^word
			}
			f.pages = append(f.pages, word)
		}
		f.pages[page/64] ^= 1 << (page % 64)
	}
}

// page reports whether a page is in memory.
func (f *File) page(page int64) bool {
	if page/64 >= int64(len(f.pages)) {
		return f.beyond
	}
	return f.pages[page/64]&(1<<(page%64)) != 0
}

// inMemory returns how many bytes from offset on are in memory, of n at the most.
func (f *File) inMemory(offset, n int64) int64 {
	end := min(offset+n, f.Size)
	at := offset
	for at < end {
		page := at / pageBytes
		if !f.page(page) {
			return at - offset
		}
		at = (page + 1) * pageBytes
	}
	return max(0, end-offset)
}

// evictedMax and evictGrace keep memory pressure from starving everybody: it ends some day, and what
// has just been used is the last that a kernel gives up.
const (
	evictedMax = 64
	evictGrace = 300 * time.Millisecond

	evictBytesMax = 64 << 20
)

// evictSome is the happening: memory is wanted. Pages leave at the next Wait and never in the middle
// of an iteration, where a loop that has just checked could not notice.
func (k *Kernel) evictSome() {
	if k.strikes(FaultEvict) {
		k.disk.pressure = true
	}
	if k.disk.evicted++; k.disk.evicted < evictedMax && k.OpenPeers() > 0 {
		k.After(k.profile.EvictEvery, k.evictSome)
	}
}

func (k *Kernel) evict() {
	if !k.disk.pressure || len(k.disk.files) == 0 {
		return
	}
	k.disk.pressure = false
	f := pick(k.rnd, k.disk.files...)
	if f.Size == 0 || f.used > 0 && k.clock.now-f.used < evictGrace {
		return
	}
	from := k.between(0, f.Size-1)
	n := k.between(1, min(f.Size-from, evictBytesMax))
	k.tracef("evict %q at %d+%d", f.Name, from, n)
	f.drop(from, n)
}

// Evict takes a file out of memory at once; a test calls it between two iterations.
func (k *Kernel) Evict(f *File) { f.pages, f.beyond = nil, false }

// fetchLater brings pages in when the disk has had its time.
func (k *Kernel) fetchLater(f *File, offset, n int64) {
	k.After(k.duration(k.profile.ReadTime, FaultReadLate), func() { k.fetch(f, offset, n) })
}

func (k *Kernel) fetch(f *File, offset, n int64) {
	f.fetch(offset, min(n, f.Size-offset))
	f.used = k.clock.now
}

// stall notes that the loop sleeps on a disk, and how long.
func (k *Kernel) stall(d *desc, offset, n int64) {
	f := d.file
	k.checkLocal(d, "sendfile")
	if d.direct {
		k.violate(d.fd, "sendfile from descriptor %d (%v): the loop sleeps on a disk", d.fd, d)
		return
	}
	there := f.inMemory(offset, n)
	f.used = k.clock.now
	if there == n {
		return
	}
	k.violate(d.fd, "sendfile of %q at %d+%d, of which %d bytes are in memory: the loop sleeps on a disk",
		f.Name, offset, n, there)
	k.fetch(f, offset, n)
	k.clock.now += k.profile.ReadTime
}

// checkLocal records an operation of the loop on a remote file, which may block.
func (k *Kernel) checkLocal(d *desc, what string) {
	if d.file != nil && d.file.Remote {
		k.violate(d.fd, "%s of %q, which is remote: the loop waits for somebody else", what, d.file.Name)
	}
}

// resident checks for the batch whether pages are in memory. A miss starts read-ahead.
func (k *Kernel) resident(op *kernel.Op) int64 {
	d, errno := k.lookupKind(op.File, descFile, syscall.EINVAL, "resident")
	if errno != 0 {
		return -int64(errno)
	}
	k.checkLocal(d, "preadv2")
	if !k.profile.NoWait {
		return -int64(syscall.EOPNOTSUPP)
	}
	there := d.file.inMemory(op.Offset, op.Len())
	if op.Offset+there >= min(op.Offset+op.Len(), d.file.Size) {
		k.progress++
		d.file.used = k.clock.now
		return op.Len()
	}
	if k.rnd.IntN(2) == 0 {
		k.fetchLater(d.file, op.Offset+there, readAheadBytes)
	}
	return there
}

// Probe implements kernel.Kernel.
func (k *Kernel) Probe(fd int32, offset, n int64) kernel.Residency {
	if !k.usable("Probe") {
		return kernel.ResidencyUnknown
	}
	d, errno := k.lookupKind(fd, descFile, syscall.EINVAL, "cachestat")
	if errno == 0 {
		k.checkLocal(d, "cachestat")
	}
	if errno != 0 || !k.profile.Cachestat || k.strikes(FaultBusyProbe) {
		return kernel.ResidencyUnknown
	}
	pages, there := int64(0), int64(0)
	for at := offset / pageBytes * pageBytes; at < offset+n; at += pageBytes {
		pages++
		if at < d.file.Size && d.file.inMemory(at, 1) == 1 {
			there++
		}
	}
	response := kernel.ResidencyPart
	switch there {
	case 0:
		response = kernel.ResidencyNone
	case pages:
		response = kernel.ResidencyFull
	}
	k.mark(markOpen, int64(fd), int64(response))
	k.tracef("probe fd %d at %d+%d: %d of %d pages", fd, offset, n, there, pages)
	return response
}

// Size implements kernel.Kernel.
func (k *Kernel) Size(fd int32) int64 {
	d, errno := k.lookupKind(fd, descFile, syscall.EINVAL, "fstat")
	if errno != 0 {
		return -int64(errno)
	}
	k.checkLocal(d, "fstat")
	return d.file.Size
}

// Peek implements kernel.Kernel.
func (k *Kernel) Peek(fd int32, b []byte) int64 {
	d, errno := k.lookupKind(fd, descFile, syscall.EINVAL, "preadv2")
	if errno != 0 {
		return -int64(errno)
	}
	k.checkLocal(d, "preadv2")
	if !k.profile.NoWait {
		return -int64(syscall.EOPNOTSUPP)
	}
	n := d.file.inMemory(0, min(int64(len(b)), d.file.Size))
	if n == 0 && d.file.Size > 0 {
		return -int64(syscall.EAGAIN)
	}
	d.file.Fill(0, b[:n])
	d.file.used = k.clock.now
	k.tracef("peek fd %d: %d of %d bytes", fd, n, len(b))
	return n
}
