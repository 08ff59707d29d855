package goloop

import (
	"time"

	"aws/internal/kernel"
)

// With a connection per request, up to a fifth of what one costs is waking up for it: the loop sleeps, is woken by
// the first connection that comes, serves it, and sleeps again. And anyone who connects does the waking, which costs a
// client on the same machine as much. So a loop that connections come to thick and fast lets some gather before
// it waits for the next, as a network card does with packets. Whether that is good depends on the clients: many
// that have been held up by wake-ups come faster, two or three that wait for their responses come slower. So the
// loop tries it from time to time, and does it where no fewer connections come.

// coalescing decides whether a loop uses accept coalescing. It measures the accept rate with and without.
type coalescing struct {
	above int // connections per second above which it is tried; 0 means never
	on    bool
	until time.Duration // the end of a trial's part; without a trial, of what the latest one has decided
	left  int           // parts of the trial that are still to come; 0: there is none
	meter acceptMeter   // of a trial's part
	tried [2]pace       // without and with rests
	seen  uint64        // connections accepted until the latest wait
}

const (
	// coalesceFor is how long a loop rests. The kernel adds the slack of the thread's timers, which is 50 µs unless
	// somebody has changed it (prctl(2), PR_SET_TIMERSLACK).
	coalesceFor   = 30 * time.Microsecond
	coalescePart  = 10 * time.Millisecond // of a trial, which is without rests and with rests by turns
	coalesceParts = 8
	coalesceHold  = time.Second // between trials
	coalesceEqual = 0.9         // of the pace without rests, which with rests counts as no slower
)

// wait makes the changes and waits for events, after a rest if connections gather and some have come since the wait before
// it. It returns whether it has rested.
func (g *coalescing) wait(k kernel.Kernel, changes []kernel.Op, timeout time.Duration, accepted uint64) ([]kernel.Event, bool, error) {
	came := accepted != g.seen
	g.seen = accepted
	if !g.on || !came || timeout == 0 {
		events, err := k.Wait(changes, timeout)
		return events, false, err
	}
	if events, err := k.Wait(changes, 0); err != nil || len(events) > 0 {
		return events, false, err // events are pending
	}
	k.Rest(coalesceFor)
	events, err := k.Wait(nil, timeout)
	return events, true, err
}

// follow decides whether connections gather from now on. rate is how many are accepted per second, accepted how many have
// been.
func (g *coalescing) follow(rate float64, now time.Duration, accepted uint64) {
	switch {
	case now < g.until: // a part of a trial, or what it has decided, goes on
	case g.left > 0:
		t := &g.tried[g.left%2]
		*t = t.add(g.meter.read(now, accepted))
		g.left--
		g.on = g.left%2 == 1
		g.until = now + coalescePart
		if g.left == 0 {
			g.on = g.tried[1].perSecond() >= coalesceEqual*g.tried[0].perSecond()
			g.until = now + coalesceHold
		}
	case g.above > 0 && rate > float64(g.above):
		g.left, g.tried = coalesceParts, [2]pace{}
		g.meter.read(now, accepted)
		g.on = g.left%2 == 1
		g.until = now + coalescePart
	default:
		g.on = false
	}
}
