package docroot

import (
	"sync"
	"sync/atomic"
	"time"

	"aws/internal/kernel"
)

// formsFor is how long the existence of other forms of a file is trusted: as long as a name.
const formsFor = time.Second

// Limits bounds a cache. 0 means none, or the default if one is named.
type Limits struct {
	FilesMax  int           // descriptors of open files that are not in use, including second ones for direct reads
	MaxAge    time.Duration // how long a name is trusted before it is looked up again
	IdleMax   time.Duration // how long an unused file is held open
	AbsentMax time.Duration // how long an absence is remembered; 0: not remembered

	AbsentBytesMax int64 // memory for absences; 0: AbsentBytesDefault
	MadeBytesMax   int64 // memory for made files that are not in use; 0: MadeBytesDefault
}

// The defaults of Limits, and the factor by which all made files, including those in use, may exceed
// MadeBytesMax before Full returns true.
const (
	AbsentBytesDefault = 8 << 20
	MadeBytesDefault   = 16 << 20
	madeInUseFactor    = 4
)

// Cache keeps files open between requests. It enforces its limits whenever a file is added, by evicting
// files.
//
// A file that was requested once is in the queue once. A file that was requested again is in the queue
// often, which may use three quarters of the descriptors. Files in once are evicted first, so that a client
// that requests every file does not evict the files that others request often. Whether a file is in use is
// checked when it is the next to be evicted. A file in use is then in no queue until its last user has
// released it.
type Cache struct {
	limits Limits
	mu     sync.Mutex
	byName map[*Mount]map[string]*File
	once   queue
	often  queue
	made   queue
	absent queue         // in the order in which they were found absent
	now    time.Duration // time of the last call
	count  atomic.Int64
	making atomic.Int64 // bytes of all made files that are open
}

// NewCache returns an empty cache.
func NewCache(limits Limits) *Cache {
	if limits.AbsentBytesMax == 0 {
		limits.AbsentBytesMax = AbsentBytesDefault
	}
	if limits.MadeBytesMax == 0 {
		limits.MadeBytesMax = MadeBytesDefault
	}
	return &Cache{limits: limits, byName: map[*Mount]map[string]*File{}}
}

// Limits returns the cache's limits, including the defaults.
func (c *Cache) Limits() Limits { return c.limits }

// Freshness is the result of a lookup in the cache.
type Freshness uint8

// The results of Get.
const (
	Missing Freshness = iota // not in the cache
	Stale                    // in the cache, but its name must be looked up before it is used
	Fresh                    // usable
)

// Get returns the file with a name. If it is not Missing, the caller gets a reference.
func (c *Cache) Get(m *Mount, name []byte, now time.Duration) (*File, Freshness) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.byName[m][string(name)]
	if f == nil {
		return nil, Missing
	}
	age := now - time.Duration(f.validated.Load())
	if f.Class != kernel.Done && age > c.limits.AbsentMax {
		c.unlist(f, nil) // it has no descriptors
		return nil, Missing
	}
	c.use(f, now)
	f.refs.Add(1)
	if age > c.limits.MaxAge || age < 0 {
		return f, Stale
	}
	return f, Fresh
}

// Validated records that a lookup has confirmed that the name still refers to f.
func (c *Cache) Validated(f *File, now time.Duration) { f.validated.Store(int64(now)) }

// Add adds a file to the cache, replaces the previous file of that name, evicts files if necessary, and
// appends the descriptors to close. It does not add an absent file if absences are not remembered, and not a
// file whose open failed with a disk error, because that says nothing about the name.
func (c *Cache) Add(f *File, now time.Duration, fds []Descriptor) []Descriptor {
	f.validated.Store(int64(now))
	//mutation:disk-fault-remembered
	if f.Class != kernel.Done && (c.limits.AbsentMax == 0 || f.Class == kernel.Fault) {
		return fds
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.byName[f.Mount]
	if names == nil {
		names = map[string]*File{}
		c.byName[f.Mount] = names
	}
	if old := names[f.Name]; old != nil {
		old.gone = old.Class == kernel.Done && (f.Class != kernel.Done || !old.Same(&f.Info))
		fds = c.unlist(old, fds)
	}
	names[f.Name] = f
	f.cache, f.listed, f.used, f.bytes = c, true, now, f.weigh()
	f.refs.Add(1)
	if f.Made {
		c.making.Add(f.bytes)
	}
	c.now = now
	c.count.Add(1)
	c.queueOf(f).push(f)
	return c.enforce(fds)
}

// Forget removes all files below a root, which now refers to another directory, and appends the descriptors
// to close. Files in use stay open.
func (c *Cache) Forget(root kernel.Root, fds []Descriptor) []Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, names := range c.byName {
		if m.Root != root {
			continue
		}
		for _, f := range names {
			f.gone = true
			fds = c.unlist(f, fds)
		}
	}
	return fds
}

// AddDirect sets fd as the file's descriptor for direct reads, and appends the descriptors to close: those
// of evicted files, or fd itself if the file already has one.
func (c *Cache) AddDirect(f *File, fd int32, fds []Descriptor) []Descriptor {
	if !f.Direct.CompareAndSwap(DirectUnknown, fd) {
		return append(fds, Descriptor{FD: fd})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := f.queue; q != nil {
		q.descriptors -= f.descriptors
		f.descriptors = f.countDescriptors()
		q.descriptors += f.descriptors
	}
	return c.enforce(fds)
}

// Drop removes a file from the cache because its name now refers to another file, and appends the
// descriptors to close.
func (c *Cache) Drop(f *File, fds []Descriptor) []Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.gone = true
	return c.unlist(f, fds)
}

// Trim removes at most atMost files that have not been used for a long time, and appends the descriptors to
// close. It returns false if there are more to remove.
func (c *Cache) Trim(now time.Duration, atMost int, fds []Descriptor) ([]Descriptor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	for _, q := range [...]*queue{&c.once, &c.often, &c.made} {
		for ; q.oldest != nil && now-q.oldest.used > c.limits.IdleMax; atMost-- {
			if atMost <= 0 {
				return fds, false
			}
			fds = c.evict(q.oldest, fds)
		}
	}
	for ; c.expired(); atMost-- {
		if atMost <= 0 {
			return fds, false
		}
		c.unlist(c.absent.oldest, nil)
	}
	return fds, true
}

// Reclaim removes unused files until at least the given number of descriptors is free, and appends these
// descriptors. The loop calls it if no descriptor is left for opening a file.
func (c *Cache) Reclaim(descriptors int, fds []Descriptor) []Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	for had := len(fds); len(fds)-had < descriptors; {
		f := c.next()
		if f == nil {
			break
		}
		fds = c.evict(f, fds)
	}
	return fds
}

// Clear removes all files and appends the descriptors to close now. Files in use are closed by their last
// Release.
func (c *Cache) Clear(fds []Descriptor) []Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range [...]*queue{&c.once, &c.often, &c.made, &c.absent} {
		for q.oldest != nil {
			fds = c.unlist(q.oldest, fds)
		}
	}
	for _, names := range c.byName {
		for _, f := range names { // in use
			fds = c.unlist(f, fds)
		}
	}
	return fds
}

// Len returns the number of names in the cache.
func (c *Cache) Len() int { return int(c.count.Load()) }

// Reserve counts bytes of made files that are not in the cache yet, or, below 0, that have been counted so and are now.
func (c *Cache) Reserve(bytes int64) { c.making.Add(bytes) }

// Full reports whether made files, which are in memory as long as they are in use, use so much memory that
// no more should be made.
func (c *Cache) Full() bool { return c.making.Load() >= madeInUseFactor*c.limits.MadeBytesMax }

// queueOf returns the queue that a file belongs into. The lock is held, as it is for all that follow.
func (c *Cache) queueOf(f *File) *queue {
	switch {
	case f.Class != kernel.Done:
		return &c.absent
	case f.Made:
		return &c.made
	case f.often:
		return &c.often
	default:
		return &c.once
	}
}

// use notes that somebody asks for f.
func (c *Cache) use(f *File, now time.Duration) {
	c.now, f.used = now, now
	switch q := f.queue; q {
	case &c.often, &c.made:
		q.touch(f)
		return
	case &c.once:
	default: // in use, or absent
		f.often = true
		return
	}
	f.often = true
	c.once.remove(f)
	c.often.push(f)
	for c.often.descriptors > c.limits.FilesMax*3/4 {
		oldest := c.often.oldest
		oldest.often = false
		c.often.remove(oldest)
		c.once.push(oldest)
	}
}

// expiredPerInsert is how many expired absences an insert removes. Trim removes the rest.
const expiredPerInsert = 2

// enforce evicts until all bounds hold.
func (c *Cache) enforce(fds []Descriptor) []Descriptor {
	for n := 0; c.absent.bytes > c.limits.AbsentBytesMax || n < expiredPerInsert && c.expired(); n++ {
		c.unlist(c.absent.oldest, nil)
	}
	// Files that were made may have a quarter of the descriptors.
	for c.made.oldest != nil && (c.made.bytes > c.limits.MadeBytesMax || c.made.descriptors > max(c.limits.FilesMax/4, 1)) {
		fds = c.evict(c.made.oldest, fds)
	}
	//mutation:cache-unbounded
	for c.once.descriptors+c.often.descriptors+c.made.descriptors > c.limits.FilesMax {
		fds = c.evict(c.next(), fds)
	}
	return fds
}

// next returns the file that is to be evicted next, or nil.
func (c *Cache) next() *File {
	for _, q := range [...]*queue{&c.once, &c.often, &c.made} {
		if q.oldest != nil {
			return q.oldest
		}
	}
	return nil
}

// expired reports whether the oldest absence is not to be remembered any more.
func (c *Cache) expired() bool {
	f := c.absent.oldest
	return f != nil && c.now-time.Duration(f.validated.Load()) > c.limits.AbsentMax
}

// evict takes f, which stands in a queue, out of the cache if nobody uses it, and otherwise out of its queue until its
// last user has released it.
func (c *Cache) evict(f *File, fds []Descriptor) []Descriptor {
	// Who releases f meanwhile either comes before the look at refs, or sees that f is pinned.
	f.pinned.Store(true)
	if f.refs.Load() > 1 {
		f.queue.remove(f)
		return fds
	}
	return c.unlist(f, fds)
}

// rejoin lets f wait for its eviction again: its last user has released it.
func (c *Cache) rejoin(f *File, fds []Descriptor) []Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.listed || f.queue != nil || f.refs.Load() > 1 {
		return fds // it is gone, or has been used again
	}
	f.pinned.Store(false)
	f.used = c.now
	c.queueOf(f).push(f)
	return c.enforce(fds)
}

// unlist takes f out and gives the cache's reference back.
func (c *Cache) unlist(f *File, fds []Descriptor) []Descriptor {
	if !f.listed {
		return fds
	}
	f.listed = false
	f.pinned.Store(false)
	c.count.Add(-1)
	delete(c.byName[f.Mount], f.Name)
	if f.queue != nil {
		f.queue.remove(f)
	}
	if f.refs.Add(-1) == 0 {
		fds = f.close(fds)
	}
	return fds
}

// released is what follows when the last reference was given back, or the last one but the cache's own.
func (f *File) released(refs int32, fds []Descriptor) []Descriptor {
	if refs == 0 {
		return f.close(fds)
	}
	return f.cache.rejoin(f, fds)
}

// Descriptor is a descriptor that the caller must close.
type Descriptor struct {
	FD     int32
	Slow   bool // closing it may block: on a remote filesystem (FUSE_FLUSH), or on the deletion of a file without a name
	Remote bool // on the former
}

// close appends the descriptors of a file that nobody has a reference of any more.
func (f *File) close(fds []Descriptor) []Descriptor {
	//mutation:remote-file-closed-by-loop
	slow := f.Remote || f.gone && !f.Made
	//mutation:direct-descriptor-leak
	for _, fd := range [...]int32{f.FD, f.Direct.Load()} {
		if fd >= 0 {
			fds = append(fds, Descriptor{FD: fd, Slow: slow, Remote: f.Remote})
		}
	}
	f.FD = -1
	f.Direct.Store(DirectUnknown)
	if f.Made && f.cache != nil {
		f.cache.making.Add(-f.bytes)
	}
	if f.form != nil {
		for _, c := range f.form.counts {
			c.sum.Add(-c.n)
		}
	}
	return fds
}
