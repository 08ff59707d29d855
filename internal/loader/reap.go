package loader

import (
	"aws/internal/kernel"
	"aws/internal/stats"
)

// Reap takes in the reads that have completed. reported says that the kernel has reported some: it goes on to do
// so until Reap has found none.
func (l *Loader) Reap(reported bool) {
	s := &l.slots
	for s.inFlight > 0 || reported {
		reported = false
		n := l.k.Reap(s.done)
		s.inFlight -= n
		for _, d := range s.done[:n] {
			if l.pool.buffers[d.Token].method == stats.ReadDirect {
				s.inFlightDirect--
			}
			l.onRead(int32(d.Token), d.Result)
		}
		if n < len(s.done) {
			return
		}
	}
}

// onRead takes in the outcome of a read into a buffer: bytes, or minus errno.
func (l *Loader) onRead(i int32, result int64) {
	b := &l.pool.buffers[i]
	t := b.transfer
	assert(b.state == bufferInFlight, "a read has returned that was not submitted")
	b.state = bufferQueued
	t.inFlight--
	t.queued++
	l.noteReturned(i, b, result)
	if t.released {
		l.onReleasedRead(i, t)
		return
	}
	switch class := kernel.Classify(result); {
	case class == kernel.Again && b.method == stats.ReadNoWait:
		l.counts.ReadsMissed++
		l.fallBack(i, class)
		return
	case class == kernel.Unsupported && b.method != stats.ReadThread:
		l.fallBack(i, class)
		return
	case class == kernel.Again || class == kernel.Exhausted:
		l.enqueue(i)
		if b.method == stats.ReadThread {
			l.threadPause.begin(l.k.Now())
		} else {
			l.slotPause.begin(l.k.Now())
		}
		return
	case class != kernel.Done:
		l.counts.DiskFaults++
		l.fail(i, t, false)
		return
	}
	//mutation:short-read-as-whole
	filled := min(b.readFrom+int(result), b.bytes)
	if filled <= b.filled && b.readFrom < b.filled {
		l.fallBack(i, kernel.Done) // a direct read ended before what is missing, and says nothing about it
		return
	}
	if filled <= b.filled {
		l.counts.Truncated++
		l.fail(i, t, true)
		return
	}
	b.filled = filled
	if b.filled < b.bytes {
		l.counts.ReadsShort++
		b.method = stats.ReadAuto // the new offset may be somewhere else
		l.enqueue(i)
		return
	}
	b.state = bufferLoaded
	t.queued--
	t.resident = b.method == stats.ReadNoWait
	if t.busy() == 0 {
		l.reading--
	}
	l.queueReads(t)
	l.events.Loaded(t)
}

// onReleasedRead frees the buffer of a read that nobody waits for any more.
func (l *Loader) onReleasedRead(i int32, t *Transfer) {
	l.pool.putFree(i)
	t.queued--
	if t.inFlight == 0 {
		l.events.Returned(t)
	}
	l.recycle(t)
	l.allocate()
}

// noteReturned notes the outcome of a read.
func (l *Loader) noteReturned(i int32, b *buffer, result int64) {
	if l.cfg.Traced {
		l.events.ReadReturned(b.transfer, int(i), result)
	}
	l.counts.ReadsInFlight--
	if result < 0 {
		l.counts.ReadsFailed++
		return
	}
	l.counts.ReadsDone++
	l.counts.ReadLatency[b.method].Add(l.now() - b.submittedAt)
}

// fail gives a transfer up whose file can't be read as promised. The buffer of the read that
// said so is in no queue.
func (l *Loader) fail(i int32, t *Transfer, truncated bool) {
	l.pool.putFree(i)
	t.set(l.pool.buffers[i].chunk, -1)
	l.events.Failed(t, truncated)
	// It stays counted until here, so that it is not used again before.
	t.queued--
	l.recycle(t)
}
