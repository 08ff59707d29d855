package goloop

import (
	"slices"
	"testing"
	"time"

	"aws/internal/kernel"
)

// restRecorder notes how it is waited for, and says that an event is there whenever it is asked to.
type restRecorder struct {
	kernel.Kernel
	calls []string
	ready []kernel.Event
}

func (r *restRecorder) Wait(_ []kernel.Op, timeout time.Duration) ([]kernel.Event, error) {
	if timeout != 0 {
		r.calls = append(r.calls, "wait")
		return nil, nil
	}
	r.calls = append(r.calls, "look")
	return r.ready, nil
}

func (r *restRecorder) Rest(time.Duration) { r.calls = append(r.calls, "rest") }

// TestCoalescingRests is about single waits of a loop that lets connections gather.
func TestCoalescingRests(t *testing.T) {
	for _, test := range []struct {
		name     string
		came     uint64
		ready    []kernel.Event
		off, now bool
		want     []string
	}{
		{name: "connections have come", came: 1, want: []string{"look", "rest", "wait"}},
		{name: "none has come", want: []string{"wait"}},
		{name: "there is something to do", came: 1, ready: make([]kernel.Event, 1), want: []string{"look"}},
		{name: "something is to be done at once", came: 1, now: true, want: []string{"look"}},
		{name: "connections do not gather", came: 1, off: true, want: []string{"wait"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &restRecorder{ready: test.ready}
			g := coalescing{on: !test.off, until: time.Hour}
			timeout := time.Second
			if test.now {
				timeout = 0
			}
			_, rested, err := g.wait(k, nil, timeout, test.came)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(k.calls, test.want) || rested != slices.Contains(k.calls, "rest") {
				t.Errorf("%v, want %v; rested: %v", k.calls, test.want, rested)
			}
			k.calls = nil
			if _, _, err := g.wait(k, nil, timeout, test.came); err != nil || slices.Contains(k.calls, "rest") {
				t.Errorf("%v, %v although no more have come", k.calls, err)
			}
		})
	}
}

// TestCoalescingIsTried lets connections come at a pace that depends on whether the loop rests, and looks how often it does.
func TestCoalescingIsTried(t *testing.T) {
	for _, test := range []struct {
		name            string
		above           int
		without, with   float64 // connections per second
		atLeast, atMost float64 // share of the time with rests
	}{
		{"few come", 2000, 1900, 1900, 0, 0},
		{"more come with rests", 2000, 20000, 24000, 0.9, 1},
		{"as many come", 2000, 20000, 20000, 0.9, 1},
		{"fewer come with rests", 2000, 20000, 17900, 0.01, 0.05},
		{"it is not wanted", 0, 20000, 24000, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := coalescing{above: test.above}
			var rate acceptRate
			var now, rests time.Duration
			var accepted float64
			const step, end = 100 * time.Microsecond, 20 * time.Second
			for ; now < end; now += step {
				rate.measure(now, uint64(accepted))
				g.follow(rate.perSecond, now, uint64(accepted))
				if g.on {
					accepted += test.with * step.Seconds()
					rests += step
				} else {
					accepted += test.without * step.Seconds()
				}
			}
			if share := rests.Seconds() / end.Seconds(); share < test.atLeast || share > test.atMost {
				t.Errorf("rests for %.3f of the time, want %v to %v", share, test.atLeast, test.atMost)
			}
		})
	}
}

// TestCoalescingEnds: a loop that connections no longer come to forgets about it.
func TestCoalescingEnds(t *testing.T) {
	g := coalescing{on: true, above: 2000}
	g.follow(10, time.Second, 10)
	if g.on || g.left > 0 {
		t.Errorf("%+v", g)
	}
}
