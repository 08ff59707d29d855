package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
)

// interestChange is a change of what epoll reports about a connection.
type interestChange struct {
	kind netKind
	slot int32
	mask uint32
}

// interestQueue holds the changes of interest that wait for the next Wait, which makes them.
type interestQueue struct {
	waiting []interestChange
	taken   int         // of them, those that fill has returned
	ops     []kernel.Op // outside of Go's heap
}

func (q *interestQueue) add(change interestChange) { q.waiting = append(q.waiting, change) }

// fill returns the operations of the changes that wait, as many as fit, and whether others follow. Connections that are over
// are left out: their descriptors may be others' by now. The operations are good until the next fill.
func (q *interestQueue) fill(conns *connTable, poller int32) (ops []kernel.Op, more bool) {
	n := 0
	for q.taken < len(q.waiting) && n < len(q.ops) {
		change := q.waiting[q.taken]
		q.taken++
		c := conns.at(change.slot)
		if c.state() == connstate.StateFree || c.state() == connstate.StateClosing {
			continue
		}
		q.ops[n] = kernel.Op{Kind: change.kind, FD: c.fd, File: poller, Mask: change.mask, Token: c.token()}
		n++
	}
	if q.taken < len(q.waiting) {
		return q.ops[:n], true
	}
	q.waiting, q.taken = q.waiting[:0], 0
	return q.ops[:n], false
}
