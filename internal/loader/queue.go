package loader

// queue is first in, first out. It allocates only when it grows.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) empty() bool { return q.head == len(q.items) }

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(v T) {
	if q.head > 0 && len(q.items) == cap(q.items) {
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
func (q *queue[T]) pushFront(list []T) {
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
