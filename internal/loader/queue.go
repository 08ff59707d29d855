package loader

// queue is first in, first out. It allocates only when it grows.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) empty() bool { return q.head == len(q.items) }

func (q *queue[T]) len() int { return len(q.items) - q.head }

// push moves the values to the front of the memory when it is full. Half of it is free then, so that a value is moved
// once for each one that is pushed, at the most.
func (q *queue[T]) push(v T) {
	if len(q.items) == cap(q.items) && q.head >= (len(q.items)+1)/2 {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, v)
}

func (q *queue[T]) peek() T { return q.items[q.head] }

func (q *queue[T]) pop() T {
	v := q.items[q.head]
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v
}

// pushFront puts values back to the front, in order.
func (q *queue[T]) pushFront(list ...T) {
	n := len(list)
	if n == 0 {
		return
	}
	var none T
	for range list {
		q.push(none)
	}
	copy(q.items[q.head+n:], q.items[q.head:len(q.items)-n])
	copy(q.items[q.head:], list)
}

// readyQueue holds the buffers whose reads are to be submitted from the page cache, or whose read method is to be
// chosen. It counts what passes through it.
type readyQueue struct {
	queue[int32]
	cost   int    // of the reads in it
	pushed uint64 // buffers that have ever been put in at the end
	popped uint64 // of those, the ones that have been taken out and not put back
}

// deferred holds the transfers that queue their reads when few others are queued, or at the latest when the reads
// have been submitted that were queued when the transfer became the first one here.
type deferred struct {
	queue[*Transfer]
	after uint64 // readyQueue.popped at which the first one has waited long enough
}
