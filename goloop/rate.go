package goloop

import "time"

// rateFloor is the lowest rate that may be asked for: below it, a few packets a second are left.
const rateFloor = 1024

// bucket lets bytes through at a rate. It fills up to what the rate gives in rateBurst.
type bucket struct {
	tokens int64
	at     time.Duration
}

const (
	rateBurst    = 250 * time.Millisecond
	rateBytesMin = 4 << 10 // less is not worth a call, if the rate gives that much at all
)

// fill brings the bucket up to date and returns what it holds.
func (b *bucket) fill(rate int64, now time.Duration) int64 {
	most := max(rate*int64(rateBurst)/int64(time.Second), 1)
	gained := rate * int64(min(now-b.at, time.Minute)/time.Microsecond) / int64(time.Second/time.Microsecond)
	if b.at == 0 {
		gained = most
	}
	if gained > 0 {
		b.tokens = min(b.tokens+gained, most)
		b.at = now
	}
	return b.tokens
}

// allowance returns how many body bytes a connection may send now.
func (l *Loop) allowance(c *conn) int64 {
	allowed := int64(1<<63 - 1)
	if l.cfg.RateMax == 0 && l.cfg.LoopRateMax == 0 {
		return allowed
	}
	now := l.k.Now()
	if rate := l.cfg.RateMax; rate > 0 {
		allowed = c.bucket.fill(rate, now)
	}
	if rate := l.cfg.LoopRateMax; rate > 0 {
		allowed = min(allowed, l.bucket.fill(rate, now))
	}
	if allowed < min(rateBytesMin, c.end-c.off, l.slowest()*int64(rateBurst)/int64(time.Second)) {
		return 0
	}
	return allowed
}

// slowest returns the lower one of the rates.
func (l *Loop) slowest() int64 {
	if l.cfg.RateMax > 0 && (l.cfg.LoopRateMax == 0 || l.cfg.RateMax < l.cfg.LoopRateMax) {
		return l.cfg.RateMax
	}
	return l.cfg.LoopRateMax
}

// spend takes sent body bytes out of the buckets.
func (l *Loop) spend(c *conn, n int64) {
	if l.cfg.RateMax > 0 {
		c.bucket.tokens -= n
	}
	if l.cfg.LoopRateMax > 0 {
		l.bucket.tokens -= n
	}
}
