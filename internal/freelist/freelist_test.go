package freelist

import (
	"slices"
	"testing"
)

func TestList(t *testing.T) {
	var f List[int]
	if v, ok := f.Take(); ok || v != 0 {
		t.Errorf("an empty list gives %d, %v", v, ok)
	}
	for i := range 3 {
		f.Give(i)
	}
	var got []int
	for f.Len() > 0 {
		v, _ := f.Take()
		got = append(got, v)
	}
	if !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("taken %v, want the latest first", got)
	}
}
