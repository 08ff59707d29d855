package stats

import (
	"testing"

	"aws/internal/response"
)

func TestEveryStatusHasASlot(t *testing.T) {
	seen := map[int]response.Status{}
	for s := range response.Status(response.StatusCount) {
		if s.Reason() == "" {
			if SlotOf(s) != 0 {
				t.Errorf("%d has slot %d, but is never sent", s, SlotOf(s))
			}
			continue
		}
		slot := SlotOf(s)
		if o, twice := seen[slot]; slot == 0 || twice {
			t.Errorf("%d has slot %d, as has %d", s, slot, o)
		}
		seen[slot] = s
		if StatusOf(slot) != s {
			t.Errorf("slot %d stands for %d, not %d", slot, StatusOf(slot), s)
		}
	}
}

func TestSizes(t *testing.T) {
	var s Sizes
	for _, n := range []int{0, 1, 2, 3, 4, 1 << 20} {
		s.Add(n)
	}
	want := [SizeBuckets]uint64{0: 1, 1: 1, 2: 2, 3: 1, SizeBuckets - 1: 1}
	if s.Buckets != want || s.Sum != 10+1<<20 {
		t.Errorf("%v, sum %d", s.Buckets, s.Sum)
	}
}
