package goloop

import (
	"aws/internal/compression"
	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/stats"
)

// Tracer is called with what a loop does, as it happens. Its methods are called by loops and must not
// wait. Loops are numbered from 0, connections from 1 and the streams of HTTP/2 from connstate.FirstStream.
type Tracer interface {
	State(loop int, conn uint64, from, to connstate.State)
	ReadBegin(loop int, conn uint64, read int, offset int64, bytes int)
	ReadEnd(loop int, conn uint64, read int, result int64)
	IterationBegin(loop int)
	IterationEnd(loop int, events int)
}

// record counts a response of a connection that is decided, and returns a record of what is known of it, or nil if nobody wants one. head holds
// as much of the request as has been read, and is nil where that is nothing.
func (l *Loop) record(c *conn, a *handler.Response, req *request.Request, head []byte) *stats.Record {
	countResponse(&l.counts, a)
	if !l.recorder.wanted() {
		return nil
	}
	r := l.recorder.take()
	if r == nil {
		l.counts.RecordsDropped++
		return nil
	}
	describe(r, a, req, head, c.root().tls.facts())
	if c.isStream() {
		r.Major, r.Minor = 2, 0
	}
	return r
}

// countResponse counts a response by its status and its mount.
func countResponse(n *stats.Counters, a *handler.Response) {
	n.ByStatus[a.Status%response.StatusCount]++
	mount := 0
	if a.Mount != nil {
		mount = a.Mount.Number
	}
	for len(n.ByMount) <= mount {
		n.ByMount = append(n.ByMount, [stats.StatusSlots]uint64{})
	}
	n.ByMount[mount][stats.SlotOf(a.Status)]++
}

// account counts the response of the current exchange, which is over, and completes its record.
func (l *Loop) account(x *exchange, complete bool) {
	c, now := x.conn, l.clock.now
	x.clock.leave(x.state, now)
	total := now - x.clock.began
	if complete {
		l.counts.Completed++
		for p := connstate.PhaseHead; p < connstate.PhaseTotal; p++ {
			l.counts.Latency[p].Add(x.clock.spent[p])
		}
		l.counts.Latency[connstate.PhaseTotal].Add(total)
	} else {
		l.counts.Unfinished++
	}
	if r := x.record; r != nil {
		x.record = nil
		r.Conn, r.Peer, r.Complete, r.Cold, r.Sent = c.root().serial, c.peer, complete, x.clock.cold, x.sent
		r.Head, r.Disk, r.Send = x.clock.spent[connstate.PhaseHead], x.clock.spent[connstate.PhaseDisk], x.clock.spent[connstate.PhaseSend]
		r.Total = total
		r.Began = l.clock.wall(l.k).Add(-total)
		l.recorder.put(r)
	}
	x.responding = false
	x.sent = 0
	x.clock = clock{began: now, since: now}
}

// publish copies the counters for other goroutines if that is due.
func (l *Loop) publish() {
	if !l.publisher.enabled {
		return
	}
	now := l.k.Clock()
	n := &l.counts
	n.IterationTime.Add(now - l.k.Now())
	if l.publisher.noteIteration(now) {
		n.Buffers, n.BuffersFree = l.loader.Buffers()
		n.BufferWaiters = l.loader.Waiting()
		l.publisher.publish(now, n)
	}
}

// Mounts returns what the server serves.
func (s *Server) Mounts() []*docroot.Mount {
	if d, ok := s.loops[0].handler.(interface{ Mounts() []*docroot.Mount }); ok {
		return d.Mounts()
	}
	return nil
}

// Forget takes all that was found beneath a root out of the file cache: the root stands for another directory now. It
// may be called from any goroutine, and waits for the files to be closed.
func (s *Server) Forget(root kernel.Root) error {
	var fds []int32
	for _, d := range s.loops[0].cache.Forget(root, nil) {
		fds = append(fds, d.FD)
	}
	return kernel.CloseAll(fds)
}

// CachedFiles returns the number of names in the file cache, absences included.
func (s *Server) CachedFiles() int { return s.loops[0].cache.Len() }

// Compression returns the statistics of compressed forms. It may be called from any goroutine.
func (s *Server) Compression() compression.Stats {
	if forms := s.loops[0].cfg.Forms; forms != nil {
		return forms.Stats()
	}
	return compression.Stats{}
}

// Published returns the counters as they were a moment ago, if Config.Publish is on. It may be
// called from any goroutine.
func (s *Server) Published() []stats.Counters {
	list := make([]stats.Counters, len(s.loops))
	for i, l := range s.loops {
		list[i] = l.publisher.latest()
	}
	return list
}

// Counts returns a copy of the counters. It is meant for after Run, or for the loop's goroutine.
func (l *Loop) Counts() stats.Counters { return l.counts.Clone() }
