// Package freelist holds what is used again and again, so that nothing is allocated for it. A List belongs to one goroutine.
package freelist

// List holds values that are free. The one given back last is the first to be taken: it is still in the processor's
// cache. The zero value is an empty list.
type List[T any] struct{ free []T }

// Take returns one of the free values, or false when there is none.
func (l *List[T]) Take() (v T, ok bool) {
	last := len(l.free) - 1
	if last < 0 {
		return v, false
	}
	v = l.free[last]
	l.free = l.free[:last]
	return v, true
}

// Give makes a value free.
func (l *List[T]) Give(v T) { l.free = append(l.free, v) }

// Len returns how many values are free.
func (l *List[T]) Len() int { return len(l.free) }
