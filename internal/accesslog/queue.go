package accesslog

import (
	"time"

	"aws/goloop"
)

// Consumer gets the records. Its methods are called by the queue's goroutine and must not wait.
type Consumer interface {
	// Add looks at a record, which is the queue's again when Add returns.
	Add(r *goloop.Record)
	// Flush is called when there is no further record for now.
	Flush()
}

// recordsMax is how many records may wait for the consumers.
const recordsMax = 8192

// gatherFor is how long the queue lets records gather, once the first has come. It bounds how often
// the loops have to wake the queue's goroutine, which costs them more than handing over a record.
const gatherFor = 5 * time.Millisecond

// Queue is the goloop.Sink of all loops.
type Queue struct {
	free      chan *goloop.Record
	full      chan *goloop.Record
	consumers []Consumer
	ended     chan struct{}
}

// NewQueue returns a queue that hands the records on to the consumers until Close.
func NewQueue(consumers ...Consumer) *Queue {
	q := &Queue{
		free: make(chan *goloop.Record, recordsMax), full: make(chan *goloop.Record, recordsMax),
		consumers: consumers, ended: make(chan struct{}),
	}
	for range recordsMax {
		q.free <- &goloop.Record{}
	}
	go q.run()
	return q
}

// Take implements goloop.Sink.
func (q *Queue) Take() *goloop.Record {
	select {
	case r := <-q.free:
		return r
	default:
		return nil
	}
}

// Put implements goloop.Sink. There is room for all records that there are.
func (q *Queue) Put(r *goloop.Record) { q.full <- r }

// Close hands on what is left. No loop may use the queue any more.
func (q *Queue) Close() {
	close(q.full)
	<-q.ended
}

func (q *Queue) run() {
	defer close(q.ended)
	for r := range q.full {
		q.consume(r)
		time.Sleep(gatherFor)
		for range len(q.full) {
			q.consume(<-q.full)
		}
		for _, c := range q.consumers {
			c.Flush()
		}
	}
}

func (q *Queue) consume(r *goloop.Record) {
	for _, c := range q.consumers {
		c.Add(r)
	}
	q.free <- r
}
