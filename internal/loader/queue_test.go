package loader

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQueue(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var q queue[int]
		var model []int
		for n := range 300 {
			switch rnd.IntN(5) {
			case 0, 1:
				q.push(n)
				model = append(model, n)
			case 2, 3:
				if len(model) == 0 {
					break
				}
				if peeked, popped := q.peek(), q.pop(); peeked != model[0] || popped != model[0] {
					t.Fatalf("seed %d: %d, then %d, want %d", seed, peeked, popped, model[0])
				}
				model = model[1:]
			case 4:
				list := make([]int, rnd.IntN(4))
				for i := range list {
					list[i] = -n - i
				}
				q.pushFront(list...)
				model = append(list, model...)
			}
			if q.len() != len(model) || q.empty() != (len(model) == 0) || !slices.Equal(q.items[q.head:], model) {
				t.Fatalf("seed %d: %v, want %v", seed, q.items[q.head:], model)
			}
		}
	}
}

// A queue of a certain length neither grows nor moves its values again and again.
func TestQueueKeepsItsSize(t *testing.T) {
	const length, pushes = 1000, 100_000
	var q queue[int]
	for n := range length {
		q.push(n)
	}
	moved := 0
	for n := range pushes {
		head := q.head
		q.push(n)
		if q.head < head {
			moved += q.len()
		}
		q.pop()
	}
	if moved > pushes || cap(q.items) > 4*length {
		t.Errorf("%d values were moved by %d pushes, and there is memory for %d", moved, pushes, cap(q.items))
	}
}
