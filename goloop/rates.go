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

// rates bounds the body bytes that are sent: those of each connection, which has a bucket for them, and those of all of a
// server's connections together.
type rates struct {
	ofConn int64      // bytes per second of a connection; 0 means no limit
	total  *totalRate // that a server's loops share; nil means no limit
}

// newRates returns the rates of a configuration.
func newRates(cfg *Config) rates {
	r := rates{ofConn: cfg.RateMax, total: cfg.total}
	if r.total == nil && cfg.TotalRateMax > 0 {
		r.total = &totalRate{rate: cfg.TotalRateMax}
	}
	return r
}

// reserve takes up to n body bytes out of the rates, and returns how many of them may be sent now. What is
// not sent after all is given back by refund: several connections may be in one batch, and none may count
// on what another one has been promised.
func (r *rates) reserve(b *bucket, n int64, now time.Duration) int64 {
	if r.ofConn == 0 && r.total == nil || n == 0 {
		return n
	}
	granted := n
	if r.ofConn > 0 {
		granted = min(n, b.fill(r.ofConn, now))
		if granted < worth(r.ofConn, n) {
			return 0
		}
	}
	if r.total != nil {
		granted = r.total.take(granted, now)
	}
	if r.ofConn > 0 {
		b.tokens -= granted
	}
	return granted
}

// reserveAll takes n body bytes out of the rates, or nothing.
func (r *rates) reserveAll(b *bucket, n int64, now time.Duration) bool {
	granted := r.reserve(b, n, now)
	if granted < n {
		r.refund(b, granted)
		return false
	}
	return true
}

// refund gives back body bytes that were reserved and have not been sent.
func (r *rates) refund(b *bucket, n int64) {
	if n == 0 {
		return
	}
	if r.ofConn > 0 {
		b.put(r.ofConn, n)
	}
	r.refundTotal(n)
}

// refundTotal gives back body bytes of a connection that is closed, and has no bucket any more.
func (r *rates) refundTotal(n int64) {
	if r.total != nil {
		r.total.put(n)
	}
}
