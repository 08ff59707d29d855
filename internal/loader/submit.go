package loader

import (
	"aws/internal/kernel"
	"aws/internal/stats"
)

// iterationCost is what the reads from memory may cost that one Submit hands over: as much as SubmitsMax whole buffers.
func (l *Loader) iterationCost() int { return l.cfg.SubmitsMax * l.cfg.BufferBytes }

// readCostPart is which part of a whole buffer's read a read costs at least, however few its bytes are.
const readCostPart = 8

// enqueue queues the read into a buffer.
func (l *Loader) enqueue(i int32) {
	b := &l.pool.buffers[i]
	b.cost = max(b.bytes-b.filled, len(b.mem)/readCostPart)
	l.ready.cost += b.cost
	l.ready.pushed++
	l.ready.push(i)
}

// dequeue takes the first read out of Loader.ready.
func (l *Loader) dequeue() {
	l.ready.cost -= l.pool.buffers[l.ready.pop()].cost
	l.ready.popped++
}

// Submit hands queued reads to the kernel, in order and in one call, and those that kernel AIO
// can't do to the worker threads. What is left has its turn in the next iteration.
func (l *Loader) Submit() {
	now := l.k.Now()
	if l.slotPause.over(now) && l.collect() {
		l.submitCollected()
	}
	if l.threadPause.over(now) {
		l.askReads()
	}
	l.resume()
}

// resume queues the reads of transfers that were deferred.
func (l *Loader) resume() {
	for d := &l.deferred; !d.empty() && (l.ready.cost < l.iterationCost() || l.ready.popped >= d.after); {
		t := d.pop()
		t.deferred = false
		if t.released {
			l.recycle(t)
			continue
		}
		//mutation:deferred-reads-forgotten
		l.queueReadsNow(t)
		d.after = l.ready.pushed
	}
}

// collect takes queued reads up to the number of free slots. It returns false when there is none
// for the kernel.
func (l *Loader) collect() bool {
	s := &l.slots
	s.reads, s.buffers = s.reads[:0], s.buffers[:0]
	room := l.memorySlots()
	cost := 0
	for !l.ready.empty() {
		i := l.ready.peek()
		b := &l.pool.buffers[i]
		t := b.transfer
		if t.released {
			l.dequeue()
			l.dropQueued(i)
			continue
		}
		switch l.chooseMethod(t.file, b, t.resident) {
		case stats.ReadThread:
			l.dequeue()
			l.thread.push(i)
			l.moveToDisk(t)
			continue
		case stats.ReadDirect:
			l.dequeue()
			l.direct.push(i)
			l.moveToDisk(t)
			continue
		case stats.ReadAuto, stats.ReadNoWait, stats.ReadMethodCount:
		}
		if len(s.reads) == room || cost >= l.iterationCost() {
			break
		}
		cost += b.cost
		l.dequeue()
		l.collectRead(i, b)
	}
	l.collectDirect(cost)
	return len(s.reads) > 0
}

// dropQueued frees the buffer of a queued read whose transfer has been released.
func (l *Loader) dropQueued(i int32) {
	t := l.pool.buffers[i].transfer
	l.pool.putFree(i)
	t.queued--
	l.recycle(t)
	l.allocate()
}

// collectRead adds a read to those that are handed over.
func (l *Loader) collectRead(i int32, b *buffer) {
	l.slots.reads = append(l.slots.reads, l.readOf(b, uint64(i)))
	l.slots.buffers = append(l.slots.buffers, i)
}

// memorySlots returns how many reads from the page cache may be submitted at once: a part of the slots is left for
// those that go past it, if there are some.
func (l *Loader) memorySlots() int {
	unused := l.k.Slots() - l.slots.inFlight
	return unused - max(min(unused/slotsPart, l.direct.len(), l.directSlots()), 0)
}

// directSlots returns how many reads past the page cache may be submitted at once.
func (l *Loader) directSlots() int {
	slots := l.k.Slots()
	return min(slots-l.slots.inFlight, max(slots-slots/slotsPart, 1)-l.slots.inFlightDirect)
}

// collectDirect adds the reads that go past the page cache: as many as the cost of the others
// leaves room for, and a part of SubmitsMax in any case.
func (l *Loader) collectDirect(cost int) {
	most := max(l.cfg.SubmitsMax-cost/l.cfg.BufferBytes, l.cfg.SubmitsMax/slotsPart, 1)
	most = min(most, l.directSlots(), l.k.Slots()-l.slots.inFlight-len(l.slots.reads))
	for most > 0 && !l.direct.empty() {
		i := l.direct.pop()
		b := &l.pool.buffers[i]
		if b.transfer.released {
			l.dropQueued(i)
			continue
		}
		if l.chooseMethod(b.transfer.file, b, false) != stats.ReadDirect {
			l.thread.push(i) // another read has found out that it can't be done
			continue
		}
		l.collectRead(i, b)
		most--
	}
}

// readOf describes the read that brings what is missing of a chunk. A direct one begins and ends at multiples of
// the alignment, in the file and in memory: it may bring bytes again that are there already, and asks for more
// than the file has at its end.
func (l *Loader) readOf(b *buffer, token uint64) kernel.Read {
	f := b.transfer.file
	//mutation:read-may-block
	r := kernel.Read{FD: f.FD, NoWait: true, Token: token}
	from, to := b.filled, b.bytes
	if b.method == stats.ReadDirect {
		r.FD, r.NoWait = f.Direct.Load(), false
		from = from / int(f.FileAlign) * int(f.FileAlign)
		for from%int(f.MemAlign) != 0 { // 0 is a multiple of both
			from -= int(f.FileAlign)
		}
		to = (to + int(f.FileAlign) - 1) / int(f.FileAlign) * int(f.FileAlign)
	}
	//mutation:direct-read-unaligned
	b.readFrom = from
	r.Offset = b.chunk*int64(len(b.mem)) + int64(from)
	r.Buf = b.mem[from:to]
	return r
}

// submitCollected hands the collected reads to the kernel.
func (l *Loader) submitCollected() {
	reads, buffers := l.slots.reads, l.slots.buffers
	for len(reads) > 0 {
		n, class := l.k.Submit(reads)
		for _, i := range buffers[:n] {
			l.noteSubmitted(i)
			l.slots.inFlight++
			if l.pool.buffers[i].method == stats.ReadDirect {
				l.slots.inFlightDirect++
				l.counts.ReadsDirect++
			} else {
				l.counts.ReadsNoWait++
			}
		}
		reads, buffers = reads[n:], buffers[n:]
		if len(reads) == 0 {
			return
		}
		if class == kernel.Again || class == kernel.Exhausted || class == kernel.Done {
			l.counts.ReadsRefused++
			//mutation:refused-reads-forgotten
			l.requeue(buffers)
			l.slotPause.begin(l.k.Now())
			return
		}
		// That one read can't be done this way.
		l.fallBack(buffers[0], class)
		reads, buffers = reads[1:], buffers[1:]
	}
}

// requeue puts reads that were refused back in front of their queues, in order: those past the page cache are
// behind the others in what was collected.
func (l *Loader) requeue(list []int32) {
	n := 0
	for n < len(list) && l.pool.buffers[list[n]].method != stats.ReadDirect {
		n++
	}
	l.ready.pushFront(list[:n]...)
	l.direct.pushFront(list[n:]...)
	for _, i := range list[:n] {
		l.ready.cost += l.pool.buffers[i].cost
		l.ready.popped--
	}
}

// noteSubmitted notes that the read into a buffer has been handed over.
func (l *Loader) noteSubmitted(i int32) {
	b := &l.pool.buffers[i]
	b.state = bufferInFlight
	b.transfer.queued--
	b.transfer.inFlight++
	b.submittedAt = l.now()
	l.counts.ReadsInFlight++
	if l.cfg.Traced {
		l.events.ReadSubmitted(b.transfer, int(i), b.chunk*int64(len(b.mem))+int64(b.readFrom), b.bytes-b.readFrom)
	}
}
