package accesslog

import (
	"sync"
	"time"

	"aws/internal/stats"
)

// Consumer receives the records. The queue's goroutine calls its methods, which must not block.
type Consumer interface {
	// Add handles a record. The record belongs to the queue again when Add returns.
	Add(r *stats.Record)
	// Flush is called when there are no more records for now.
	Flush()
}

// recordsMax is the total number of records, in the loops and waiting for the consumers.
const recordsMax = 8192

// batchFor is how long the queue collects records after the first one, unless batchMax records arrive
// earlier. It bounds how often the loops have to wake the queue's goroutine, which costs them more than
// passing a record.
const (
	batchFor = 10 * time.Millisecond
	batchMax = recordsMax / 4
)

// recordBytes is the initial space of a record for data that is copied from a request. Longer data is stored
// in separate memory, which the record keeps.
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

// NewQueue returns a queue that passes the records to the consumers until Close.
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

// newRecord returns a record whose parts are adjacent in memory.
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

// Put implements stats.Sink. It has room for all existing records.
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

// wake sends to a channel with a capacity of one, without blocking.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close passes the remaining records to the consumers. No loop may use the queue afterwards.
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
