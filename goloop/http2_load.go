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

// endLoad lets the next stream of a connection load, if one that has loaded is over.
func (l *Loop) endLoad(sc *conn) {
	c := sc.stream.of
	if c == nil || !sc.stream.loads || c.http2 == nil {
		return
	}
	q := &c.http2.loads
	q.loading--
	for len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = q.waiting[1:]
		if waits := l.conns.bySlot[next.slot]; waits.gen == next.gen && waits.stream.of == c {
			l.toSend(waits)
			return
		}
	}
	q.waiting = nil
}
