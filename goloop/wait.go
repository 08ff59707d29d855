package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/kernel"
)

// wait makes the interest changes and waits for something to do, in one cgo call. It returns the number of events.
func (l *Loop) wait() (int, error) {
	changes, more := l.interests.fill(&l.conns, l.k.Poller())
	for more {
		l.k.Do(changes)
		l.watched(changes)
		changes, more = l.interests.fill(&l.conns, l.k.Poller())
	}
	l.acceptor.follow(l.k, l.k.Now(), l.counts.Accepted)
	events, rested, err := l.acceptor.wait(l.k, changes, l.timeout(), l.counts.Accepted)
	if err != nil {
		return 0, err
	}
	if rested {
		l.counts.Coalesced++
	}
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.IterationBegin(l.id)
	}
	l.clock.begin(l.k)
	l.counts.Iterations++
	l.counts.Events += uint64(len(events))
	l.watched(changes)
	l.date.update(l.k.Wall())
	if l.shutdown.isDue() {
		l.drain()
	}
	for i := range events {
		l.onEvent(kernel.Token(&events[i]), kernel.Ready(&events[i]))
	}
	return len(events), nil
}

// watched ends the connections that epoll has no room for: without its events they would hang.
func (l *Loop) watched(changes []kernel.Op) {
	for i := range changes {
		if changes[i].Result >= 0 {
			continue
		}
		if c := l.connOf(changes[i].Token); c != nil {
			l.counts.WatchesFailed++
			l.abort(c, kernel.OpReset)
		}
	}
}

// connOf returns the connection that a token was given for, or nil if it is over.
func (l *Loop) connOf(token uint64) *conn {
	slot := int32(token & connsLimit)
	if int(slot) >= l.conns.len() {
		return nil
	}
	c := l.conns.at(slot)
	if c.state() == connstate.StateFree || c.state() == connstate.StateClosing || c.token() != token {
		return nil
	}
	return c
}

// onEvent notes what an event makes possible; the phases act on it.
func (l *Loop) onEvent(token uint64, ready uint32) {
	switch {
	case token == kernel.TokenReads:
		l.reaps = true
		return
	case token == kernel.TokenJobs:
		//mutation:finished-jobs-forgotten
		l.jobs.woken = true
		return
	case token >= tokenListeners:
		l.acceptor.onEvent(token)
		return
	}
	c := l.connOf(token)
	if c == nil {
		l.counts.StaleEvents++
		return
	}
	if receives(c) && ready&kernel.Writable != 0 {
		l.onWritable(c)
		if ready &^= kernel.Writable; ready == 0 {
			return
		}
	}
	switch {
	case receives(c):
		if !c.queued.receive {
			c.queued.receive = true
			l.recvq.add(c.slot)
		}
	case sends(c):
		if ready&(kernel.Writable|kernel.Broken) == 0 {
			c.epoll.unwanted = true // the client is sending what is not wanted yet
			l.touch(c)
			return
		}
		if c.sendPaused {
			l.onUnwantedEvent(c, ready) // it is not room that is missing
			return
		}
		c.writeBlocked = false
		l.toSend(c)
	default:
		l.onUnwantedEvent(c, ready)
	}
}

// onUnwantedEvent deals with an event that a connection has no use for now: it ends the connection if that is
// broken, and else sees to it that the event is not reported again.
func (l *Loop) onUnwantedEvent(c *conn, ready uint32) {
	if ready&kernel.Broken != 0 {
		l.counts.PeersGone++
		l.abort(c, kernel.OpClose)
		return
	}
	c.epoll.unwanted = true
	l.touch(c)
}

// timeout returns how long the loop may wait; a negative time means without end.
func (l *Loop) timeout() time.Duration {
	if !l.sendq.isEmpty() || !l.parseq.isEmpty() || !l.recvq.isEmpty() || !l.closer.isEmpty() || l.loader.CanSubmit() {
		return 0
	}
	if l.shutdown.isDue() {
		return 0 // Shutdown came within the iteration, and its wake-up may have been taken for a worker thread's
	}
	now := l.k.Now()
	at := min(
		l.acceptor.dueAt(now, l.connRoom()), l.deadlines.dueAt(), l.retries.dueAt(), l.readsDueAt(),
		l.trimming.dueAt(l.cache.Len()), l.publisher.dueAt(), l.shutdown.dueAt(now), l.closer.kernelEndsDueAt(),
	)
	if len(l.closer.slow) > 0 || len(l.tls.shakes.stops)+len(l.tls.shakes.waiting) > 0 {
		at = min(at, now+retryAfter) // the workers had no room for them
	}
	if at == never {
		return -1
	}
	return max(at-now, 0)
}

// readsDueAt returns when reads that were refused may be submitted again, or buffers taken back for those that wait for some.
func (l *Loop) readsDueAt() time.Duration {
	at := never
	if retryAt, waits := l.loader.RetryAt(); waits {
		at = retryAt
	}
	if l.loader.Waiting() > 0 {
		at = min(at, l.stallAt)
	}
	return at
}
