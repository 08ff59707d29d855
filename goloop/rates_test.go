package goloop

import (
	"testing"
	"time"

	"aws/internal/kernel"
	"aws/internal/rate"
)

// left returns what a connection may still be sent of a response with a limit, and takes nothing.
func (r *rates) left(b *rate.Bucket, limit *rate.Limit, now time.Duration) int64 {
	for n := int64(1 << 20); n > 0; n-- { // the most that is worth a call
		if r.reserveAll(b, limit, n, now) {
			r.refund(b, limit, n)
			return n
		}
	}
	return 0
}

func wantLeft(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d bytes are left, want %d", what, got, want)
	}
}

// TestRates reserves bytes of connections that share a total rate, and gives some of them back.
func TestRates(t *testing.T) {
	const now = time.Second
	first := newRates(&Config{RateMax: 100_000, TotalRateMax: 120_000})
	second := rates{rate.Limit{OfConn: 100_000, Total: first.server.Total}} // of another loop
	var a, b rate.Bucket
	if n := first.reserve(&a, nil, 1_000_000, now); n != 25_000 {
		t.Errorf("%d bytes of a connection, want what its rate gives in a quarter of a second", n)
	}
	if first.reserveAll(&a, nil, 1, now) {
		t.Error("a byte of a connection that has had its bytes")
	}
	if n := second.reserve(&b, nil, 1_000_000, now); n != 5_000 {
		t.Errorf("%d bytes of the second connection, want what the total rate has left", n)
	}
	if second.reserveAll(&b, nil, 4_000, now) {
		t.Error("more than the total rate has left")
	}
	first.refund(&a, nil, 10_000)
	wantLeft(t, "the first connection", first.left(&a, nil, now), 10_000)
	wantLeft(t, "the second connection", second.left(&b, nil, now), 10_000)
	first.refundTotal(nil, 5_000) // the connection is closed
	if !second.reserveAll(&b, nil, 15_000, now) || second.left(&b, nil, now) != 0 {
		t.Error("what the first connection has given back is not there for the second")
	}
}

// TestRatesOfLimits reserves bytes of responses with limits of their own.
func TestRatesOfLimits(t *testing.T) {
	const now = time.Second
	r := newRates(&Config{RateMax: 100_000, TotalRateMax: 120_000})
	slow, fast := &rate.Limit{OfConn: 40_000}, &rate.Limit{OfConn: 400_000}
	shared := &rate.Limit{Total: rate.NewTotal(60_000)}
	for _, c := range []struct {
		what  string
		limit *rate.Limit
		want  int64
	}{
		{"the limit is below that of the server", slow, 10_000},
		{"the limit is above that of the server", fast, 25_000},
		{"a total below the rate of a connection", shared, 15_000},
		{"a limit without rates", &rate.Limit{}, 25_000},
	} {
		var b rate.Bucket
		wantLeft(t, c.what, r.left(&b, c.limit, now), c.want)
	}
	var a, b, c rate.Bucket
	if n := r.reserve(&a, slow, 1<<20, now); n != 10_000 {
		t.Errorf("%d bytes", n)
	}
	wantLeft(t, "the connection, whose time is used", r.left(&a, fast, now), 0)
	if !r.reserveAll(&b, shared, 15_000, now) {
		t.Error("the total of a limit gives less than a burst")
	}
	wantLeft(t, "another connection of the same total", r.left(&c, shared, now), 0)
	wantLeft(t, "a connection of no total but that of the server", r.left(&c, nil, now), 5_000)
	r.refundTotal(shared, 7_000)
	wantLeft(t, "another connection after a refund", r.left(&c, shared, now), 7_000)
	if !r.reserveAll(&c, nil, 12_000, now) {
		t.Error("the total of the server gives less than was given back")
	}
	wantLeft(t, "a total that the server's holds back", r.left(&b, shared, now), 0)
	r.refundTotal(nil, 7_000)
	wantLeft(t, "the total of a limit, of which nothing was lost", r.left(&b, shared, now), 7_000)
}

func TestRatesWithoutLimit(t *testing.T) {
	r := newRates(&Config{})
	var b rate.Bucket
	for _, limit := range []*rate.Limit{nil, {}} {
		if n := r.reserve(&b, limit, 1<<40, time.Second); n != 1<<40 || !r.reserveAll(&b, limit, 1<<40, time.Second) {
			t.Errorf("%d bytes, want all", n)
		}
		r.refund(&b, limit, 1<<40)
		r.refundTotal(limit, 1<<40)
	}
	if b != (rate.Bucket{}) {
		t.Errorf("%+v", b)
	}
}

// TestWhatIsNotSentIsRefunded counts what operations have sent: the rest goes back to the limit that it was reserved with.
func TestWhatIsNotSentIsRefunded(t *testing.T) {
	const now = time.Second
	l := &Loop{rates: newRates(&Config{})}
	limit := &rate.Limit{OfConn: 40_000, Total: rate.NewTotal(60_000)}
	var c conn
	if !l.rates.reserveAll(l.bucketOf(&c, limit), limit, 10_000, now) {
		t.Fatal("there is less than a burst")
	}
	o := owner{sends: true, content: 10_000, limit: limit}
	op := kernel.Op{Result: 4_000} // of a head of 200 bytes, and the content
	op.SetLen(10_200)
	l.countSent(&c, true, o, &op)
	wantLeft(t, "the connection", l.rates.left(l.bucketOf(&c, limit), limit, now), 6_200)
	others := &rate.Limit{Total: limit.Total}
	wantLeft(t, "the total", l.rates.left(l.bucketOf(&c, limit), others, now), 11_200)
	if !l.rates.reserveAll(l.bucketOf(&c, limit), limit, 6_200, now) {
		t.Fatal("what was given back is not there")
	}
	o.content, op.Result = 6_200, -1
	l.countSent(&c, false, o, &op) // the connection is over
	wantLeft(t, "a connection that is over", l.rates.left(l.bucketOf(&c, limit), limit, now), 0)
	wantLeft(t, "the total, without the connection", l.rates.left(l.bucketOf(&c, limit), others, now), 11_200)
}
