package goloop

import (
	"time"

	"aws/internal/rate"
)

// rates bounds the body bytes that are sent: those of each connection, which has a bucket for them, and those of connections
// together. A response may have a limit of its own beside that of the server.
type rates struct {
	server rate.Limit // its total is shared by a server's loops
}

// newRates returns the rates of a configuration.
func newRates(cfg *Config) rates {
	r := rates{rate.Limit{OfConn: cfg.RateMax, Total: cfg.total}}
	if r.server.Total == nil && cfg.TotalRateMax > 0 {
		r.server.Total = rate.NewTotal(cfg.TotalRateMax)
	}
	return r
}

// ofConn returns the rate of a connection while it sends a response with a limit, which may be nil; 0 means no limit.
func (r *rates) ofConn(limit *rate.Limit) int64 {
	switch {
	case limit == nil || limit.OfConn == 0:
		return r.server.OfConn
	case r.server.OfConn == 0:
		return limit.OfConn
	default:
		return min(limit.OfConn, r.server.OfConn)
	}
}

// totalOf returns the total of a limit; nil means no limit.
func totalOf(limit *rate.Limit) *rate.Total {
	if limit == nil {
		return nil
	}
	return limit.Total
}

// reserve takes up to n body bytes of a response with a limit out of the rates, and returns how many of them may be sent now.
// The bucket is not used where no rate of a connection holds. What is not sent after all is given back by refund: several connections may be in one batch, and none may count
// on what another one has been promised.
func (r *rates) reserve(b *rate.Bucket, limit *rate.Limit, n int64, now time.Duration) int64 {
	own, total := r.ofConn(limit), totalOf(limit)
	if n == 0 {
		return 0
	}
	ofConn := n
	if own > 0 {
		ofConn = b.Take(own, n, now)
	}
	ofTotal := take(total, ofConn, now)
	granted := take(r.server.Total, ofTotal, now)
	if total != nil && granted < ofTotal {
		total.Put(ofTotal - granted)
	}
	if own > 0 && granted < ofConn {
		b.Put(own, ofConn-granted)
	}
	return granted
}

// bucketOf returns the bucket of a connection that sends a response with a limit, or nil where no rate of a connection holds.
func (l *Loop) bucketOf(c *conn, limit *rate.Limit) *rate.Bucket {
	if c.bucket == nil && l.rates.ofConn(limit) > 0 {
		if bucket, ok := l.buckets.Take(); ok {
			c.bucket = bucket
		} else {
			c.bucket = &rate.Bucket{}
		}
	}
	return c.bucket
}

// giveBucket gives the bucket of a connection back, if it has one.
func (l *Loop) giveBucket(c *conn) {
	if c.bucket != nil {
		*c.bucket = rate.Bucket{}
		l.buckets.Give(c.bucket)
		c.bucket = nil
	}
}

// take takes up to n bytes out of a total, which may be nil.
func take(t *rate.Total, n int64, now time.Duration) int64 {
	if t == nil || n == 0 {
		return n
	}
	return t.Take(n, now)
}

// reserveAll takes n body bytes out of the rates, or nothing.
func (r *rates) reserveAll(b *rate.Bucket, limit *rate.Limit, n int64, now time.Duration) bool {
	granted := r.reserve(b, limit, n, now)
	if granted < n {
		r.refund(b, limit, granted)
		return false
	}
	return true
}

// refund gives back body bytes that were reserved and have not been sent.
func (r *rates) refund(b *rate.Bucket, limit *rate.Limit, n int64) {
	if n == 0 {
		return
	}
	if own := r.ofConn(limit); own > 0 {
		b.Put(own, n)
	}
	r.refundTotal(limit, n)
}

// refundTotal gives back body bytes of a connection that is closed, and has no bucket any more.
func (r *rates) refundTotal(limit *rate.Limit, n int64) {
	for _, t := range [...]*rate.Total{totalOf(limit), r.server.Total} {
		if t != nil {
			t.Put(n)
		}
	}
}
