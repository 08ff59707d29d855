package tlsserver

import "iter"

// idleMax is how many coroutines are kept for handshakes to come.
const idleMax = 64

// Coroutines are what handshakes run on. One whose handshake is over is kept for another handshake, because its stack has grown;
// but only as long as there are handshakes in progress.
type Coroutines struct {
	busy int
	idle []*coroutine
}

// coroutine runs one handshake after another.
type coroutine struct {
	shake *Handshake
	next  func() (over, ok bool)
	stop  func()
}

// take returns a coroutine for a handshake.
func (s *Coroutines) take(h *Handshake) *coroutine {
	s.busy++
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle[n-1] = nil
		s.idle = s.idle[:n-1]
		c.shake = h
		return c
	}
	c := &coroutine{shake: h}
	c.next, c.stop = iter.Pull(c.run)
	return c
}

// give takes back a coroutine whose handshake is over.
func (s *Coroutines) give(c *coroutine) {
	s.busy--
	s.idle = append(s.idle, c)
	keep := idleMax
	if s.busy == 0 {
		keep = 0
	}
	for len(s.idle) > keep {
		n := len(s.idle) - 1
		s.idle[n].stop()
		s.idle[n] = nil
		s.idle = s.idle[:n]
	}
}

// run yields false when its handshake waits for the client, and true when that is over.
func (c *coroutine) run(yield func(over bool) bool) {
	for more := true; more; more = yield(true) {
		h := c.shake
		h.wire.await = func() bool { yield(false); return !h.stopped }
		h.err = h.conn.Handshake()
		h.wire.await, c.shake = nil, nil
	}
}
