package docroot

import "aws/internal/kernel"

// queue is a list of cached files in the order in which they may be evicted, oldest first, with the sums of what
// they hold. A file stands in one queue at the most. The cache's lock guards it.
type queue struct {
	newest, oldest *File
	descriptors    int
	bytes          int64
}

// push makes f, which stands in no queue, the newest.
func (q *queue) push(f *File) {
	q.link(f)
	f.queue = q
	f.descriptors = f.countDescriptors()
	q.descriptors += f.descriptors
	q.bytes += f.bytes
}

// remove takes f, which stands in q, out.
func (q *queue) remove(f *File) {
	q.unlink(f)
	f.queue = nil
	q.descriptors -= f.descriptors
	q.bytes -= f.bytes
}

// touch makes f, which stands in q, the newest.
func (q *queue) touch(f *File) {
	if q.newest != f {
		q.unlink(f)
		q.link(f)
	}
}

func (q *queue) link(f *File) {
	f.older, f.newer = q.newest, nil
	if q.newest != nil {
		q.newest.newer = f
	} else {
		q.oldest = f
	}
	q.newest = f
}

func (q *queue) unlink(f *File) {
	if f.newer != nil {
		f.newer.older = f.older
	} else {
		q.newest = f.older
	}
	if f.older != nil {
		f.older.newer = f.newer
	} else {
		q.oldest = f.newer
	}
	f.newer, f.older = nil, nil
}

// countDescriptors returns how many descriptors f has open.
func (f *File) countDescriptors() int {
	n := 0
	if f.FD >= 0 {
		n++
	}
	if f.Direct.Load() >= 0 {
		n++
	}
	return n
}

// entryBytes is the memory of a cached file or absence without its name and content: the struct, and its
// share of the maps (measured by TestAbsencesAreBoundedInBytes).
const entryBytes = 448

// weigh returns the memory that f takes as the cache counts it. Only what can be made up by clients is counted:
// absences, by their names, and files that were made, by their contents, which are whole pages.
func (f *File) weigh() int64 {
	const pageBytes = 4096
	bytes := int64(entryBytes + len(f.Name))
	if f.Made && f.Class == kernel.Done {
		bytes += (f.Size + pageBytes - 1) / pageBytes * pageBytes
	}
	return bytes
}
