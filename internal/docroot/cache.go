package docroot

import (
	"sync"
	"sync/atomic"
	"time"

	"aws/internal/kernel"
)

// ResidentChunkBytes is the grain in which a file's residency in memory is remembered.
const ResidentChunkBytes = 512 << 10

// DirectUnknown stands for the descriptor of a file that nobody has read directly yet.
const DirectUnknown int32 = -1

// File is an open regular file, or the remembered absence of one.
type File struct {
	kernel.Opened
	Mount *Mount
	Name  string       // beneath the mount's root
	Class kernel.Class // Done, or why there is no file
	Head  []byte       // what the answers for this file have in common; the dialect's
	Extra any          // whatever else the dialect keeps with a file
	Made  bool         // it was made for an answer, is all in memory, and has no name to look up

	Small      atomic.Pointer[[]byte] // its content, if it is small and was in memory when it was looked for
	SmallTried atomic.Int64           // time.Duration at which it was last looked for

	forms   atomic.Bool  // it was seen that there are other forms of it
	formsAt atomic.Int64 // time.Duration of that look, plus 1; 0: nobody has looked

	Direct     atomic.Int32 // descriptor for direct reads, open as long as the file; or DirectUnknown
	DirectOff  atomic.Bool  // the filesystem refuses direct reads of this file
	NoWaitOff  atomic.Bool  // the filesystem does not know reads that don't wait
	ProbingOff atomic.Bool  // the filesystem does not say what is in memory

	refs      atomic.Int32
	validated atomic.Int64 // time.Duration of the latest look at the name
	used      time.Duration
	listed    bool // in the cache, which then holds one of the references
	newer     *File
	older     *File
	resident  []atomic.Uint32 // by chunk: milliseconds + 1 at which it was seen in memory
}

// residentFor is how long a chunk that was seen in memory is taken to still be there. A page that
// has just been used is the last that the kernel would give up.
const residentFor = 250 * time.Millisecond

// residentChunksMax bounds the memory that one file's residency takes. The chunks of a larger file
// (2 GiB) are not remembered, which costs a look before each.
const residentChunksMax = 4096

// Resident reports whether the chunk around offset was seen in memory a moment ago.
func (f *File) Resident(offset int64, now time.Duration) bool {
	if len(f.resident) == 0 {
		return false
	}
	seen := f.resident[offset/ResidentChunkBytes].Load()
	age := uint32(now.Milliseconds()) + 1 - seen
	return seen != 0 && age <= uint32(residentFor.Milliseconds())
}

// SetResident remembers that n bytes from offset on, within one chunk, are in memory, if they are
// all that the chunk has.
func (f *File) SetResident(offset, n int64, now time.Duration) {
	end := offset + n
	if offset%ResidentChunkBytes != 0 || end%ResidentChunkBytes != 0 && end < f.Size {
		return
	}
	if len(f.resident) != 0 {
		f.resident[offset/ResidentChunkBytes].Store(uint32(now.Milliseconds()) + 1)
	}
}

// formsFor is how long what was seen of a file's other forms is trusted: as long as a name.
const formsFor = time.Second

// FormsKnown reports whether it was seen a moment ago whether there are other forms of the file.
func (f *File) FormsKnown(now time.Duration) bool {
	at := time.Duration(f.formsAt.Load())
	return at != 0 && now+1-at <= formsFor
}

// HasForms reports whether there were other forms of the file when that was looked for.
func (f *File) HasForms() bool { return f.forms.Load() }

// SetForms remembers whether there are other forms of the file.
func (f *File) SetForms(are bool, now time.Duration) {
	f.forms.Store(are)
	f.formsAt.Store(int64(now) + 1)
}

// Limits bounds a cache.
type Limits struct {
	FilesMax  int           // files held open without being in use
	MaxAge    time.Duration // how long a name is trusted before it is looked up again
	IdleMax   time.Duration // how long an unused file is held open
	AbsentMax time.Duration // how long an absence is remembered; 0: not at all
}

// Cache keeps files open between requests.
type Cache struct {
	limits Limits
	mu     sync.Mutex
	byName map[*Mount]map[string]*File
	newest *File
	oldest *File
	count  int

	closing []int32 // descriptors of files that lost their last reference here
}

// NewCache returns an empty cache.
func NewCache(limits Limits) *Cache {
	return &Cache{limits: limits, byName: map[*Mount]map[string]*File{}}
}

// Freshness says what a cached file is worth.
type Freshness uint8

// The outcomes of Get.
const (
	Missing Freshness = iota // not in the cache
	Stale                    // in the cache, but its name must be looked up before it is used
	Fresh                    // good to use
)

// Get returns the file of a name, with a reference for the caller unless it is Missing.
func (c *Cache) Get(m *Mount, name []byte, now time.Duration) (*File, Freshness) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.byName[m][string(name)]
	if f == nil {
		return nil, Missing
	}
	age := now - time.Duration(f.validated.Load())
	if f.Class != kernel.Done {
		if age > c.limits.AbsentMax || c.limits.AbsentMax == 0 && age > 0 {
			c.unlist(f)
			return nil, Missing
		}
	}
	c.touch(f, now)
	f.refs.Add(1)
	if age > c.limits.MaxAge || age < 0 {
		return f, Stale
	}
	return f, Fresh
}

// Validated remembers that f's name was looked up and still stands for f.
func (c *Cache) Validated(f *File, now time.Duration) { f.validated.Store(int64(now)) }

// NewFile returns what a name stands for, with a reference for the caller: an opened file if class
// is Done, else the absence of one.
func NewFile(m *Mount, name string, class kernel.Class, opened *kernel.Opened) *File {
	f := &File{Mount: m, Name: name, Class: class}
	f.FD = -1
	if class == kernel.Done {
		f.Opened = *opened
		if n := (f.Size + ResidentChunkBytes - 1) / ResidentChunkBytes; n <= residentChunksMax {
			f.resident = make([]atomic.Uint32, n)
		}
	}
	f.Direct.Store(DirectUnknown)
	f.refs.Store(1)
	return f
}

// Add puts a new file into the cache in place of what it had under that name. Absences that are
// not to be remembered stay out, and so does a disk's fault: it says nothing about the name.
func (c *Cache) Add(f *File, now time.Duration) {
	f.validated.Store(int64(now))
	if f.Class != kernel.Done && (c.limits.AbsentMax == 0 || f.Class == kernel.Fault) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.byName[f.Mount]
	if names == nil {
		names = map[string]*File{}
		c.byName[f.Mount] = names
	}
	if old := names[f.Name]; old != nil {
		c.unlist(old)
	}
	names[f.Name] = f
	f.listed = true
	f.refs.Add(1)
	c.count++
	c.touch(f, now)
}

// Drop takes a file out of the cache: its name stands for something else now.
func (c *Cache) Drop(f *File) {
	c.mu.Lock()
	c.unlist(f)
	c.mu.Unlock()
}

// Forget takes out all that was found beneath a root, which stands for another directory now. Files in use stay open.
func (c *Cache) Forget(root kernel.Root) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := c.oldest; f != nil; {
		newer := f.newer
		if f.Mount.Root == root {
			c.unlist(f)
		}
		f = newer
	}
}

// Trim takes out what has not been used for long and what is too much, looking at no more than
// atMost files, and appends the descriptors that are to be closed. With force it takes unused
// files out regardless, the oldest first, to make room when descriptors are used up.
func (c *Cache) Trim(now time.Duration, atMost int, force bool, fds []int32) []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := c.oldest; f != nil && atMost > 0; atMost-- {
		next := f.newer
		idle := now-f.used > c.limits.IdleMax
		if !idle && !force && c.count <= c.limits.FilesMax {
			break
		}
		if f.refs.Load() == 1 { // only the cache's own: nobody can take another without the lock
			c.unlist(f)
		}
		f = next
	}
	return c.takeClosing(fds)
}

// Clear takes everything out and appends the descriptors that are to be closed now; files in use
// follow with their last Release.
func (c *Cache) Clear(fds []int32) []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.oldest != nil {
		c.unlist(c.oldest)
	}
	return c.takeClosing(fds)
}

// takeClosing moves the descriptors that unlist left over. The lock is held.
func (c *Cache) takeClosing(fds []int32) []int32 {
	fds = append(fds, c.closing...)
	c.closing = c.closing[:0]
	return fds
}

// unlist takes f out and gives the cache's reference back. The lock is held.
func (c *Cache) unlist(f *File) {
	if !f.listed {
		return
	}
	f.listed = false
	c.count--
	delete(c.byName[f.Mount], f.Name)
	c.detach(f)
	c.closing = f.Release(c.closing)
}

// Len returns the number of files in the cache.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Loads reports whether the file is sent from buffers that are loaded, rather than by sendfile.
func (f *File) Loads() bool { return f.Mount.Kind == Dynamic && !f.Made }

// Hold takes another reference of a file that the caller already holds one of.
func (f *File) Hold() { f.refs.Add(1) }

// Release gives a reference back and appends the descriptors that are to be closed, if it was the
// last one.
func (f *File) Release(fds []int32) []int32 {
	if f.refs.Add(-1) > 0 {
		return fds
	}
	if f.FD >= 0 {
		fds = append(fds, f.FD)
		f.FD = -1
	}
	if d := f.Direct.Load(); d >= 0 {
		fds = append(fds, d)
		f.Direct.Store(DirectUnknown)
	}
	return fds
}

// touch makes f the newest. The lock is held.
func (c *Cache) touch(f *File, now time.Duration) {
	f.used = now
	if c.newest == f {
		return
	}
	c.detach(f)
	f.older = c.newest
	if c.newest != nil {
		c.newest.newer = f
	}
	c.newest = f
	if c.oldest == nil {
		c.oldest = f
	}
}

// detach takes f out of the order of use. The lock is held.
func (c *Cache) detach(f *File) {
	if f.newer != nil {
		f.newer.older = f.older
	} else if c.newest == f {
		c.newest = f.older
	}
	if f.older != nil {
		f.older.newer = f.newer
	} else if c.oldest == f {
		c.oldest = f.newer
	}
	f.newer, f.older = nil, nil
}
