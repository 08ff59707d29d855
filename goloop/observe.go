package goloop

import (
	"sync"
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/stats"
)

// recordsMax is how many records a loop takes at once, and how many it gives back within a turn at the latest.
// One by one they would cost as much as the request's own bookkeeping.
const recordsMax = 64

// takeRecord returns a record to be filled, or nil when the sink has none.
func (l *Loop) takeRecord() *stats.Record {
	if len(l.records) == 0 {
		l.records = l.records[:recordsMax]
		l.records = l.records[:l.cfg.Sink.Take(l.records)]
	}
	n := len(l.records) - 1
	if n < 0 {
		l.counts.RecordsDropped++
		return nil
	}
	r := l.records[n]
	l.records = l.records[:n]
	return r
}

// putRecord gives a filled record to the sink, by the end of the turn.
func (l *Loop) putRecord(r *stats.Record) {
	l.filled = append(l.filled, r)
	if len(l.filled) == recordsMax {
		l.putRecords()
	}
}

func (l *Loop) putRecords() {
	if len(l.filled) > 0 {
		l.cfg.Sink.Put(l.filled)
		l.filled = l.filled[:0]
	}
}

// Tracer is called with what a loop does, as it happens. Its methods are called by loops and must not
// wait. Loops are numbered from 0.
type Tracer interface {
	State(loop int, conn uint64, from, to connstate.State)
	ReadBegin(loop int, conn uint64, read int, offset int64, bytes int)
	ReadEnd(loop int, conn uint64, read int, result int64)
	IterationBegin(loop int)
	IterationEnd(loop int, events int)
}

// record notes what is known of a response when it is decided. head holds as much of the request as has been read, and is
// nil where that is nothing.
func (l *Loop) record(a *handler.Response, req *request.Request, head []byte) *stats.Record {
	l.counts.ByStatus[a.Status%response.StatusCount]++
	mount := 0
	if a.Mount != nil {
		mount = a.Mount.Number
	}
	for len(l.counts.ByMount) <= mount {
		l.counts.ByMount = append(l.counts.ByMount, [stats.StatusSlots]uint64{})
	}
	l.counts.ByMount[mount][stats.SlotOf(a.Status)]++
	if l.cfg.Sink == nil {
		return nil
	}
	r := l.takeRecord()
	if r == nil {
		return nil
	}
	r.Status, r.Mount = a.Status, a.Mount
	r.Cold, r.Complete, r.Sent = false, false, 0
	r.Head, r.Disk, r.Send, r.Total = 0, 0, 0, 0
	r.HeadBytes = int64(a.HeadLen())
	if r.File = a.File != nil; r.File {
		r.Kind = a.File.Mount.Kind
	}
	r.Method, r.Target = r.Method[:0], r.Target[:0]
	r.User = append(r.User[:0], a.User...)
	r.Minor = 0
	for _, f := range recordFields {
		to := f.to(r)
		*to = (*to)[:0]
		if head == nil {
			continue
		}
		if span, ok := req.Field(f.id); ok {
			*to = append(*to, span.Of(head)...)
		}
	}
	if head != nil {
		r.Method = append(r.Method, req.MethodSpan.Of(head)...)
		r.Target = append(r.Target, req.Target.Of(head)...)
		r.Minor = req.Minor
	}
	return r
}

var recordFields = []struct {
	id request.FieldID
	to func(r *stats.Record) *[]byte
}{
	{request.Range, func(r *stats.Record) *[]byte { return &r.Range }},
	{request.IfRange, func(r *stats.Record) *[]byte { return &r.IfRange }},
	{request.IfNoneMatch, func(r *stats.Record) *[]byte { return &r.IfNoneMatch }},
	{request.IfModifiedSince, func(r *stats.Record) *[]byte { return &r.IfModifiedSince }},
	{request.Referer, func(r *stats.Record) *[]byte { return &r.Referer }},
	{request.UserAgent, func(r *stats.Record) *[]byte { return &r.Agent }},
}

// account counts the response of the current exchange, which is over, and completes its record.
func (l *Loop) account(x *exchange, complete bool) {
	c, now := x.conn, l.moment
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
		r.Conn, r.Peer, r.Complete, r.Cold, r.Sent = c.serial, c.peer, complete, x.clock.cold, x.sent
		r.Head, r.Disk, r.Send = x.clock.spent[connstate.PhaseHead], x.clock.spent[connstate.PhaseDisk], x.clock.spent[connstate.PhaseSend]
		r.Total = total
		r.Began = l.wall().Add(-total)
		l.putRecord(r)
	}
	x.responding = false
	x.sent = 0
	x.clock = clock{began: now, since: now}
	c.sendMark = 0
}

// published is a copy of the counters for other goroutines.
type published struct {
	mu     sync.Mutex
	counts stats.Counters
}

// publishEvery is how old the copy gets.
const publishEvery = 100 * time.Millisecond

// publish copies the counters if that is due, and else sees to it that it is done when it is due,
// even if nothing else happens until then.
func (l *Loop) publish() {
	if !l.cfg.Publish {
		return
	}
	now := l.k.Clock()
	l.counts.IterationTime.Add(now - l.k.Now())
	if l.unsaid = now < l.publishAt; l.unsaid {
		return
	}
	l.publishAt = now + publishEvery
	n := &l.counts
	n.Buffers, n.BuffersFree = l.loader.Buffers()
	n.BufferWaiters = l.loader.Waiting()
	l.published.mu.Lock()
	byMount := append(l.published.counts.ByMount[:0], n.ByMount...)
	l.published.counts = *n
	l.published.counts.ByMount = byMount
	l.published.mu.Unlock()
}

// wall returns the wall-clock time for counters and records.
func (l *Loop) wall() time.Time { return time.Unix(0, l.k.WallNs()+int64(l.moment-l.k.Now())) }

// look brings the time for counters and records up to date, if anybody reads them.
func (l *Loop) look() {
	if l.timed {
		l.moment = l.k.Clock()
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

// Published returns the counters as they were a moment ago, if Config.Publish is on. It may be
// called from any goroutine.
func (s *Server) Published() []stats.Counters {
	list := make([]stats.Counters, len(s.loops))
	for i, l := range s.loops {
		l.published.mu.Lock()
		list[i] = l.published.counts.Clone()
		l.published.mu.Unlock()
	}
	return list
}

// Counts returns a copy of the counters. It is meant for after Run, or for the loop's goroutine.
func (l *Loop) Counts() stats.Counters { return l.counts.Clone() }
