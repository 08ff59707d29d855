package goloop

import (
	"sync"
	"time"
)

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

// burst returns how many bytes a bucket holds at the most.
func burst(rate int64) int64 { return max(rate/int64(time.Second/rateBurst), 1) }

// worth returns how many of n bytes are worth a call: with fewer in the bucket, more are waited for.
func worth(rate, n int64) int64 { return min(rateBytesMin, n, burst(rate)) }

// fill brings the bucket up to date and returns what it holds.
func (b *bucket) fill(rate int64, now time.Duration) int64 {
	most := burst(rate)
	gained := most
	if b.at != 0 {
		// More than rateBurst's worth does not fit. In parts, so that no rate is too high for the product.
		us := int64(min(now-b.at, rateBurst) / time.Microsecond)
		gained = rate/1e6*us + rate%1e6*us/1e6
	}
	if gained > 0 {
		b.tokens = min(b.tokens+gained, most)
		b.at = now
	}
	return b.tokens
}

// put gives back bytes that were taken and not sent.
func (b *bucket) put(rate, n int64) { b.tokens = min(b.tokens+n, burst(rate)) }

// totalRate bounds the bytes per second of all of a server's loops together.
type totalRate struct {
	mu     sync.Mutex
	rate   int64
	bucket bucket
}

// take takes up to n bytes out, or nothing when there are not as many as are worth a call.
func (t *totalRate) take(n int64, now time.Duration) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	got := min(n, t.bucket.fill(t.rate, now))
	if got < worth(t.rate, n) {
		return 0
	}
	t.bucket.tokens -= got
	return got
}

func (t *totalRate) put(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bucket.put(t.rate, n)
}

// reserve takes up to n body bytes out of the rates, and returns how many of them may be sent now. What is
// not sent after all is given back by refund: several connections may be in one batch, and none may count
// on what another one has been promised.
func (l *Loop) reserve(c *conn, n int64) int64 {
	rate := l.cfg.RateMax
	if rate == 0 && l.total == nil || n == 0 {
		return n
	}
	now := l.k.Now()
	granted := n
	if rate > 0 {
		granted = min(n, c.bucket.fill(rate, now))
		if granted < worth(rate, n) {
			return 0
		}
	}
	if l.total != nil {
		granted = l.total.take(granted, now)
	}
	if rate > 0 {
		c.bucket.tokens -= granted
	}
	return granted
}

// reserveAll takes n body bytes out of the rates, or nothing.
func (l *Loop) reserveAll(c *conn, n int64) bool {
	granted := l.reserve(c, n)
	if granted < n {
		l.refund(c, granted)
		return false
	}
	return true
}

// refund gives back body bytes that were reserved and have not been sent.
func (l *Loop) refund(c *conn, n int64) {
	if n == 0 {
		return
	}
	if l.cfg.RateMax > 0 {
		c.bucket.put(l.cfg.RateMax, n)
	}
	if l.total != nil {
		l.total.put(n)
	}
}
