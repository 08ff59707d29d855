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

// coalescing is what a loop knows of how connections come.
type coalescing struct {
	on    bool
	until time.Duration // when to look again
	since time.Duration // of the latest look
	from  uint64        // connections accepted until then
	left  int           // parts of the trial that are still to come; 0: there is none
	tried [2]pace       // without and with rests
	seen  uint64        // connections accepted until the latest wait
}

// pace is how many connections have come in a time.
type pace struct {
	conns uint64
	time  time.Duration
}

// perSecond returns the pace in connections per second.
func (p pace) perSecond() float64 { return float64(p.conns) / max(p.time.Seconds(), 1e-9) }

const (
	// coalesceFor is how long a loop rests. The kernel adds the slack of the thread's timers, which is 50 µs unless
	// somebody has changed it (prctl(2), PR_SET_TIMERSLACK).
	coalesceFor   = 30 * time.Microsecond
	coalesceLook  = 50 * time.Millisecond // between looks at how many come
	coalescePart  = 10 * time.Millisecond // of a trial, which is without rests and with rests by turns
	coalesceParts = 8
	coalesceHold  = time.Second // between trials
	coalesceEqual = 0.9         // of the pace without rests, which with rests counts as no slower
)

// waitEvents makes the changes and waits for events, after a rest if connections gather and some have come.
func (l *Loop) waitEvents(changes []kernel.Op, timeout time.Duration) ([]kernel.Event, error) {
	g := &l.coalescing
	if now := l.k.Now(); now >= g.until {
		g.look(now, l.counts.Accepted, l.cfg.CoalesceAbove)
	}
	came := l.counts.Accepted != g.seen
	g.seen = l.counts.Accepted
	if !g.on || !came || timeout == 0 || l.draining {
		return l.k.Wait(changes, timeout)
	}
	if events, err := l.k.Wait(changes, 0); err != nil || len(events) > 0 {
		return events, err // there is something to do
	}
	l.counts.Coalesced++
	l.k.Rest(coalesceFor)
	return l.k.Wait(nil, timeout)
}

// look decides whether connections are let gather from now on, and until when.
func (g *coalescing) look(now time.Duration, accepted uint64, above int) {
	p := pace{accepted - g.from, now - g.since}
	g.since, g.from = now, accepted
	switch {
	case g.left > 0:
		t := &g.tried[g.left%2]
		t.conns, t.time = t.conns+p.conns, t.time+p.time
		g.left--
		g.on = g.left%2 == 1
		g.until = now + coalescePart
		if g.left == 0 {
			g.on = g.tried[1].perSecond() >= coalesceEqual*g.tried[0].perSecond()
			g.until = now + coalesceHold
		}
	case above > 0 && p.perSecond() > float64(above):
		g.left, g.tried = coalesceParts, [2]pace{}
		g.on = g.left%2 == 1
		g.until = now + coalescePart
	default:
		g.on = false
		g.until = now + coalesceLook
	}
}
