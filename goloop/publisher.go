package goloop

import (
	"sync"
	"time"

	"aws/internal/stats"
)

// publishEvery is how old the copy of the counters gets.
const publishEvery = 100 * time.Millisecond

// publisher keeps a copy of a loop's counters for other goroutines. Only latest may be called by them.
type publisher struct {
	enabled bool
	pending bool          // the counters have changed since they were copied
	next    time.Duration // when they may be copied again

	mu     sync.Mutex
	counts stats.Counters
}

// noteIteration notes that the counters have changed, and returns whether they are to be published now. If not, dueAt says when
// that is, even if nothing else happens until then.
func (p *publisher) noteIteration(now time.Duration) bool {
	p.pending = now < p.next
	return !p.pending
}

// publish copies the counters.
func (p *publisher) publish(now time.Duration, n *stats.Counters) {
	p.pending, p.next = false, now+publishEvery
	p.mu.Lock()
	defer p.mu.Unlock()
	byMount := append(p.counts.ByMount[:0], n.ByMount...)
	p.counts = *n
	p.counts.ByMount = byMount
}

// latest returns the counters as they were when they were published.
func (p *publisher) latest() stats.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts.Clone()
}

// dueAt returns when the counters have to be published.
func (p *publisher) dueAt() time.Duration {
	if !p.pending {
		return never
	}
	return p.next
}
