package goloop

import (
	"iter"

	"aws/internal/freelist"
)

// connSlab is how many connections are allocated at once; it is a power of two.
const connSlab = 256

// connTable is the connections of a loop by their slots, which are used again. A slot's connection is found without another look at
// memory that belongs to few of them: there is no table of pointers.
type connTable struct {
	slabs   []*[connSlab]conn
	free    freelist.List[int32]
	parts   freelist.List[*stream] // of streams
	limits  *connLimits
	serial  uint64 // of the latest connection
	begun   uint64 // streams
	streams int    // that have slots
}

// at returns the connection of a slot, whether that is taken or not.
func (t *connTable) at(slot int32) *conn {
	return &t.slabs[uint32(slot)/connSlab][uint32(slot)%connSlab]
}

// len returns the number of slots.
func (t *connTable) len() int { return len(t.slabs) * connSlab }

// all returns the connections of all slots.
func (t *connTable) all() iter.Seq[*conn] {
	return func(yield func(*conn) bool) {
		for _, slab := range t.slabs {
			for i := range slab {
				if !yield(&slab[i]) {
					return
				}
			}
		}
	}
}

// live returns the number of connections, those in CONN_CLOSING included.
func (t *connTable) live() int { return t.len() - t.free.Len() - t.streams }

// take takes a slot for a connection that is about to be accepted, or returns nil when all that may be are taken.
func (t *connTable) take() *conn {
	if !t.limits.take() {
		return nil
	}
	return t.slot()
}

// takeStream takes a slot for a stream, or returns nil when there are no more numbers.
func (t *connTable) takeStream() *conn {
	if t.free.Len() == 0 && t.len()+connSlab > connsLimit+1 {
		return nil
	}
	t.streams++
	c := t.slot()
	part, ok := t.parts.Take()
	if !ok {
		part = &stream{}
	}
	*part = stream{}
	c.stream = part
	return c
}

// giveStream makes a slot that takeStream has taken free.
func (t *connTable) giveStream(c *conn) {
	t.free.Give(c.slot)
	t.streams--
}

// slot takes a slot.
func (t *connTable) slot() *conn {
	if t.free.Len() == 0 {
		slab := new([connSlab]conn)
		first := t.len()
		for i := connSlab - 1; i >= 0; i-- {
			slab[i].slot = int32(first + i)
			slab[i].fd = -1
			t.free.Give(slab[i].slot)
		}
		t.slabs = append(t.slabs, slab)
	}
	slot, _ := t.free.Take()
	return t.at(slot)
}

// give makes a slot that take has taken free.
func (t *connTable) give(c *conn) {
	t.free.Give(c.slot)
	t.limits.give()
}
