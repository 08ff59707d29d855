package accesslog

import (
	"sync"
	"time"

	"aws/internal/stats"
)

// Consumer gets the records. Its methods are called by the queue's goroutine and must not wait.
type Consumer interface {
	// Add looks at a record, which is the queue's again when Add returns.
	Add(r *stats.Record)
	// Flush is called when there is no further record for now.
	Flush()
}

// recordsMax is how many records there are, with the loops or waiting for the consumers.
const recordsMax = 8192

// batchFor is how long the queue lets records gather, once the first has come, unless batchMax of them come
// before. It bounds how often the loops have to wake the queue's goroutine, which costs them more than
// handing over a record.
const (
	batchFor = 10 * time.Millisecond
	batchMax = recordsMax / 4
)

// recordBytes is the room that a record has from the beginning for what is copied from a request;
// what is longer gets memory of its own, which the record keeps.
const recordBytes = 384

// Queue is the stats.Sink of all loops.
type Queue struct {
	consumers []Consumer
	signal    chan struct{} // there are records, or the end; holds one
	hurry     chan struct{} // there are many; holds one
	ended     chan struct{}

	mu     sync.Mutex
	free   []*stats.Record // the one used last is the first to be used again: it may be in the cache
	full   []*stats.Record
	closed bool
}

// NewQueue returns a queue that hands the records on to the consumers until Close.
func NewQueue(consumers ...Consumer) *Queue {
	q := &Queue{
		consumers: consumers, ended: make(chan struct{}),
		signal: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		free: make([]*stats.Record, recordsMax), full: make([]*stats.Record, 0, recordsMax),
	}
	for i := range q.free {
		q.free[i] = newRecord()
	}
	go q.run()
	return q
}

// newRecord returns a record whose parts lie together.
func newRecord() *stats.Record {
	r := &stats.Record{}
	room := make([]byte, recordBytes)
	for _, part := range []struct {
		of    *[]byte
		bytes int
	}{
		{&r.Method, 8}, {&r.Target, 96}, {&r.Agent, 128}, {&r.Referer, 64}, {&r.User, 16}, {&r.Range, 24}, {&r.IfModifiedSince, 32},
	} {
		*part.of = room[:0:part.bytes]
		room = room[part.bytes:]
	}
	return r
}

// Take implements stats.Sink.
func (q *Queue) Take(list []*stats.Record) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := max(len(q.free)-len(list), 0)
	n := copy(list, q.free[rest:])
	q.free = q.free[:rest]
	return n
}

// Put implements stats.Sink. There is room for all records that there are.
func (q *Queue) Put(list []*stats.Record) {
	q.mu.Lock()
	before := len(q.full)
	q.full = append(q.full, list...)
	after := len(q.full)
	q.mu.Unlock()
	if before == 0 {
		wake(q.signal)
	}
	if before < batchMax && after >= batchMax {
		wake(q.hurry)
	}
}

// wake notifies a channel that holds one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close hands on what is left. No loop may use the queue any more.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	wake(q.signal)
	wake(q.hurry)
	<-q.ended
}

func (q *Queue) run() {
	defer close(q.ended)
	records := make([]*stats.Record, 0, recordsMax)
	enough := time.NewTimer(batchFor)
	for closed := false; !closed; {
		<-q.signal
		enough.Reset(batchFor)
		select {
		case <-enough.C:
		case <-q.hurry:
		}
		q.mu.Lock()
		closed = q.closed
		records, q.full = q.full, records
		q.mu.Unlock()
		for _, r := range records {
			for _, c := range q.consumers {
				c.Add(r)
			}
		}
		for _, c := range q.consumers {
			c.Flush()
		}
		q.mu.Lock()
		q.free = append(q.free, records...)
		q.mu.Unlock()
		records = records[:0]
	}
}
