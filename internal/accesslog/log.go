package accesslog

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"aws/internal/stats"
)

// pendingMax bounds the number of bytes that wait for a target.
const pendingMax = 4 << 20

// batchBytes is the number of bytes that are passed to the writer at once.
const batchBytes = 64 << 10

// closeWait is how long Close waits for a target.
const closeWait = 2 * time.Second

// Options determine the target and the format of a log.
type Options struct {
	Target string // a file, - for Stdout, syslog or syslog:FACILITY
	Format Format
	Stdout io.Writer
	// Warn is called by a goroutine of the log: once when writing fails, and once when it works again after
	// SIGUSR1.
	Warn func(message string)
}

// Stats are the counters of a log.
type Stats struct {
	Lines   uint64 // written
	Bytes   uint64
	Dropped uint64 // lines for which there was no room, or that the target refused
	Errors  uint64 // writes that failed
	Reopens uint64
}

// Log is a Consumer that writes a line for each record.
type Log struct {
	o     Options
	lay   *Formatter // the queue's goroutine's, as batch
	batch []byte

	mu      sync.Mutex
	pending []byte
	taken   uint64 // lines that have been in pending
	again   bool   // a reopen is wanted
	closing bool
	signal  chan struct{} // something has changed; holds one
	ended   chan struct{}

	target   target // the writer's
	reported bool   // that writing fails; the writer's

	handled                                atomic.Uint64 // lines that were in pending, and were written or dropped
	lines, bytes, dropped, errors, reopens atomic.Uint64
}

// Open opens the target. An error names the target and the cause.
func Open(o Options) (*Log, error) {
	t, err := openTarget(o.Target, o.Stdout)
	if err != nil {
		return nil, err
	}
	return newLog(o, t), nil
}

func newLog(o Options, t target) *Log {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	l := &Log{o: o, lay: NewFormatter(o.Format), target: t, signal: make(chan struct{}, 1), ended: make(chan struct{})}
	go l.write()
	return l
}

// Stats returns the counters. It may be called from any goroutine.
func (l *Log) Stats() Stats {
	return Stats{
		Lines: l.lines.Load(), Bytes: l.bytes.Load(), Dropped: l.dropped.Load(),
		Errors: l.errors.Load(), Reopens: l.reopens.Load(),
	}
}

// Add implements Consumer.
func (l *Log) Add(r *stats.Record) {
	l.batch = l.lay.Append(l.batch, r)
	if len(l.batch) >= batchBytes {
		l.Flush()
	}
}

// Flush implements Consumer.
func (l *Log) Flush() {
	if len(l.batch) == 0 {
		return
	}
	l.mu.Lock()
	if len(l.pending)+len(l.batch) <= pendingMax && !l.closing {
		l.pending = append(l.pending, l.batch...)
		l.taken += countLines(l.batch)
	} else {
		l.dropped.Add(countLines(l.batch))
	}
	l.mu.Unlock()
	l.batch = l.batch[:0]
	l.wake()
}

// Path returns the absolute name of the file, or the empty string if the target is not a file that can be
// opened again.
func (l *Log) Path() string {
	if f, ok := l.target.(*fileTarget); ok {
		return f.path
	}
	return ""
}

// Reopen makes the log continue with a new file of the same name, after a rotation. Pending lines are still
// written to the old file. It may be called from any goroutine.
func (l *Log) Reopen() {
	l.mu.Lock()
	l.again = true
	l.mu.Unlock()
	l.wake()
}

// Close writes the pending lines, but waits only for a short time; a target that accepts nothing is
// abandoned. The queue must have been closed before.
func (l *Log) Close() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.wake()
	select {
	case <-l.ended:
	case <-time.After(closeWait):
		l.mu.Lock()
		l.dropped.Add(l.taken - l.handled.Load())
		l.mu.Unlock()
		l.o.Warn(fmt.Sprintf("access log %s: it takes nothing, and is given up", l.o.Target))
	}
	if n := l.dropped.Load(); n > 0 {
		l.o.Warn(fmt.Sprintf("access log %s: %d lines were dropped", l.o.Target, n))
	}
}

func (l *Log) wake() { wake(l.signal) }

// write is the goroutine that writes the lines.
func (l *Log) write() {
	defer close(l.ended)
	var lines []byte
	for {
		l.mu.Lock()
		lines, l.pending = l.pending, lines[:0]
		again, closing := l.again, l.closing
		l.again = false
		l.mu.Unlock()
		if len(lines) > 0 {
			l.put(lines)
		}
		if again {
			l.renew()
		}
		if len(lines) > 0 || again {
			continue
		}
		if closing {
			if err := l.target.close(); err != nil {
				l.fail(err)
			}
			return
		}
		<-l.signal
	}
}

func (l *Log) put(lines []byte) {
	n, err := l.target.write(lines)
	l.bytes.Add(uint64(n))
	all := countLines(lines)
	whole := all
	if n < len(lines) {
		whole = countLines(lines[:n])
	}
	l.lines.Add(whole)
	defer l.handled.Add(all)
	if err != nil {
		l.dropped.Add(all - whole)
		l.fail(err)
	}
}

// fail counts an error, and reports the first one since the target was opened.
func (l *Log) fail(err error) {
	l.errors.Add(1)
	if !l.reported {
		l.reported = true
		l.o.Warn(fmt.Sprintf("access log %s: %v (lines are dropped and counted; SIGUSR1 opens it again)", l.o.Target, err))
	}
}

func (l *Log) renew() {
	if err := l.target.reopen(); err != nil {
		l.errors.Add(1)
		l.o.Warn(fmt.Sprintf("access log %s: it can't be opened again, and goes on as it was: %v", l.o.Target, err))
		return
	}
	l.reopens.Add(1)
	l.reported = false
}

func countLines(b []byte) uint64 { return uint64(bytes.Count(b, []byte{'\n'})) }
