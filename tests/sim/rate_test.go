package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"aws/internal/handler"
	"aws/internal/rate"
	"aws/internal/request"
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
	bytes := func() int64 { return pick(rnd, int64(30_000), 200_000, 2_000_000) }
	switch rnd.IntN(3) {
	case 0:
		w.cfg.RateMax = bytes()
	case 1:
		w.cfg.TotalRateMax = 3 * bytes()
	default:
		w.cfg.RateMax, w.cfg.TotalRateMax = bytes(), 3*bytes()
	}
}

// routeRate has the rates of the paths below a prefix, as a route of a site has them.
type routeRate struct {
	prefix        string
	ofConn, total int64
	limit         *rate.Limit
}

// drawRouteRates draws bounds for the bodies of the files below static and dynamic.
func (w *world) drawRouteRates(rnd *rand.Rand) {
	if rnd.IntN(rated) > 0 {
		return
	}
	for _, prefix := range []string{"static/", "dynamic/"} {
		r := routeRate{prefix: prefix, limit: &rate.Limit{}}
		if rnd.IntN(3) > 0 {
			r.ofConn = pick(rnd, int64(30_000), 100_000, 2_000_000)
			r.limit.OfConn = r.ofConn
		}
		if rnd.IntN(3) == 0 {
			r.total = pick(rnd, int64(90_000), 600_000, 6_000_000)
			r.limit.Total = rate.NewTotal(r.total)
		}
		w.routeRates = append(w.routeRates, r)
	}
}

// limitedHandler gives responses the limits of routes.
type limitedHandler struct {
	handler.Handler
	rates []routeRate
}

func (h *limitedHandler) NewResponder() handler.Responder {
	return &limitedResponder{h.Handler.NewResponder(), h.rates}
}

type limitedResponder struct {
	handler.Responder
	rates []routeRate
}

func (s *limitedResponder) Respond(r *handler.Response, req *request.Request, head []byte, files handler.Files) bool {
	known := s.Responder.Respond(r, req, head, files)
	if route := routeOf(s.rates, string(req.Target.Of(head))); route != nil {
		r.Limit = route.limit
	}
	return known
}

// routeOf returns the rates of a path, or nil.
func routeOf(rates []routeRate, path string) *routeRate {
	for i := range rates {
		if strings.HasPrefix(strings.TrimPrefix(path, "/"), rates[i].prefix) {
			return &rates[i]
		}
	}
	return nil
}

// limited reports whether a rate was drawn.
func (w *world) limited() bool {
	return w.cfg.RateMax > 0 || w.cfg.TotalRateMax > 0 || len(w.routeRates) > 0
}

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

// span is the bytes [from, to) of all that a peer was sent: a body, and the rates of its route, or nil.
type span struct {
	from, to int64
	route    *routeRate
}

// bodies returns where the bodies lie in what a session has received. What was under way when the
// connection broke is not looked at.
func (c *session) bodies(rates []routeRate) []span {
	var list []span
	at := int64(0)
	for i := range c.asks {
		r, n, err := parseReply(c.received()[at:], &c.asks[i])
		if err != nil || r == nil {
			break
		}
		list = append(list, span{at + int64(n-len(r.body)), at + int64(n), routeOf(rates, c.asks[i].name)})
		at += int64(n)
	}
	return list
}

// within returns how many of the bytes [from, to) lie in the spans of a route, or in all spans if route is nil.
func within(list []span, route *routeRate, from, to int64) int64 {
	n := int64(0)
	for _, s := range list {
		if route == nil || s.route == route {
			n += max(0, min(to, s.to)-max(from, s.from))
		}
	}
	return n
}

// checkRates checks that in no stretch of time more body bytes were sent than the rates allow: those of each
// connection over its whole life, and those of all.
func (w *world) checkRates() error {
	if len(w.sends) == 0 || w.tls != nil { // of records, nobody knows which bytes are a body's
		return nil
	}
	bodies := map[*simkernel.Peer][]span{}
	own := map[*simkernel.Peer]*allowance{}
	for _, c := range w.sessions {
		bodies[c.peer] = c.bodies(w.routeRates)
		own[c.peer] = newAllowance(w.cfg.RateMax)
	}
	total := newAllowance(w.cfg.TotalRateMax)
	for _, s := range w.sends {
		if own[s.peer] == nil {
			continue // of a peer whose responses nobody has read
		}
		n := within(bodies[s.peer], nil, s.from, s.from+s.n)
		if w.cfg.RateMax > 0 && !own[s.peer].take(s.at, n) {
			return fmt.Errorf("%v: at %v it is sent %.0f body bytes too many for a rate of %d", s.peer, s.at, -own[s.peer].left, w.cfg.RateMax)
		}
		if w.cfg.TotalRateMax > 0 && !total.take(s.at, n) {
			return fmt.Errorf("at %v %.0f body bytes too many are sent for a total rate of %d", s.at, -total.left, w.cfg.TotalRateMax)
		}
	}
	for i := range w.routeRates {
		if err := w.checkRouteRate(&w.routeRates[i], bodies); err != nil {
			return err
		}
	}
	return nil
}

// checkRouteRate is checkRates for the bodies of a route.
func (w *world) checkRouteRate(route *routeRate, bodies map[*simkernel.Peer][]span) error {
	own := map[*simkernel.Peer]*allowance{}
	total := newAllowance(route.total)
	for _, s := range w.sends {
		n := within(bodies[s.peer], route, s.from, s.from+s.n)
		if n == 0 {
			continue
		}
		if own[s.peer] == nil {
			own[s.peer] = newAllowance(route.ofConn)
		}
		if route.ofConn > 0 && !own[s.peer].take(s.at, n) {
			return fmt.Errorf("%v: at %v it is sent %.0f body bytes too many for the rate of %s, %d", s.peer, s.at, -own[s.peer].left, route.prefix, route.ofConn)
		}
		if route.total > 0 && !total.take(s.at, n) {
			return fmt.Errorf("at %v %.0f body bytes too many are sent for the total rate of %s, %d", s.at, -total.left, route.prefix, route.total)
		}
	}
	return nil
}

// TestRates sees to it that the rates are put to the test with each kind of body.
func TestRates(t *testing.T) {
	kinds := map[string]int{}
	limited := 0
	for s := uint64(1); s <= 1500; s++ {
		w, err := newWorld(s, nil, serve)
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
