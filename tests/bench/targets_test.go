package main

import "testing"

func TestBestPeer(t *testing.T) {
	r := &result{Name: "x", Rows: []*row{
		rowOf("aws serve", true, mCPU, 5), rowOf("a", false, mCPU, 20), rowOf("b", false, mCPU, 10, 10, 40), rowOf("c", false, mRate, 1),
		{Label: "d", Skipped: "because"},
	}}
	for atLeast, want := range map[bool]string{false: "b", true: "a"} {
		if got := r.peer(&target{theirs: bestPeer, figure: mCPU, atLeast: atLeast}); got == nil || got.Label != want {
			t.Errorf("at least %t: the best peer is %+v, not %s", atLeast, got, want)
		}
	}
	if got := r.peer(&target{theirs: bestPeer, figure: mPage}); got != nil {
		t.Errorf("the best peer without a figure is %+v", got)
	}
	v, ok := r.judge(&target{scenario: "x", ours: "aws serve", theirs: bestPeer, figure: mCPU, limit: 0.5, text: "CPU relative to the best peer"})
	if !ok || !v.met || v.value.median != 0.5 || v.text != "CPU relative to the best peer, b" {
		t.Errorf("the verdict is %+v, %t", v, ok)
	}
}
