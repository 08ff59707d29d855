package loader

import (
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
)

// Transfer is a range of a file that is loaded and sent. Chunk n of a file is its nth piece of the size of a
// buffer. The chunks from head up to next are the transfer's window: each has a buffer.
type Transfer struct {
	// Owner is what Start was given: a number by which the loop knows for whom the transfer is.
	Owner uint64

	loader *Loader
	file   *docroot.File
	offset int64 // of the first byte that has not been sent
	end    int64 // of the range
	index  int   // in Loader.transfers

	buffers   []int32 // the buffer of chunk n of the window is at n modulo the length; -1: it has been freed
	head      int64   // the chunk that is being sent
	next      int64   // the first chunk that no buffer has been taken for
	endChunk  int64   // the chunk at which the range ends: the first one that has no byte of it
	windowMax int64   // chunks that the window may have
	allocated int     // buffers that are the transfer's, and that no chunk has taken yet
	queued    int     // chunks whose reads are queued
	inFlight  int     // chunks whose reads are in flight
	whole     bool    // nothing is sent before all of the range is loaded
	resident  bool    // the latest read, or the probe before the first one, found its bytes in the page cache
	share     share   // that its buffers count to
	waiting   bool    // true exactly while it is in the pool's waiters
	deferred  bool    // true exactly while it is in Loader.deferred
	released  bool
	movedAt   time.Duration // when its window moved last
}

// Start begins to load the bytes [offset, end) of a file, of which there must be one at least. The loop holds the
// file until it has released the transfer.
func (l *Loader) Start(file *docroot.File, offset, end int64, owner uint64) *Transfer {
	size := int64(l.cfg.BufferBytes)
	t := l.newTransfer()
	t.Owner, t.file, t.offset, t.end = owner, file, offset, end
	t.head = offset / size
	t.next = t.head
	t.endChunk = (end-1)/size + 1
	t.windowMax = l.pool.windowChunks
	t.whole = t.endChunk-t.head <= t.windowMax
	probed := min(end-offset, size)
	if t.whole {
		probed = end - offset // all of it is read at once if it is there
	}
	t.share = shareDisk
	if file.Remote {
		t.share = shareRemote
	}
	t.resident = l.k.Slots() > 0 && !file.Remote && !file.NoWaitOff.Load() &&
		l.k.Probe(file.FD, offset, probed) == kernel.ResidencyFull
	if t.resident {
		t.share = shareMemory
	}
	t.index = len(l.transfers)
	l.transfers = append(l.transfers, t)
	l.wait(t)
	return t
}

func (l *Loader) newTransfer() *Transfer {
	if t, ok := l.recycled.Take(); ok {
		*t = Transfer{loader: l, buffers: t.buffers}
		return t
	}
	t := &Transfer{loader: l, buffers: make([]int32, l.pool.windowChunks)}
	for i := range t.buffers {
		t.buffers[i] = -1
	}
	return t
}

// Release gives back what a transfer holds of the pool. The loop must not use the transfer afterwards. Release
// reports whether the kernel, or a worker thread, still has buffers of it; if so, Events.Returned follows when
// they have none.
func (t *Transfer) Release() (inFlight bool) {
	l := t.loader
	for chunk := t.head; chunk < t.next; chunk++ {
		// One whose read is queued is freed when its turn comes, one that is being filled when the read has returned.
		//mutation:buffer-freed-early
		if i := t.at(chunk); i >= 0 && l.pool.buffers[i].state == bufferLoaded {
			l.pool.putFree(i)
		}
		t.set(chunk, -1)
	}
	//mutation:allocated-buffers-leak
	l.pool.release(t.share, t.allocated)
	t.allocated = 0
	if t.busy() > 0 {
		l.reading--
	}
	moved := l.transfers[len(l.transfers)-1]
	moved.index = t.index
	l.transfers[t.index] = moved
	l.transfers = l.transfers[:len(l.transfers)-1]
	t.released = true
	if t.waiting {
		l.pool.left++
	}
	inFlight = t.inFlight > 0
	l.recycle(t)
	l.allocate()
	return inFlight
}

// recycle lets a transfer be used again that is released, and that nothing of the loader refers to.
func (l *Loader) recycle(t *Transfer) {
	if t.released && t.queued == 0 && t.inFlight == 0 && !t.waiting && !t.deferred {
		t.file = nil
		l.recycled.Give(t)
	}
}

// at returns the buffer of a chunk of the window, or -1.
func (t *Transfer) at(chunk int64) int32 { return t.buffers[chunk%int64(len(t.buffers))] }

func (t *Transfer) set(chunk int64, buffer int32) { t.buffers[chunk%int64(len(t.buffers))] = buffer }

// busy returns how many chunks are on their way: their reads are queued or in flight.
func (t *Transfer) busy() int { return t.queued + t.inFlight }

// Remaining returns how many bytes of the range have not been sent.
func (t *Transfer) Remaining() int64 { return t.end - t.offset }

// Ready reports whether bytes can be sent now.
func (t *Transfer) Ready() bool {
	if t.whole {
		return t.next == t.endChunk && t.busy() == 0
	}
	return t.next > t.head && t.loader.pool.buffers[t.at(t.head)].state == bufferLoaded
}

// Chunk returns the bytes of the nth chunk to be sent, counted from 0, or nil if it is not loaded. They stay as
// they are until Advance has passed them, or the transfer is released.
func (t *Transfer) Chunk(n int) []byte {
	chunk := t.head + int64(n)
	if chunk >= t.next {
		return nil
	}
	//mutation:buffer-of-another-chunk
	b := &t.loader.pool.buffers[t.at(chunk)]
	//mutation:buffer-sent-early
	if b.state != bufferLoaded {
		return nil
	}
	bytes := b.mem[:b.bytes]
	if n == 0 {
		bytes = bytes[t.offset-chunk*int64(len(b.mem)):]
	}
	return bytes
}

// Advance takes note that the next n bytes have been sent; n is at most the length of the first chunk. A buffer
// whose chunk has been sent takes the transfer's next chunk, unless somebody waits: then it goes back to the pool. Bytes may be sent after
// their buffer was taken back, if they were copied before.
func (t *Transfer) Advance(n int64) {
	l := t.loader
	t.offset += n
	if t.offset < t.end && t.offset < (t.head+1)*int64(l.cfg.BufferBytes) {
		return
	}
	if t.next > t.head {
		l.pool.putFree(t.at(t.head))
		t.set(t.head, -1)
	} else {
		t.next++
	}
	t.head++
	t.whole = false
	t.movedAt = l.k.Now()
	if n := l.refill(t); n > 0 {
		l.pool.allocate(t, n)
		l.queueReads(t)
		return
	}
	l.queueReads(t)
	l.allocate()
}

// Await says that the loop has nothing to send: the transfer waits for buffers unless it has some.
func (t *Transfer) Await() {
	if t.allocated == 0 && t.next == t.head {
		t.loader.wait(t)
	}
}

// wait lets a transfer wait for buffers, and allocates those that there are.
func (l *Loader) wait(t *Transfer) {
	if !t.waiting {
		t.waiting = true
		q := &l.pool.waiters[t.share]
		q.push(t)
		if !l.pool.mayHold(t.share, int(l.wanted(t))) || q.peek() != t {
			l.counts.PoolWaits++
		}
	}
	l.allocate()
}

// wanted returns how many buffers a transfer would take if it got them. What is in memory and is not sent as a whole is
// read one chunk at a time.
func (l *Loader) wanted(t *Transfer) int64 {
	if t.share == shareMemory && !t.whole {
		return min(t.windowMax, t.endChunk-t.next, readsMin)
	}
	return min(t.windowMax, t.endChunk-t.next)
}

// allocate gives the free buffers to the transfers that wait longest. While so many wait that the pool has no
// window for each, they get less than a window: else the next one would wait until a thousand clients that read
// slowly have had theirs, a pool of windows at a time.
func (l *Loader) allocate() {
	for s := range shareCount {
		l.allocateShare(s)
	}
}

func (l *Loader) allocateShare(s share) {
	p := &l.pool
	for q := &p.waiters[s]; !q.empty(); {
		t := q.peek()
		if !t.released {
			wanted := int(l.wanted(t))
			n := min(wanted, max(p.size()/p.waiting(), 1))
			if !p.mayHold(s, n) {
				return // until others give some back
			}
			if p.available < n {
				if l.grow() {
					continue
				}
				return
			}
			t.whole = t.whole && n == wanted
			p.allocate(t, n)
			t.movedAt = l.k.Now()
			l.queueReads(t)
		} else {
			p.left--
		}
		q.pop()
		t.waiting = false
		l.recycle(t)
	}
}

// readsMin is how many reads a transfer may have in flight, however many the others have.
const readsMin = 2

// queueReads queues reads for the transfer's next chunks, or defers that. A file that is in memory and is sent as
// a whole is loaded when those before it are: it is sent at once then, while it is still in the processor's cache,
// and its buffers serve the next one.
func (l *Loader) queueReads(t *Transfer) {
	if !t.whole || !t.resident || t.next > t.head || l.ready.cost < l.iterationCost() {
		l.queueReadsNow(t)
		return
	}
	if t.deferred {
		return
	}
	if l.deferred.empty() {
		l.deferred.after = l.ready.pushed
	}
	t.deferred = true
	l.deferred.push(t)
}

// queueReadsNow queues reads for the transfer's next chunks.
func (l *Loader) queueReadsNow(t *Transfer) {
	// What is in memory and is not sent as a whole is read one chunk at a time, so that the chunk is still in the
	// processor's cache when it is sent. A disk is faster with several reads at a time.
	was := t.busy()
	size := int64(l.cfg.BufferBytes)
	for depth := l.depth(t); t.allocated > 0 && t.busy() < depth && t.next < t.endChunk &&
		(t.whole || !t.resident || t.next == t.head); {
		i := l.pool.takeFree()
		b := &l.pool.buffers[i]
		*b = buffer{
			mem: b.mem, transfer: t, state: bufferQueued, share: t.share, chunk: t.next,
			bytes: int(min(t.end-t.next*size, size)),
		}
		t.set(t.next, i)
		t.allocated--
		t.queued++
		t.next++
		l.enqueue(i)
	}
	if was == 0 && t.busy() > 0 {
		l.reading++
	}
}

// depth returns how many chunks of a transfer may be on their way. All of a file that is in memory and is sent as
// a whole is read at once: each read is complete when it has been submitted.
func (l *Loader) depth(t *Transfer) int {
	if t.whole && t.resident {
		return int(t.windowMax)
	}
	most, reading := l.cfg.ReadsPerTransferMax, l.reading
	if t.busy() == 0 {
		reading++
	}
	if shared := l.cfg.ReadsShared; shared > 0 {
		most = min(most, max(shared/reading, readsMin))
	}
	return most
}

// Reclaim takes the buffers back that are loaded for clients that have not taken one of them for a while, when
// others wait for buffers. The file can be read again; such a client gets one buffer at a time from now on.
// Reclaim also asks again for memory that was refused. The loop calls it several times in a StallTimeout.
func (l *Loader) Reclaim(now time.Duration) {
	if l.pool.waiting() == 0 {
		return
	}
	for _, t := range l.transfers {
		if t.busy() > 0 || now-t.movedAt < l.cfg.StallTimeout || !l.events.Blocked(t) {
			continue
		}
		for chunk := t.head; chunk < t.next; chunk++ {
			l.pool.putFree(t.at(chunk))
			t.set(chunk, -1)
			l.counts.BuffersReclaimed++
		}
		l.pool.release(t.share, t.allocated)
		t.allocated = 0
		t.next = t.head
		t.windowMax = 1
		t.whole = false
		t.movedAt = now
	}
	l.allocate()
}
