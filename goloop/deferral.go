package goloop

import "time"

// With a connection per request, what distinguishes one server from another is how often it wakes up: once for
// the connection and once for its request, or, if the kernel holds a connection back until it has
// sent something (TCP_DEFER_ACCEPT, tcp(7)), once for both. But a connection that is held back is not
// there for anybody to see. So the drop-in lets the kernel do it while connections come thick and
// fast, and only then.

// deferral is whether the kernel holds connections back.
type deferral struct {
	on       bool
	at       time.Duration // when the rate was last looked at
	accepted uint64        // connections until then
}

const deferralLook = 50 * time.Millisecond

// adjustDeferral looks at how many connections have come. It is switched off at a quarter of the rate
// at which it is switched on, so that it does not flutter.
func (l *Loop) adjustDeferral(now time.Duration) {
	d := &l.deferral
	passed := now - d.at
	if l.cfg.DeferAbove == 0 || passed < deferralLook || len(l.listeners) == 0 {
		return
	}
	rate := int(float64(l.counts.Accepted-d.accepted) / passed.Seconds())
	d.at, d.accepted = now, l.counts.Accepted
	want := d.on
	if rate > l.cfg.DeferAbove {
		want = true
	} else if rate < l.cfg.DeferAbove/4 {
		want = false
	}
	if want == d.on {
		return
	}
	d.on = want
	for _, li := range l.listeners {
		l.k.Defer(li.fd, want)
	}
}

// deferralEnds returns when a loop that has nothing to do must look whether the load is over, or
// false when it need not.
func (l *Loop) deferralEnds() (time.Duration, bool) {
	return l.deferral.at + deferralLook, l.deferral.on && !l.draining
}
