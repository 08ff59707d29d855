package simkernel

import (
	"time"

	"aws/internal/kernel"
)

// Want is what the owner of a connection would do for it as soon as the kernel lets it.
type Want uint8

// The wants. A test derives them from the states that the loop reports to its Tracer.
const (
	WantNothing Want = iota // it waits for a file, or for a buffer
	WantRead                // what the peer sends
	WantWrite               // a response stands ready to be sent
	WantClose               // the connection is over
)

// restMax is how long a connection may be left alone whose send the kernel had no memory for. The loop
// tries again 10 ms later; a Wait rounds that up to a millisecond, and may come late.
const restMax = 15 * time.Millisecond

// Served is how promptly the loop has done what it could.
type Served struct {
	Waits int // the most iterations for which anything was left alone
	Limit int // that were allowed then
}

// starving counts the iteration for which something has been left alone.
type starving struct {
	acted bool // the loop has done something about it in the iteration that ends
	ready bool // there was something to do when that iteration began
	waits int
	limit int
}

// String names the want.
func (w Want) String() string {
	return [...]string{"nothing", "to read", "to write", "to be closed"}[w]
}

// Wants says what the loop would do for the connection that it accepted as the nth, counted from 1.
//
// From then on the kernel audits that no connection starves. At each Wait it looks, from outside, at
// everything that the loop could act upon: a connection that wants what its socket has (bytes, an end
// or an error to read; room to write, by epoll's own measure), one that is over and not closed, a
// listener that is watched and has somebody waiting, a read or a job that is done. An iteration that began with
// such a thing and ends with it, without the loop having touched it or changed its mind about what it wants,
// is a wait. How many waits in a row are allowed follows from the design, and from nothing that a run
// happens to do:
//
//   - What lies in a queue of the loop's is served in the iteration that finds it there: receive, collect, reap
//     and send empty their queues, and closing follows in the next send at the latest. That allows no wait
//     for a read or a job, and one for a connection to be closed.
//   - What has to be reported by epoll is reported by the ceil(W/E)th Wait, for W watched descriptors and E events
//     that a Wait returns at the most: who is reported goes to the end of the line, so nobody is passed
//     over by another one twice. In the iteration in which it is reported, it is served. A connection
//     that is not watched yet is by the next Wait, at the end of the line. That allows ceil(W/E)-1 waits,
//     for the largest W meanwhile: a line that grows behind somebody harms the bound, not him.
//
// So the bound depends on the number of connections and on the size of one Wait, and neither on how much
// others have to send or to receive, nor on the length of any deadline. A connection whose send the kernel
// had no memory for may rest meanwhile, for restMax, and for tlsRest one that is over and has records, or their last one, to be taken by TCP.
func (k *Kernel) Wants(n uint64, w Want) {
	if n == 0 || n > uint64(len(k.accepted)) {
		k.violate(-1, "the loop speaks of its connection %d, and has accepted %d", n, len(k.accepted))
		return
	}
	c := k.accepted[n-1]
	c.want = w
	c.served()
}

// Room says whether the loop has room for another connection. A listener need not be served without.
func (k *Kernel) Room(left bool) { k.crammed = !left }

// Served returns the longest that anything was left alone.
func (k *Kernel) Served() Served { return k.served }

// served notes that the loop does something about a connection.
func (c *conn) served() { c.starve.acted = true }

// rests notes that the kernel has refused a connection for want of memory.
func (k *Kernel) rests(c *conn) { c.restUntil = k.clock.now + restMax }

// count counts an iteration that is over, and returns for how many in a row nothing was done and whether these are
// too many.
func (s *starving) count(ready bool, limit int) (int, bool) {
	if !ready || !s.ready || s.acted {
		*s = starving{ready: ready, limit: limit}
		return 0, false
	}
	s.waits++
	s.limit = max(s.limit, limit)
	return s.waits, s.waits > s.limit
}

// audit looks for who starves. It is called between two iterations.
func (k *Kernel) audit() {
	if k.cfg.Unjust {
		return
	}
	line := max(len(k.polls.watches)-1, 0) / k.cfg.EventsMax
	open := k.open[:0]
	for _, c := range k.open {
		if c.closed {
			continue
		}
		open = append(open, c)
		limit := line
		if c.want == WantClose {
			limit = 1
		}
		if waits, tooMany := c.starve.count(k.actionable(c), limit); tooMany {
			k.violate(-1, "peer %d starves: it wants %v and could be served for %d iterations, and %d are allowed",
				c.peer.ID, c.want, waits, c.starve.limit)
		} else {
			k.waited(waits, c.starve.limit)
		}
	}
	clear(k.open[len(open):])
	k.open = open
	for _, w := range k.polls.watches {
		l := w.desc.listener
		if l == nil {
			continue
		}
		if waits, tooMany := l.starve.count(w.mask&kernel.Readable != 0 && len(l.waiting) > 0 && !k.crammed, line); tooMany {
			k.violate(w.desc.fd, "%d connections wait to be accepted for %d iterations, and %d are allowed",
				len(l.waiting), waits, l.starve.limit)
		} else {
			k.waited(waits, l.starve.limit)
		}
	}
	for _, f := range k.reads.ready {
		if waits, tooMany := f.starve.count(true, 0); tooMany {
			k.violate(-1, "a read is complete for %d iterations and has not been reaped", waits)
		}
	}
	for _, p := range k.jobs.ready {
		if waits, tooMany := p.starve.count(true, 0); tooMany {
			k.violate(-1, "a job of kind %d is done for %d iterations and has not been fetched", p.job.Kind, waits)
		}
	}
}

func (k *Kernel) waited(waits, limit int) {
	if waits > k.served.Waits {
		k.served = Served{Waits: waits, Limit: limit}
	}
}

// actionable reports whether the kernel would let the loop do what it wants for a connection.
func (k *Kernel) actionable(c *conn) bool {
	ready := c.readiness()
	switch c.want {
	case WantRead:
		return ready&kernel.Readable != 0
	case WantWrite:
		return ready&kernel.Writable != 0 && k.clock.now >= c.restUntil
	case WantClose:
		return c.tls == nil || k.clock.now >= c.restUntil
	default:
		return false
	}
}
