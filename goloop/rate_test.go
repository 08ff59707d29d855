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
