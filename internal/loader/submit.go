package loader

import (
	"aws/internal/docroot"
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
	l.readyCost += b.cost
	l.ready.push(i)
}

// dequeue takes the first read out of Loader.ready.
func (l *Loader) dequeue() { l.readyCost -= l.pool.buffers[l.ready.pop()].cost }

// Submit hands queued reads to the kernel, in order and in one call, and those that kernel AIO
// can't do to the worker threads. What is left has its turn in the next iteration.
func (l *Loader) Submit() {
	if l.k.Now() < l.retryAt && l.refused {
		return
	}
	l.refused = false
	if l.readsQueued() && l.collect() {
		l.submitCollected()
	}
	for l.readyCost < l.iterationCost() && !l.deferred.empty() {
		t := l.deferred.pop()
		t.deferred = false
		if t.released {
			l.recycle(t)
			continue
		}
		//mutation:deferred-reads-forgotten
		l.queueReads(t)
	}
}

// collect takes queued reads up to the number of free slots. It returns false when there is none
// for the kernel.
func (l *Loader) collect() bool {
	s := &l.slots
	s.reads, s.buffers = s.reads[:0], s.buffers[:0]
	cost := 0
	for !l.ready.empty() && !l.refused {
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
			if l.askRead(i, b) {
				l.dequeue()
			}
			continue
		case stats.ReadDirect:
			l.dequeue()
			l.cold.push(i)
			continue
		case stats.ReadAuto, stats.ReadNoWait, stats.ReadMethodCount:
		}
		if len(s.reads) == l.k.Slots()-s.inFlight || cost >= l.iterationCost() {
			break
		}
		cost += b.cost
		l.dequeue()
		l.collectRead(i, b)
	}
	l.collectCold(cost)
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

// diskSlots returns how many reads that wait for a disk may still be submitted.
func (l *Loader) diskSlots() int {
	slots := l.k.Slots()
	return min(slots-l.slots.inFlight, max(slots-slots/diskSlotsPart, 1)-l.slots.inFlightDirect)
}

// collectCold adds the reads that wait for a disk: as many as the cost of the others
// leaves room for, and a part of SubmitsMax in any case.
func (l *Loader) collectCold(cost int) {
	most := max(l.cfg.SubmitsMax-cost/l.cfg.BufferBytes, l.cfg.SubmitsMax/diskSlotsPart, 1)
	most = min(most, l.diskSlots(), l.k.Slots()-l.slots.inFlight-len(l.slots.reads))
	for most > 0 && !l.cold.empty() {
		i := l.cold.pop()
		b := &l.pool.buffers[i]
		if b.transfer.released {
			l.dropQueued(i)
			continue
		}
		if l.chooseMethod(b.transfer.file, b, false) != stats.ReadDirect {
			l.enqueue(i) // another read has found out that it can't be done
			continue
		}
		l.collectRead(i, b)
		most--
	}
}

// readOf describes the read that brings what is missing of a chunk. A direct one begins and ends at
// multiples of the alignment: it may bring bytes again that are there already, and asks for more
// than the file has at its end.
func (l *Loader) readOf(b *buffer, token uint64) kernel.Read {
	f := b.transfer.file
	//mutation:read-may-block
	r := kernel.Read{FD: f.FD, NoWait: true, Token: token}
	from, to := b.filled, b.bytes
	if b.method == stats.ReadDirect {
		align := int(f.FileAlign)
		r.FD, r.NoWait = f.Direct.Load(), false
		//mutation:direct-read-unaligned
		from = from / align * align
		to = (to + align - 1) / align * align
	}
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
			break
		}
		// That one read can't be done this way.
		i := buffers[0]
		l.fallBack(&l.pool.buffers[i], class)
		l.enqueue(i)
		reads, buffers = reads[1:], buffers[1:]
	}
	// The kernel takes no more for now: the others wait, in front of those that are queued.
	//mutation:refused-reads-forgotten
	l.requeue(buffers)
	l.refused = true
	if l.slots.inFlight == 0 || len(buffers) > 0 {
		l.refuse()
	}
}

// requeue puts reads back in front of their queues, in order: those that wait for a disk are behind the others
// in what was collected.
func (l *Loader) requeue(list []int32) {
	n := 0
	for n < len(list) && l.pool.buffers[list[n]].method != stats.ReadDirect {
		n++
	}
	l.ready.pushFront(list[:n])
	l.cold.pushFront(list[n:])
	for _, i := range list[:n] {
		l.readyCost += l.pool.buffers[i].cost
	}
}

// noteSubmitted notes that the read into a buffer has been handed over.
func (l *Loader) noteSubmitted(i int32) {
	b := &l.pool.buffers[i]
	b.state = bufferInFlight
	b.transfer.queued--
	b.transfer.inFlight++
	b.since = l.now()
	l.counts.ReadsInFlight++
	if l.cfg.Traced {
		l.events.ReadSubmitted(b.transfer, int(i), b.chunk*int64(len(b.mem))+int64(b.readFrom), b.bytes-b.readFrom)
	}
}

// job is a job of a loader, with what it needs when the job comes back.
type job struct {
	kernel.Job
	file   *docroot.File // held while a worker thread reads it
	buffer int32         // of a JobRead
}

// askRead has a worker thread read what is missing of a chunk.
func (l *Loader) askRead(i int32, b *buffer) bool {
	f := b.transfer.file
	j := l.jobs.take(kernel.JobRead)
	j.file, j.buffer = f, i
	f.Hold()
	j.FD = f.FD
	j.Offset = b.chunk*int64(len(b.mem)) + int64(b.filled)
	j.Buf = b.mem[b.filled:b.bytes]
	if !l.k.Ask(&j.Job) {
		l.giveJob(j)
		l.refuse()
		return false
	}
	b.readFrom = b.filled
	l.noteSubmitted(i)
	l.counts.ReadsByThread++
	return true
}

// giveJob gives a job back that the worker threads do not have.
func (l *Loader) giveJob(j *job) {
	if j.file != nil {
		l.closing = j.file.Release(l.closing[:0])
		l.events.CloseLater(l.closing)
		j.file = nil
	}
	l.jobs.give(j)
}

// OnJob takes in a job of kind JobRead or JobPopulate that a worker thread has done.
func (l *Loader) OnJob(done *kernel.Job) {
	j := l.jobs.all[done.Token]
	if j.Kind == kernel.JobPopulate {
		l.onGrowth(j)
	} else {
		l.onRead(j.buffer, j.Result)
	}
	l.giveJob(j)
}
