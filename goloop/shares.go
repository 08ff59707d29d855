package goloop

import (
	"aws/internal/connstate"
	"aws/internal/stats"
)

// Reads of dynamic files are of two kinds. One takes its bytes from memory (RWF_NOWAIT) and is over when it has been
// submitted; the other waits for a disk (O_DIRECT). Those that wait must not keep the others waiting, so each
// kind has what it needs for itself: a part of the kernel's slots, a part of the pool's buffers with a line of its own,
// and its turn in each batch.

// share says which part of the pool a window's buffers count to.
type share uint8

const (
	shareMemory share = iota // all that it has asked for so far was in memory
	shareDisk
	shareCount
)

// sharePart is which part of the pool is kept for each kind, and diskSlotsPart which part of the slots, at
// least, for reads from memory.
const (
	sharePart     = 8
	diskSlotsPart = 4
)

// kept returns how many buffers are kept for a kind, as long as it does not hold as many: a part of the pool, but
// never what a whole window of the other kind would need.
func (p *pool) kept(s share) int {
	part := min(p.size()/sharePart, p.size()-int(p.window))
	return max(part-p.held[s], 0)
}

// mayHold reports whether a kind may hold so many buffers more. They need not have memory yet.
func (p *pool) mayHold(s share, n int) bool {
	other := shareCount - 1 - s
	return p.available+p.size()-p.grown-n >= p.kept(other)
}

// waiting returns the number of connections in the lines for buffers.
func (p *pool) waiting() int { return p.waiters[shareMemory].len() + p.waiters[shareDisk].len() }

// take grants free buffers to a window.
func (p *pool) take(w *window, n int) {
	p.available -= n
	p.held[w.share] += n
	w.granted += n
}

// giveBack makes buffers free that a window of a kind had.
func (p *pool) giveBack(s share, n int) {
	p.available += n
	p.held[s] -= n
	assert(p.held[s] >= 0, "a buffer is given back that was not held")
}

// refill returns how many buffers a window gets that has just sent one. Anyone who waits in a line goes before it, but
// those that wait for a disk not before one whose file is in memory. One that has found out that its file is not
// takes what it needs to keep the disk busy.
func (l *Loop) refill(w *window) int {
	p := &l.pool
	if !p.waiters[w.share].empty() || w.share == shareDisk && p.waiting() > 0 {
		return 0
	}
	most := 1
	if w.share == shareDisk {
		most = int(w.limit)
	}
	n := int(min(w.limit-(w.next-w.head), w.last-w.next)) - w.granted
	for n = min(n, most, p.available); n > 0 && !p.mayHold(w.share, n); {
		n--
	}
	return max(n, 0)
}

// toDisk counts a window to those that wait for a disk: one of its reads found that its bytes are not in memory.
func (l *Loop) toDisk(w *window) {
	if w == nil || w.share == shareDisk {
		return
	}
	p := &l.pool
	n := w.granted
	for chunk := w.head; chunk < w.next; chunk++ {
		if i := w.bufs[chunk%int64(len(w.bufs))]; i >= 0 && p.bufs[i].share == shareMemory {
			p.bufs[i].share = shareDisk
			n++
		}
	}
	p.held[shareMemory] -= n
	p.held[shareDisk] += n
	w.share = shareDisk
}

// iterationCost is what the reads from memory may cost that one turn submits: as much as SubmitsMax whole buffers.
func (l *Loop) iterationCost() int { return l.cfg.SubmitsMax * l.cfg.BufferBytes }

// readCostPart is which part of a whole buffer's read a read costs at least, however few its bytes are.
const readCostPart = 8

// enqueue queues the read into a buffer.
func (l *Loop) enqueue(i int32) {
	b := &l.pool.bufs[i]
	b.cost = max(b.want-b.got, len(b.mem)/readCostPart)
	l.pool.queued += b.cost
	l.pool.queue.push(i)
}

// dequeue takes the first read out of the queue.
func (l *Loop) dequeue() { l.pool.queued -= l.pool.bufs[l.pool.queue.pop()].cost }

// reader returns the connection that waits for a buffer's read, or nil if it is gone.
func (l *Loop) reader(i int32) (*conn, *buffer) {
	b := &l.pool.bufs[i]
	c := l.conns.bySlot[b.slot]
	if c.gen != b.gen || c.win == nil || c.state == connstate.StateClosing {
		return nil, b
	}
	return c, b
}

// diskSlots returns how many reads that wait for a disk may still be submitted.
func (l *Loop) diskSlots() int {
	slots := l.k.Slots()
	return min(slots-l.inFlight, max(slots-slots/diskSlotsPart, 1)-l.inFlightDirect)
}

// prepareDisk adds the reads that wait for a disk to those that are submitted: as many as the cost of the others
// leaves room for in the turn, and a part of it in any case.
func (l *Loop) prepareDisk(cost int) {
	most := max(l.cfg.SubmitsMax-cost/l.cfg.BufferBytes, l.cfg.SubmitsMax/diskSlotsPart, 1)
	most = min(most, l.diskSlots(), l.k.Slots()-l.inFlight-len(l.reads))
	for p := &l.pool; most > 0 && !p.disk.empty(); {
		i := p.disk.pop()
		c, b := l.reader(i)
		if c == nil {
			l.freeBuffer(i) // nobody wants it any more
			l.grant()
			continue
		}
		if l.choose(c.file, b, false) != stats.ReadDirect {
			l.enqueue(i) // another read has found out that it can't be done
			continue
		}
		l.reads = append(l.reads, l.read(c.file, b, uint64(i)))
		l.queued = append(l.queued, i)
		most--
	}
}
