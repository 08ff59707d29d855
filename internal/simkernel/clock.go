package simkernel

import "time"

// happening is an event outside of the loop at a given time.
type happening struct {
	at  time.Duration
	seq uint64 // ties are kept in the order in which they were scheduled
	run func()
}

func (h *happening) before(o *happening) bool {
	return h.at < o.at || h.at == o.at && h.seq < o.seq
}

// clock is virtual time and what is to happen in it, a binary heap.
type clock struct {
	now  time.Duration
	seq  uint64
	heap []happening
}

func (c *clock) push(at time.Duration, run func()) {
	c.seq++
	c.heap = append(c.heap, happening{max(at, c.now), c.seq, run})
	for i := len(c.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !c.heap[i].before(&c.heap[parent]) {
			break
		}
		c.heap[i], c.heap[parent] = c.heap[parent], c.heap[i]
		i = parent
	}
}

func (c *clock) pop() happening {
	top := c.heap[0]
	last := len(c.heap) - 1
	c.heap[0] = c.heap[last]
	c.heap[last] = happening{}
	c.heap = c.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if c.heap[child].before(&c.heap[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		c.heap[i], c.heap[least] = c.heap[least], c.heap[i]
		i = least
	}
}

// advance moves time forward and runs the happenings that are due.
func (k *Kernel) advance(d time.Duration) {
	k.advanceTo(k.clock.now + d)
}

func (k *Kernel) advanceTo(t time.Duration) {
	for len(k.clock.heap) > 0 && k.clock.heap[0].at <= t {
		h := k.clock.pop()
		k.clock.now = max(k.clock.now, h.at)
		h.run()
	}
	k.clock.now = max(k.clock.now, t)
}

// Settle runs all scheduled happenings. A test calls it when the loop has ended.
func (k *Kernel) Settle() {
	for len(k.clock.heap) > 0 {
		k.advanceTo(k.clock.heap[0].at)
	}
}

// Time returns the virtual time, which passes during a batch as well; Now is the time at which the
// latest Wait returned.
func (k *Kernel) Time() time.Duration { return k.clock.now }

// After has run called when d has passed. It is called in the middle of a batch or of a Wait, like
// any happening of the world outside, and must not call the kernel's methods that the loop calls.
func (k *Kernel) After(d time.Duration, run func()) { k.clock.push(k.clock.now+d, run) }

// Now implements kernel.Kernel.
func (k *Kernel) Now() time.Duration { return k.sampled }

// WallNs implements kernel.Kernel.
func (k *Kernel) WallNs() int64 { return wallStart*int64(time.Second) + int64(k.sampled) }

// Clock implements kernel.Kernel.
func (k *Kernel) Clock() time.Duration { return k.clock.now }

// wallStart is the wall-clock time at which every run begins.
const wallStart = 1_750_000_000

// Wall implements kernel.Kernel.
func (k *Kernel) Wall() int64 { return wallStart + int64(k.sampled/time.Second) }
