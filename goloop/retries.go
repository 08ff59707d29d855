package goloop

import "time"

// retryAfter is how long what was refused for now is not asked for again.
const retryAfter = 10 * time.Millisecond

// retries holds the connections that wait for a moment to ask again for what was refused, by their slots.
type retries struct {
	queue slotQueue
	at    time.Duration
}

// add lets a connection ask again in a moment. All that wait ask together.
func (r *retries) add(slot int32, now time.Duration) {
	if r.queue.isEmpty() {
		r.at = max(r.at, now+retryAfter)
	}
	//mutation:retry-forgotten
	r.queue.add(slot)
}

// take returns the connections that ask again now, good until the next call. What is refused again is added meanwhile.
func (r *retries) take(now time.Duration) []int32 {
	if r.queue.isEmpty() || now < r.at {
		return nil
	}
	return r.queue.take()
}

// dueAt returns when the connections ask again.
func (r *retries) dueAt() time.Duration {
	if r.queue.isEmpty() {
		return never
	}
	return r.at
}
