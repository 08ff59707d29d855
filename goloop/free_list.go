package goloop

// freeList holds what is used again and again, so that nothing is allocated for it. The one given back last is the first to be
// taken: it is still in the processor's cache.
type freeList[T any] struct{ list []T }

// take returns one of the free ones, or false when there is none.
func (f *freeList[T]) take() (v T, ok bool) {
	last := len(f.list) - 1
	if last < 0 {
		return v, false
	}
	v = f.list[last]
	f.list = f.list[:last]
	return v, true
}

// give makes one free.
func (f *freeList[T]) give(v T) { f.list = append(f.list, v) }

// size returns how many are free.
func (f *freeList[T]) size() int { return len(f.list) }
