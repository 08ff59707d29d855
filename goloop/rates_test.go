package goloop

import (
	"testing"
	"time"
)

func TestBucketGivesItsRate(t *testing.T) {
	const rate = 100_000
	var b bucket
	var sum int64
	now := time.Second
	for range 10_000 { // ten seconds in steps of a millisecond
		n := b.fill(rate, now)
		b.tokens -= n
		sum += n
		now += time.Millisecond
	}
	if sum < 10*rate || sum > 10*rate+rate/4 {
		t.Errorf("%d bytes in ten seconds at %d a second", sum, rate)
	}
}

func TestBucketHoldsABurst(t *testing.T) {
	var b bucket
	b.fill(1000, time.Second)
	if n := b.fill(1000, time.Hour); n != 250 {
		t.Errorf("%d bytes after an hour at 1000 a second", n)
	}
}

// TestRates reserves bytes of connections that share a total rate, and gives some of them back.
func TestRates(t *testing.T) {
	const now = time.Second
	first := newRates(&Config{RateMax: 100_000, TotalRateMax: 120_000})
	second := rates{ofConn: 100_000, total: first.total} // of another loop
	var a, b bucket
	if n := first.reserve(&a, 1_000_000, now); n != 25_000 {
		t.Errorf("%d bytes of a connection, want what its rate gives in a quarter of a second", n)
	}
	if first.reserveAll(&a, 1, now) {
		t.Error("a byte of a connection that has had its bytes")
	}
	if n := second.reserve(&b, 1_000_000, now); n != 5_000 {
		t.Errorf("%d bytes of the second connection, want what the total rate has left", n)
	}
	if second.reserveAll(&b, 4_000, now) || b.tokens != 20_000 {
		t.Errorf("more than the total rate has left; %d bytes are left to the connection, want 20000", b.tokens)
	}
	first.refund(&a, 10_000)
	if a.tokens != 10_000 || first.total.bucket.tokens != 10_000 {
		t.Errorf("%d and %d bytes are given back, want 10000", a.tokens, first.total.bucket.tokens)
	}
	first.refundTotal(5_000) // the connection is closed
	if !second.reserveAll(&b, 15_000, now) || b.tokens != 5_000 {
		t.Errorf("what the first connection has given back is not there for the second, which has %d left", b.tokens)
	}
}

func TestRatesWithoutLimit(t *testing.T) {
	r := newRates(&Config{})
	var b bucket
	if n := r.reserve(&b, 1<<40, time.Second); n != 1<<40 || !r.reserveAll(&b, 1<<40, time.Second) {
		t.Errorf("%d bytes, want all", n)
	}
	r.refund(&b, 1<<40)
	r.refundTotal(1 << 40)
	if b != (bucket{}) {
		t.Errorf("%+v", b)
	}
}

// TestRatesWaitForWorth: a few bytes are not worth a call, unless no more are asked for.
func TestRatesWaitForWorth(t *testing.T) {
	r := newRates(&Config{RateMax: 100_000})
	var b bucket
	now := time.Second
	_ = r.reserve(&b, 25_000, now)
	now += 10 * time.Millisecond // 1000 bytes
	if n := r.reserve(&b, 10_000, now); n != 0 {
		t.Errorf("%d bytes", n)
	}
	if n := r.reserve(&b, 1000, now); n != 1000 {
		t.Errorf("%d bytes, want 1000", n)
	}
}
