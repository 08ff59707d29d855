package goloop

// waitingConn is a connection, or a stream, that waits, if it is still there.
type waitingConn struct {
	slot int32
	gen  uint32
}

// slotQueue holds connections, by their slots, that a phase serves: each once, which a flag of the connection sees to.
type slotQueue struct {
	waiting []int32
	taken   []int32 // those that are just served
}

func (q *slotQueue) add(slot int32) { q.waiting = append(q.waiting, slot) }

// take returns the connections that wait, good until the next take. Those that are added meanwhile wait for it.
func (q *slotQueue) take() []int32 {
	q.waiting, q.taken = q.taken[:0], q.waiting
	return q.taken
}

func (q *slotQueue) isEmpty() bool { return len(q.waiting) == 0 }
