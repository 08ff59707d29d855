package goloop

import "time"

// retryAfter is how long what was refused for now is not asked for again.
const retryAfter = 10 * time.Millisecond

// retries holds the connections that wait for a moment to ask again for what was refused, by their slots.
type retries struct {
	waiting []int32
	taken   []int32 // those that are just asked for
	at      time.Duration
}

// add lets a connection ask again in a moment. All that wait ask together.
func (r *retries) add(slot int32, now time.Duration) {
	if len(r.waiting) == 0 {
		r.at = max(r.at, now+retryAfter)
	}
	r.waiting = append(r.waiting, slot)
}

// take returns the connections that ask again now, good until the next call. What is refused again is added meanwhile.
func (r *retries) take(now time.Duration) []int32 {
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
