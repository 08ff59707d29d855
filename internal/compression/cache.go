package compression

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/response"
)

// Key identifies a form: the version of a file, and the coding.
type Key struct {
	kernel.Info
	Coding response.Coding
}

// Encoder makes the bytes of forms.
type Encoder struct {
	// Encode returns the content in a coding other than Identity. ok is false if the form would not be smaller. Several worker
	// threads call it.
	Encode func(content []byte, c response.Coding) (form []byte, ok bool)
	// Version is another one when Encode returns other bytes for the same content.
	Version uint8
}

// Limits bounds a cache. All must be positive.
type Limits struct {
	MemoryBytesMax int64 // of all forms in memory, those in use and those that are being made included
	FilesMax       int   // forms in memory, each of which has a descriptor
	Running        int   // worker threads that compress
	PendingMax     int   // forms that are being made, or wait for a worker thread
}

// PendingMaxDefault is Limits.PendingMax of a server.
const PendingMaxDefault = 64

// failedFor is how long the failure to make a form is remembered: the file can't be read, or memory is used up.
const failedFor = 10 * time.Second

// entryBytes is the memory of an entry without its form: the struct, its share of the map and of the list (measured by
// TestEntriesAreBoundedInBytes).
const entryBytes = 384

// pageBytes is the unit in which a file in memory takes memory.
const pageBytes = 4096

// Cache keeps forms of files.
type Cache struct {
	limits    Limits
	encoder   Encoder
	directory *Directory // nil: none
	stopped   atomic.Bool
	inUse     atomic.Int64 // bytes of forms that are open, whether or not they are in the cache
	open      atomic.Int64 // their number

	mu       sync.Mutex
	byKey    map[Key]*entry
	order    list.List // of *entry, the latest used one first
	pending  map[Key]*pending
	reserved int64 // bytes of forms that are pending
	stats    Stats
}

// entry is a form, or the record that there is none.
type entry struct {
	key     Key
	file    *docroot.File // nil: the form is not smaller, or could not be made
	until   time.Duration // when a form that could not be made may be tried again; 0: never
	element *list.Element
}

// pending is a form that is being made, or waits for that.
type pending struct {
	began time.Duration
	soon  bool // a worker thread was free for it
}

// Stats are the statistics of a cache.
type Stats struct {
	Made       uint64 // forms that were compressed
	Loaded     uint64 // forms that were read from the directory
	NotSmaller uint64 // files whose form is not smaller
	Changed    uint64 // files that changed while they were compressed
	Failed     uint64 // forms that could not be made
	Refused    uint64 // requests for which a form was not made because of a bound
	Hits       uint64 // requests for which there was a form
	Pending    int    // forms that are being made or wait
	Files      int    // forms in memory
	Bytes      int64  // of memory, those that are reserved included

	DirectoryBytes  int64  // of forms in the directory
	DirectoryFailed uint64 // forms that could not be written to it
	DirectoryBad    uint64 // files in it that were not forms as they were written
}

// NewCache returns an empty cache. directory may be nil.
func NewCache(limits Limits, encoder Encoder, directory *Directory) *Cache {
	return &Cache{limits: limits, encoder: encoder, directory: directory, byKey: map[Key]*entry{}, pending: map[Key]*pending{}}
}

// State is what is known of a form.
type State uint8

// The results of Get.
const (
	Absent  State = iota // Begin may be called for it
	Ready                // there it is
	Soon                 // it is being made
	Pending              // it is being made, or waits for a worker thread
	Never                // there will be none in the near future
)

// Get returns what is known of a form. If it is Ready, the caller gets a reference. now is the time of a loop's clock.
func (c *Cache) Get(key *Key, now time.Duration) (*docroot.File, State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[*key]; e != nil {
		switch {
		case e.file != nil:
			c.order.MoveToFront(e.element)
			c.stats.Hits++
			e.file.Hold()
			return e.file, Ready
		case e.until == 0 || now < e.until:
			c.order.MoveToFront(e.element)
			return nil, Never
		}
	}
	p := c.pending[*key]
	switch {
	case p == nil:
		return nil, Absent
	case p.soon:
		return nil, Soon
	}
	return nil, Pending
}

// Begin admits the making of a form that is Absent. Soon and Pending mean that Make or Cancel must be called for it, Never that a
// bound forbids it, or that it is not Absent any more. Begin appends the descriptors of forms that were removed to make room, which the caller must close.
func (c *Cache) Begin(key *Key, now time.Duration, fds []docroot.Descriptor) (State, []docroot.Descriptor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[*key]
	if c.stopped.Load() || c.pending[*key] != nil || e != nil && (e.file != nil || e.until == 0 || now < e.until) {
		return Never, fds // another loop has been faster, or there is no need
	}
	hasRoom := len(c.pending) < c.limits.PendingMax
	if hasRoom {
		hasRoom, fds = c.makeRoom(weigh(key.Size), fds)
	}
	if !hasRoom {
		c.stats.Refused++
		return Never, fds
	}
	p := &pending{began: now, soon: len(c.pending) < c.limits.Running}
	c.pending[*key] = p
	c.reserved += weigh(key.Size)
	if p.soon {
		return Soon, fds
	}
	return Pending, fds
}

// Cancel takes back what Begin has admitted.
func (c *Cache) Cancel(key *Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(key)
	c.stats.Refused++
}

// Stop ends the making of forms: what waits for a worker thread is not made any more.
func (c *Cache) Stop() { c.stopped.Store(true) }

// Stats returns the statistics.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	s := c.stats
	s.Pending, s.Files, s.Bytes = len(c.pending), int(c.open.Load()), c.bytes()
	c.mu.Unlock()
	if c.directory != nil {
		s.DirectoryBytes, s.DirectoryFailed, s.DirectoryBad = c.directory.stats()
	}
	return s
}

// Clear removes all forms, and appends the descriptors to close now. Forms in use are closed by their last Release.
func (c *Cache) Clear(fds []docroot.Descriptor) []docroot.Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.order.Len() > 0 {
		fds = c.remove(c.order.Back().Value.(*entry), fds)
	}
	return fds
}

// weigh returns the memory of an entry with a form of a size.
func weigh(bytes int64) int64 { return entryBytes + (bytes+pageBytes-1)/pageBytes*pageBytes }

// bytes returns what counts to MemoryBytesMax. The lock is held, as it is for all that follow.
func (c *Cache) bytes() int64 {
	return c.inUse.Load() + c.reserved + int64(len(c.byKey))*entryBytes
}

// makeRoom removes forms until another one of some bytes fits, the one that has not been used for the longest time first. A form
// that is in use is left, because that frees no memory. It returns false if the form does not fit.
func (c *Cache) makeRoom(bytes int64, fds []docroot.Descriptor) (bool, []docroot.Descriptor) {
	fits := func() bool {
		return c.bytes()+bytes <= c.limits.MemoryBytesMax && int(c.open.Load())+len(c.pending) < c.limits.FilesMax
	}
	for at := c.order.Back(); at != nil && !fits(); {
		e := at.Value.(*entry)
		at = at.Prev()
		if e.file == nil || !e.file.Shared() {
			fds = c.remove(e, fds)
		}
	}
	return fits(), fds
}

// remove takes an entry out, and gives the reference of its form back.
func (c *Cache) remove(e *entry, fds []docroot.Descriptor) []docroot.Descriptor {
	delete(c.byKey, e.key)
	c.order.Remove(e.element)
	if e.file != nil {
		fds = e.file.Release(fds)
	}
	return fds
}

// forget ends what Begin has begun.
func (c *Cache) forget(key *Key) *pending {
	p := c.pending[*key]
	delete(c.pending, *key)
	c.reserved -= weigh(key.Size)
	return p
}
