package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aws/internal/simkernel"
)

// sending is what a socket took at one time.
type sending struct {
	at   time.Duration
	peer *simkernel.Peer
	from int64 // of all that it has taken
	n    int64
}

// rated is the part of the runs that have a rate.
const rated = 4

// drawRates draws bounds for the body bytes per second. They are high enough for the clients' patience.
func (w *world) drawRates(rnd *rand.Rand) {
	if rnd.IntN(rated) > 0 {
		return
	}
	rate := func() int64 { return pick(rnd, int64(30_000), 200_000, 2_000_000) }
	switch rnd.IntN(3) {
	case 0:
		w.cfg.RateMax = rate()
	case 1:
		w.cfg.TotalRateMax = 3 * rate()
	default:
		w.cfg.RateMax, w.cfg.TotalRateMax = rate(), 3*rate()
	}
}

// limited reports whether a rate was drawn.
func (w *world) limited() bool { return w.cfg.RateMax > 0 || w.cfg.TotalRateMax > 0 }

// watchRates notes all that sockets take, if there is a rate.
func (w *world) watchRates() {
	if !w.limited() {
		return
	}
	taken := map[*simkernel.Peer]int64{}
	w.k.OnSent = func(p *simkernel.Peer, n int) {
		w.sends = append(w.sends, sending{at: w.k.Time(), peer: p, from: taken[p], n: int64(n)})
		taken[p] += int64(n)
	}
}

// allowance is a bucket as the guide has it: a quarter of a second's worth may go at once. A batch takes
// time, so that what was allowed at its beginning leaves a little later.
type allowance struct {
	rate int64
	left float64
	at   time.Duration
}

func newAllowance(rate int64) *allowance {
	a := &allowance{rate: rate}
	a.left = a.most()
	return a
}

func (a *allowance) most() float64 { return float64(a.rate) * (0.25 + slack.Seconds()) }

// take takes bytes out and reports whether they were there.
func (a *allowance) take(at time.Duration, n int64) bool {
	a.left = min(a.most(), a.left+float64(a.rate)*(at-a.at).Seconds())
	a.at = at
	a.left -= float64(n)
	return a.left >= 0
}

// span is the bytes [from, to) of all that a peer was sent.
type span struct{ from, to int64 }

// bodies returns where the bodies lie in what a session has received. What was under way when the
// connection broke is not looked at.
func (c *session) bodies() []span {
	var list []span
	at := int64(0)
	for i := range c.asks {
		r, n, err := parseReply(c.peer.Received[at:], &c.asks[i])
		if err != nil || r == nil {
			break
		}
		list = append(list, span{at + int64(n-len(r.body)), at + int64(n)})
		at += int64(n)
	}
	return list
}

// within returns how many of the bytes [from, to) lie in the spans.
func within(list []span, from, to int64) int64 {
	n := int64(0)
	for _, s := range list {
		n += max(0, min(to, s.to)-max(from, s.from))
	}
	return n
}

// checkRates checks that in no stretch of time more body bytes were sent than the rates allow: those of each
// connection over its whole life, and those of all.
func (w *world) checkRates() error {
	if len(w.sends) == 0 {
		return nil
	}
	bodies := map[*simkernel.Peer][]span{}
	own := map[*simkernel.Peer]*allowance{}
	for _, c := range w.sessions {
		bodies[c.peer] = c.bodies()
		own[c.peer] = newAllowance(w.cfg.RateMax)
	}
	total := newAllowance(w.cfg.TotalRateMax)
	for _, s := range w.sends {
		if own[s.peer] == nil {
			continue // of a peer whose responses nobody has read
		}
		n := within(bodies[s.peer], s.from, s.from+s.n)
		if w.cfg.RateMax > 0 && !own[s.peer].take(s.at, n) {
			return fmt.Errorf("%v: at %v it is sent %.0f body bytes too many for a rate of %d", s.peer, s.at, -own[s.peer].left, w.cfg.RateMax)
		}
		if w.cfg.TotalRateMax > 0 && !total.take(s.at, n) {
			return fmt.Errorf("at %v %.0f body bytes too many are sent for a total rate of %d", s.at, -total.left, w.cfg.TotalRateMax)
		}
	}
	return nil
}

// TestRates sees to it that the rates are put to the test with each kind of body.
func TestRates(t *testing.T) {
	kinds := map[string]int{}
	limited := 0
	for s := uint64(1); s <= 1500; s++ {
		w, err := newWorld(s, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if !w.limited() {
			continue
		}
		limited++
		if err := w.check(w.run()); err != nil {
			t.Errorf("seed %d: %v", s, err)
		}
		for kind, n := range w.responses {
			kinds[kind] += n
		}
	}
	for _, kind := range []string{"200", "206", "404", "405", "301", "listing", "several ranges", "compressed"} {
		if kinds[kind] < 10 {
			t.Errorf("of %d runs with a rate, %d had a response of the kind %q", limited, kinds[kind], kind)
		}
	}
}
