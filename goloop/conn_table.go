package goloop

import "aws/internal/freelist"

// connSlab is how many connections are allocated at once.
const connSlab = 256

// connTable is the connections of a loop by their slots, which are used again.
type connTable struct {
	bySlot  []*conn
	free    freelist.List[int32]
	limits  *connLimits
	serial  uint64 // of the latest connection
	begun   uint64 // streams
	streams int    // that have slots
}

// live returns the number of connections, those in CONN_CLOSING included.
func (t *connTable) live() int { return len(t.bySlot) - t.free.Len() - t.streams }

// take takes a slot for a connection that is about to be accepted, or returns nil when all that may be are taken.
func (t *connTable) take() *conn {
	if !t.limits.take() {
		return nil
	}
	return t.slot()
}

// takeStream takes a slot for a stream, or returns nil when there are no more numbers.
func (t *connTable) takeStream() *conn {
	if t.free.Len() == 0 && len(t.bySlot)+connSlab > connsLimit {
		return nil
	}
	t.streams++
	return t.slot()
}

// giveStream makes a slot that takeStream has taken free.
func (t *connTable) giveStream(c *conn) {
	t.free.Give(c.slot)
	t.streams--
}

// slot takes a slot.
func (t *connTable) slot() *conn {
	if t.free.Len() == 0 {
		n := connSlab
		if most := int(t.limits.most); len(t.bySlot) < most {
			n = min(n, most-len(t.bySlot))
		}
		slab := make([]conn, n)
		for i := len(slab) - 1; i >= 0; i-- {
			slab[i].slot = int32(len(t.bySlot) + i)
			slab[i].fd = -1
			t.free.Give(slab[i].slot)
		}
		for i := range slab {
			t.bySlot = append(t.bySlot, &slab[i])
		}
	}
	slot, _ := t.free.Take()
	return t.bySlot[slot]
}

// give makes a slot that take has taken free.
func (t *connTable) give(c *conn) {
	t.free.Give(c.slot)
	t.limits.give()
}
