package rate

import (
	"math/bits"
	"sync"
	"time"
)

// Floor is the lowest rate, in bytes per second, that may be asked for: below it, a few packets a second are left.
const Floor = 1024

const (
	burstTime = 250 * time.Millisecond
	worthMin  = 4 << 10 // less is not worth a call, if the rate gives that much at all
)

// Limit bounds the body bytes of the responses that have it.
type Limit struct {
	OfConn int64  // bytes per second of a connection; 0 means no limit
	Total  *Total // of all connections together; nil means no limit
}

// Bucket lets bytes through at a rate. It fills up to what the rate gives in burstTime. The rate may differ from one call to
// the next: what the bucket holds is a time, and is worth as many bytes as the rate gives in that time. So the bytes that were
// taken at each rate are at most what that rate gives in the whole time, and a burst.
type Bucket struct {
	tokens int64
	rate   int64 // that tokens are counted at
	at     time.Duration
}

// Burst returns how many bytes a bucket holds at the most.
func Burst(rate int64) int64 { return max(rate/int64(time.Second/burstTime), 1) }

// worth returns how many of n bytes are worth a call: with fewer in the bucket, more are waited for.
func worth(rate, n int64) int64 { return min(worthMin, n, Burst(rate)) }

// convert makes the bucket count at a rate. It rounds down.
func (b *Bucket) convert(rate int64) {
	if b.rate != 0 && b.rate != rate {
		b.tokens = scale(b.tokens, rate, b.rate)
	}
	b.rate = rate
}

// scale returns n * rate / other, where n is at most Burst(other).
func scale(n, rate, other int64) int64 {
	high, low := bits.Mul64(uint64(n), uint64(rate))
	scaled, _ := bits.Div64(high, low, uint64(other))
	return int64(scaled)
}

// fill brings the bucket up to date and returns what it holds.
func (b *Bucket) fill(rate int64, now time.Duration) int64 {
	b.convert(rate)
	most := Burst(rate)
	gained := most
	if b.at != 0 {
		// More than burstTime's worth does not fit. In parts, so that no rate is too high for the product.
		us := int64(min(now-b.at, burstTime) / time.Microsecond)
		gained = rate/1e6*us + rate%1e6*us/1e6
	}
	if gained > 0 {
		b.tokens = min(b.tokens+gained, most)
		b.at = now
	}
	return b.tokens
}

// Take takes up to n bytes out at a rate, or nothing when there are not as many as are worth a call.
func (b *Bucket) Take(rate, n int64, now time.Duration) int64 {
	got := min(n, b.fill(rate, now))
	if got < worth(rate, n) {
		return 0
	}
	b.tokens -= got
	return got
}

// Put gives back bytes that were taken at a rate and not sent.
func (b *Bucket) Put(rate, n int64) {
	if b.rate != rate && b.rate != 0 {
		rate, n = b.rate, scale(n, b.rate, rate)
	}
	b.tokens = min(b.tokens+n, Burst(rate))
}

// Total bounds the bytes per second of all that share it, such as the connections of all loops.
type Total struct {
	mu     sync.Mutex
	rate   int64
	bucket Bucket
}

// NewTotal returns a total of a rate in bytes per second.
func NewTotal(rate int64) *Total { return &Total{rate: rate} }

// Take takes up to n bytes out, or nothing when there are not as many as are worth a call.
func (t *Total) Take(n int64, now time.Duration) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bucket.Take(t.rate, n, now)
}

// Put gives back bytes that were taken and not sent.
func (t *Total) Put(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bucket.Put(t.rate, n)
}
