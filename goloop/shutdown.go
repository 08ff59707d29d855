package goloop

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	drainLook = 100 * time.Millisecond // between looks at what is left, while connections without a request may be closed

	// abandonAfter is how long the end waits for workers whose files are those of somebody who does not respond.
	abandonAfter = 5 * time.Second
)

// shutdown is the end of a loop. Once it is requested the loop drains: connections without a request are closed after a while,
// then, at the cut-off, all that are left. What is left after that is the disk's, and is abandoned in the end.
type shutdown struct {
	requested atomic.Bool // by any goroutine
	draining  bool
	idleEnd   time.Duration // when connections without a request are closed
	cutOffAt  time.Duration // when all are; never once they have been
	abandonAt time.Duration // after the cut-off, when what workers have not done is left to the end of the process
	cleared   bool          // the files are closed, as there is nobody left to send them to
	report    leftReport
}

// isDue reports whether the loop has to begin to drain.
func (s *shutdown) isDue() bool { return s.requested.Load() && !s.draining }

// begin begins to drain. idle is how long connections without a request are kept, timeout how long all are.
func (s *shutdown) begin(now, idle, timeout time.Duration) {
	s.draining = true
	s.idleEnd, s.cutOffAt = now+idle, now+timeout
}

// idleIsOver reports whether connections without a request are to be closed.
func (s *shutdown) idleIsOver(now time.Duration) bool { return s.draining && now >= s.idleEnd }

// cutOff returns true once, when all connections that are left are to be closed.
func (s *shutdown) cutOff(now time.Duration) bool {
	if !s.draining || now < s.cutOffAt {
		return false
	}
	s.cutOffAt, s.abandonAt = never, now+abandonAfter
	return true
}

// isCutOff reports whether all connections have been closed, but those that wait for the disk.
func (s *shutdown) isCutOff() bool { return s.draining && s.cutOffAt == never }

// abandons reports whether nothing is waited for any more that a worker may stop.
func (s *shutdown) abandons(now time.Duration) bool { return s.isCutOff() && now >= s.abandonAt }

// dueAt returns when there is something to do.
func (s *shutdown) dueAt(now time.Duration) time.Duration {
	switch {
	case !s.draining:
		return never
	case s.isCutOff():
		return s.abandonAt
	default:
		return max(s.idleEnd, min(s.cutOffAt, now+drainLook))
	}
}

// Left is what a server that drains still waits for.
type Left struct {
	Conns   int // connections, all in all
	Sending int // of them, those whose response is on its way to the client
	Disk    int // those that wait for a disk
	Heads   int // those of whose request a part has arrived
	Idle    int // those without a request
	Reads   int // reads that the kernel has, whose connections may be over
}

func (n *Left) add(o Left) {
	n.Conns += o.Conns
	n.Sending += o.Sending
	n.Disk += o.Disk
	n.Heads += o.Heads
	n.Idle += o.Idle
	n.Reads += o.Reads
}

// leftReport is a copy of what a loop that drains waits for, for other goroutines.
type leftReport struct {
	mu       sync.Mutex
	reported bool
	left     Left
}

func (r *leftReport) set(left Left) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported, r.left = true, left
}

// latest returns what was left when that was last reported, or false if the loop has not begun to drain.
func (r *leftReport) latest() (Left, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left, r.reported
}
