package goloop

import "testing"

func TestDeferralFollowsTheLoad(t *testing.T) {
	d := deferral{above: 1000}
	for _, step := range []struct {
		rate        float64
		want, moved bool
	}{
		{100, false, false},
		{990, false, false},
		{1010, true, true},
		{500, true, false},
		{260, true, false},
		{240, false, true},
		{990, false, false},
	} {
		if moved := d.follow(step.rate); d.on != step.want || moved != step.moved {
			t.Errorf("%v connections per second: on %v, a change %v", step.rate, d.on, moved)
		}
	}
}

func TestDeferralNotWanted(t *testing.T) {
	var d deferral
	if d.follow(1e6) || d.on || d.follow(0) || d.on {
		t.Error("connections are held back although nobody wants that")
	}
}
