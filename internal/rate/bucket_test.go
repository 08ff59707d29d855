package rate

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func TestBucketGivesItsRate(t *testing.T) {
	const rate = 100_000
	var b Bucket
	var sum int64
	now := time.Second
	for range 10_000 { // ten seconds in steps of a millisecond
		sum += b.Take(rate, 1, now)
		sum += b.Take(rate, b.fill(rate, now), now)
		now += time.Millisecond
	}
	if sum < 10*rate || sum > 10*rate+rate/4 {
		t.Errorf("%d bytes in ten seconds at %d a second", sum, rate)
	}
}

func TestBucketHoldsABurst(t *testing.T) {
	var b Bucket
	b.fill(1000, time.Second)
	if n := b.fill(1000, time.Hour); n != 250 {
		t.Errorf("%d bytes after an hour at 1000 a second", n)
	}
}

func TestNoRateIsTooHighForItsBucket(t *testing.T) {
	for _, rate := range []int64{Floor, 1 << 20, 40 << 30, 1 << 62} {
		var b Bucket
		now := time.Second
		if n := b.fill(rate, now); n != rate/4 {
			t.Errorf("at %d a second, a full bucket holds %d", rate, n)
		}
		b.tokens = 0
		if n := b.fill(rate, now+100*time.Millisecond); n < rate/10-1 || n > rate/10 {
			t.Errorf("at %d a second, 100 ms bring %d", rate, n)
		}
		b.Put(Floor, Floor/8)
		if n := b.fill(rate, now+100*time.Millisecond); n < rate/10+rate/8-1 || n > rate/10+rate/8 {
			t.Errorf("at %d a second, 100 ms and an eighth of a second bring %d", rate, n)
		}
	}
}

// TestBucketHoldsATime changes the rate of a bucket: what it holds is worth the same time.
func TestBucketHoldsATime(t *testing.T) {
	var b Bucket
	now := time.Second
	if n := b.Take(1_000_000, 150_000, now); n != 150_000 { // 150 of its 250 ms
		t.Fatalf("%d bytes", n)
	}
	if n := b.Take(10_000, 1<<20, now); n != 0 {
		t.Errorf("%d bytes, which are not worth a call", n)
	}
	if n := b.Take(10_000, 900, now); n != 900 { // 90 ms
		t.Errorf("%d bytes, want 900", n)
	}
	b.Put(10_000, 400)
	if n := b.Take(1_000_000, 1<<20, now); n != 50_000 {
		t.Errorf("%d bytes, want what the rate gives in 50 ms", n)
	}
	b.Put(10_000, 100) // at another rate than the bucket counts at
	if n := b.Take(1_000_000, 10_000, now); n != 10_000 {
		t.Errorf("%d bytes, want what the rate gives in 10 ms", n)
	}
}

// FuzzBucket takes bytes at changing rates and gives some back: the time that all bytes are worth is at most what has passed
// and a burst. No byte may be lost either, apart from rounding.
func FuzzBucket(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		rates := make([]int64, 1+r.IntN(3))
		for i := range rates {
			rates[i] = Floor + r.Int64N(1<<(11+r.IntN(30)))
		}
		var b Bucket
		var spent float64 // seconds
		began, now := time.Second, time.Second
		for range 300 {
			rate := rates[r.IntN(len(rates))]
			n := b.Take(rate, 1+r.Int64N(Burst(rate)), now)
			back := int64(0)
			if n > 0 && r.IntN(3) == 0 {
				back = r.Int64N(n + 1)
				if r.IntN(2) == 0 {
					b.fill(rates[r.IntN(len(rates))], now)
				}
				b.Put(rate, back)
			}
			spent += float64(n-back) / float64(rate)
			if most := (now - began + burstTime).Seconds(); spent > most+1e-6 {
				t.Fatalf("rates %v: bytes worth %v s in %v s", rates, spent, most)
			}
			now += time.Duration(r.Int64N(int64(100 * time.Millisecond)))
		}
		if rate := rates[0]; b.fill(rate, now+time.Second) != Burst(rate) {
			t.Errorf("rate %d: after a second, the bucket holds %d bytes, want %d", rate, b.tokens, Burst(rate))
		}
	})
}

func TestTotalIsSharedExactly(t *testing.T) {
	const rate = 1 << 20
	total := NewTotal(rate)
	var group sync.WaitGroup
	var mu sync.Mutex
	var sum int64
	for range 8 {
		group.Go(func() {
			for range 1000 {
				n := total.Take(3000, time.Second)
				if n > 1000 {
					total.Put(n - 1000)
					n = 1000
				}
				mu.Lock()
				sum += n
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if sum > Burst(rate) {
		t.Errorf("%d bytes at one moment, where %d are allowed", sum, Burst(rate))
	}
}

// TestWorth: a few bytes are not worth a call, unless no more are asked for.
func TestWorth(t *testing.T) {
	const rate = 100_000
	var b Bucket
	now := time.Second
	_ = b.Take(rate, 25_000, now)
	now += 10 * time.Millisecond // 1000 bytes
	if n := b.Take(rate, 10_000, now); n != 0 {
		t.Errorf("%d bytes", n)
	}
	if n := b.Take(rate, 1000, now); n != 1000 {
		t.Errorf("%d bytes, want 1000", n)
	}
}
