package goloop

// A stream whose file is loaded into buffers begins to load when it could send something, not before: a client whose windows are empty costs no buffers. And
// only some streams of a connection load at once, so that one client does not take the buffers of all others.

// loadsMax is how many streams of a connection load at once.
const loadsMax = 16

// loadQueue is the streams of a connection that load, and those that wait for that.
type loadQueue struct {
	loading int
	waiting []waitingConn
}

// loadStream begins to load the content of a stream, or lets it wait until others have been sent.
func (l *Loop) loadStream(c, sc *conn) {
	q := &c.http2.loads
	c.http2.frames.Unready(sc.stream.http2)
	if !sc.stream.loads {
		if q.loading == loadsMax {
			q.waiting = append(q.waiting, waitingConn{sc.slot, sc.gen})
			return
		}
		q.loading++
		sc.stream.loads = true
	}
	l.startLoading(sc.current)
	l.awaitLoad(sc.current)
}

// endLoad lets the most urgent of the streams that wait load, if one that has loaded is over.
func (l *Loop) endLoad(sc *conn) {
	c := sc.streamOf()
	if c == nil || !sc.stream.loads || c.http2 == nil {
		return
	}
	q := &c.http2.loads
	sc.stream.loads = false
	for q.loading--; q.loading < loadsMax; {
		next := q.takeNext(l, c)
		if next == nil {
			return
		}
		q.loading++ // at once: it may be over before its turn comes
		next.stream.loads = true
		//mutation:waiting-load-forgotten
		l.toSend(next)
	}
}

// takeNext takes the most urgent stream of a connection that waits, the first of those, or nil if none does.
func (q *loadQueue) takeNext(l *Loop, c *conn) (next *conn) {
	kept := q.waiting[:0]
	for _, w := range q.waiting {
		sc := l.conns.at(w.slot)
		if sc.gen != w.gen || sc.stream.of != c || sc.stream.http2 == nil || sc.stream.loads {
			continue
		}
		kept = append(kept, w)
		if next == nil || sc.stream.http2.Urgency() < next.stream.http2.Urgency() {
			next = sc
		}
	}
	q.waiting = kept
	return next
}
