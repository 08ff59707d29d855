package loader

// share says to which part of the pool a transfer's buffers count.
type share uint8

const (
	shareMemory share = iota // all that it has read so far was in memory
	shareDisk
	shareRemote // its file is Remote: a read may wait for ever
	shareCount
)

// sharePart is which part of the pool is kept for each share, and slotsPart which part of the kernel's slots
// for reads from memory, and of those that are free for reads past the page cache.
const (
	sharePart = 8
	slotsPart = 4
)

// reserved returns how many buffers are kept for a share beyond those that it holds: a part of the pool, less
// if the rest of the pool would be smaller than a window. None are kept for files that are Remote while there are none.
func (p *pool) reserved(s share) int {
	if s == shareRemote && p.held[s] == 0 && p.waiters[s].empty() {
		return 0
	}
	part := min(p.size()/sharePart, p.size()-int(p.windowChunks))
	return max(part-p.held[s], 0)
}

// mayHold reports whether a share may hold n more buffers. They need not have memory yet.
func (p *pool) mayHold(s share, n int) bool {
	kept := 0
	for other := range shareCount {
		if other != s {
			kept += p.reserved(other)
		}
	}
	return p.available+p.size()-p.grown-n >= min(kept, p.size()-int(p.windowChunks))
}

// allocate allocates free buffers to a transfer.
func (p *pool) allocate(t *Transfer, n int) {
	p.available -= n
	p.held[t.share] += n
	t.allocated += n
}

// release makes buffers of a share free.
func (p *pool) release(s share, n int) {
	p.available += n
	p.held[s] -= n
	assert(p.held[s] >= 0, "a buffer is released that was not held")
}

// refill returns how many buffers a transfer gets that has just sent one. It gets none while others wait; but one
// whose file is in memory does not make way for those that wait for a disk. From memory a transfer gets one, which
// is the one that it has sent. For a disk it gets all that its window lacks, so that the disk has several reads at
// a time.
func (l *Loader) refill(t *Transfer) int {
	p := &l.pool
	if !p.waiters[t.share].empty() || t.share != shareMemory && p.waiting() > 0 {
		return 0
	}
	most := 1
	if t.share != shareMemory {
		most = int(t.windowMax)
	}
	n := int(min(t.windowMax-(t.next-t.head), t.endChunk-t.next)) - t.allocated
	for n = min(n, most, p.available); n > 0 && !p.mayHold(t.share, n); {
		n--
	}
	return max(n, 0)
}

// moveToDisk counts a transfer to those that wait for a disk: one of its reads found that its bytes are not in memory.
func (l *Loader) moveToDisk(t *Transfer) {
	if t.released || t.share != shareMemory {
		return
	}
	p := &l.pool
	n := t.allocated
	for chunk := t.head; chunk < t.next; chunk++ {
		if i := t.at(chunk); i >= 0 && p.buffers[i].share == shareMemory {
			//mutation:share-of-moved-buffers
			p.buffers[i].share = shareDisk
			n++
		}
	}
	p.held[shareMemory] -= n
	p.held[shareDisk] += n
	t.share = shareDisk
	l.allocate() // less is reserved for the disk's share now
}
