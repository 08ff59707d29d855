package goloop

import (
	"slices"
	"testing"
)

// TestSlotQueue adds connections while others are served.
func TestSlotQueue(t *testing.T) {
	var q slotQueue
	if !q.isEmpty() || len(q.take()) > 0 {
		t.Error("an empty queue is not empty")
	}
	for i := range int32(3) {
		q.add(i)
	}
	for round := range int32(4) {
		want := []int32{round * 10, round*10 + 1, round*10 + 2}
		served := q.take()
		if !q.isEmpty() {
			t.Errorf("round %d: what is served waits still", round)
		}
		for _, slot := range served {
			q.add(slot + 10)
		}
		if !slices.Equal(served, want) || q.isEmpty() {
			t.Errorf("round %d: %v, want %v", round, served, want)
		}
	}
}

// TestSlotQueueDoesNotAllocate: once it is as long as it gets, it needs no more memory.
func TestSlotQueueDoesNotAllocate(t *testing.T) {
	var q slotQueue
	iterate := func() {
		for range 100 {
			q.add(1)
		}
		for range q.take() {
			continue
		}
	}
	iterate()
	iterate()
	if n := testing.AllocsPerRun(10, iterate); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
