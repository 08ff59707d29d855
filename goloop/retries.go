package goloop

import "time"

// retryAfter is how long what was refused for now is not asked for again.
const retryAfter = 10 * time.Millisecond

// retries holds the connections, and streams, that wait for a moment to ask again for what was refused. One whose slot has another by
// then asks for nothing: that one may wait for something else, which is counted.
type retries struct {
	waiting []waitingConn
	taken   []waitingConn // those that ask just now
	at      time.Duration
}

// add lets a connection ask again in a moment. All that wait ask together.
func (r *retries) add(c waitingConn, now time.Duration) {
	if len(r.waiting) == 0 {
		r.at = max(r.at, now+retryAfter)
	}
	//mutation:retry-forgotten
	r.waiting = append(r.waiting, c)
}

// take returns the connections that ask again now, good until the next call. What is refused again is added meanwhile.
func (r *retries) take(now time.Duration) []waitingConn {
	if len(r.waiting) == 0 || now < r.at {
		return nil
	}
	r.waiting, r.taken = r.taken[:0], r.waiting
	return r.taken
}

// dueAt returns when the connections ask again.
func (r *retries) dueAt() time.Duration {
	if len(r.waiting) == 0 {
		return never
	}
	return r.at
}
