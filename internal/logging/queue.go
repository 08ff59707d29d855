package logging

import (
	"io"
	"sync"
	"time"
)

// Limits of the queue.
const (
	queueBytesMax = 1 << 20
	flushWait     = time.Second // for anyone who reads, when the program ends
)

// queue writes to an output from a goroutine of its own. A reader that does not read, or a terminal that is stopped, holds
// up nobody who has something to say: what the queue has no room for is dropped, and the count of that is written when
// there is room again.
type queue struct {
	out  io.Writer
	note func(dropped int) []byte // the message about what was dropped

	mu      sync.Mutex
	changed *sync.Cond
	pending []byte
	dropped int
	writing bool
}

func newQueue(out io.Writer, note func(dropped int) []byte) *queue {
	q := &queue{out: out, note: note}
	q.changed = sync.NewCond(&q.mu)
	go q.run()
	return q
}

// Write implements io.Writer. It takes all of p or drops it, never waits, and never fails.
func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending)+len(p) > queueBytesMax {
		q.dropped++
		return len(p), nil
	}
	q.pending = append(q.pending, p...)
	q.changed.Broadcast()
	return len(p), nil
}

func (q *queue) run() {
	var text []byte
	q.mu.Lock()
	for {
		for len(q.pending) == 0 && q.dropped == 0 {
			q.changed.Wait()
		}
		text, q.pending = q.pending, text[:0]
		if n := q.dropped; n > 0 {
			q.dropped = 0
			text = append(text, q.note(n)...)
		}
		q.writing = true
		q.mu.Unlock()
		_, _ = q.out.Write(text) // there is nobody left to notify
		q.mu.Lock()
		q.writing = false
		q.changed.Broadcast()
	}
}

// flush waits until all is written, or for a while.
func (q *queue) flush() {
	late := false
	timer := time.AfterFunc(flushWait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		late = true
		q.changed.Broadcast()
	})
	defer timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for !late && (len(q.pending) > 0 || q.dropped > 0 || q.writing) {
		q.changed.Wait()
	}
}
