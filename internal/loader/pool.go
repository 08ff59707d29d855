package loader

import (
	"time"

	"aws/internal/kernel"
	"aws/internal/stats"
)

// bufferState says who has a buffer.
type bufferState uint8

const (
	bufferFree     bufferState = iota
	bufferQueued               // its read waits to be submitted
	bufferInFlight             // the kernel or a worker thread fills it
	bufferLoaded               // it holds its chunk
)

// buffer is one buffer of the pool, and what is read into it.
type buffer struct {
	mem         []byte
	transfer    *Transfer
	state       bufferState
	method      stats.ReadMethod // of the read that is queued or in flight
	share       share
	cost        int // of the read while it is in Loader.ready
	chunk       int64
	bytes       int           // of the file, that belong into it
	filled      int           // of those, at its front, that are in it
	readFrom    int           // offset within the buffer at which the read in flight begins
	submittedAt time.Duration // of that read
}

// pool is a loader's buffers. It begins without memory, and grows by a part at a time, when a transfer waits. A
// worker thread has the kernel allocate the memory of a part, because that takes time: a part is a huge page where
// there are some, which the kernel clears, and may have to make by compaction.
type pool struct {
	mem       []byte
	buffers   []buffer
	part      int           // buffers by which it grows
	grown     int           // buffers at the front that have memory
	growth    *job          // the job that brings memory for the next part; nil: none
	growthAt  time.Duration // when the worker threads were given that job
	growAfter time.Duration // time before which the pool does not grow; 0 unless the machine had no memory for more

	free         []int32                      // buffers that have memory and no chunk; some may be allocated to transfers
	available    int                          // buffers of free that are allocated to nobody
	held         [shareCount]int              // buffers that are allocated or have a chunk, by share
	waiters      [shareCount]queue[*Transfer] // transfers that wait for buffers
	left         int                          // of them, those that have been released
	windowChunks int64                        // chunks that a window has at the most
}

// A pool grows by the size of a huge page of most processors, and in so many parts at least.
const (
	growthBytes    = 2 << 20
	growthPartsMin = 4
	growthRetry    = time.Second            // after the machine had no memory
	growthPatience = 100 * time.Millisecond // with worker threads that may all be waiting for disks
)

func (p *pool) init(k kernel.Kernel, cfg *Config) error {
	n := int(cfg.PoolBytes / int64(cfg.BufferBytes))
	mem, err := k.Map(n * cfg.BufferBytes)
	if err != nil {
		return err
	}
	p.mem = mem
	p.buffers = make([]buffer, n)
	for i := range p.buffers {
		p.buffers[i].mem = mem[i*cfg.BufferBytes : (i+1)*cfg.BufferBytes : (i+1)*cfg.BufferBytes]
	}
	p.free = make([]int32, 0, n)
	p.part = max(min(growthBytes/cfg.BufferBytes, n/growthPartsMin), 1)
	p.windowChunks = cfg.WindowBytes / int64(cfg.BufferBytes)
	return nil
}

// size returns how many buffers the pool can be expected to have: as many as it has while the machine has
// no memory for more.
func (p *pool) size() int {
	if p.growAfter > 0 && p.grown > 0 {
		return p.grown
	}
	return len(p.buffers)
}

// heldByAll returns how many buffers are allocated or have a chunk.
func (p *pool) heldByAll() (n int) {
	for _, held := range p.held {
		n += held
	}
	return n
}

// unused returns how many buffers are allocated to nobody, including those that have no memory yet.
func (p *pool) unused() int { return p.available + len(p.buffers) - p.grown }

// waiting returns the number of transfers that wait for buffers.
func (p *pool) waiting() int {
	n := -p.left
	for s := range p.waiters {
		n += p.waiters[s].len()
	}
	return n
}

// addGrowth makes buffers of the part that was asked for.
func (p *pool) addGrowth() {
	n := len(p.growth.Buf) / len(p.buffers[0].mem)
	for i := n - 1; i >= 0; i-- {
		p.free = append(p.free, int32(p.grown+i))
	}
	p.grown += n
	p.available += n
	p.growth, p.growAfter = nil, 0
}

// takeFree takes a buffer that has been allocated to a transfer before.
func (p *pool) takeFree() int32 {
	last := len(p.free) - 1
	i := p.free[last]
	p.free = p.free[:last]
	return i
}

// putFree makes a buffer free that nobody fills.
func (p *pool) putFree(i int32) {
	b := &p.buffers[i]
	assert(b.state != bufferInFlight && b.state != bufferFree, "a buffer is freed that is not the loader's")
	b.state, b.transfer = bufferFree, nil
	p.free = append(p.free, i)
	p.release(b.share, 1)
}

// grow has a worker thread bring memory for the pool's next part, if there is one. It returns true when there
// are more buffers at once: a part whose memory takes long is used without it, and touching it brings it.
func (l *Loader) grow() bool {
	p := &l.pool
	now := l.k.Now()
	if p.growth != nil {
		if now-p.growthAt < growthPatience {
			return false
		}
		p.addGrowth()
		return true
	}
	if p.grown == len(p.buffers) || now < p.growAfter {
		return false
	}
	j := l.jobs.take(kernel.JobPopulate)
	j.Buf = p.mem[p.grown*l.cfg.BufferBytes : min(p.grown+p.part, len(p.buffers))*l.cfg.BufferBytes]
	if !l.k.Ask(&j.Job) {
		l.jobs.give(j)
		return false // Reclaim looks again
	}
	p.growth, p.growthAt = j, now
	return false
}

// onGrowth allocates the buffers that have memory now to those that wait.
func (l *Loader) onGrowth(j *job) {
	p := &l.pool
	switch {
	case p.growth != j: // its part has been used without it
		return
	case j.Class == kernel.Done:
		p.addGrowth()
	default:
		l.counts.PoolOutOfMemory++
		p.growth, p.growAfter = nil, l.k.Now()+growthRetry
	}
	l.allocate()
}
