package goloop

import (
	"math/bits"
	"net/netip"
	"sync"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// Record is what there is to say about one response, once it is over. The slices belong to the record
// and are used again with it.
type Record struct {
	Conn      uint64
	Peer      netip.AddrPort // the zero value for a Unix socket
	Began     time.Time      // when the request's first byte was seen
	Status    response.Status
	Minor     uint8 // of the request's HTTP version
	Kind      docroot.Kind
	File      bool           // the response was about a file
	Cold      bool           // a disk was waited for: the name's, or the file's
	Complete  bool           // the client took all of it
	Sent      int64          // bytes of it that the client took
	HeadBytes int64          // of the response; what was sent beyond them is its body
	Mount     *docroot.Mount // that the path belongs to, or nil

	Method, Target               []byte
	User                         []byte // who has shown the password that the mount asks for, or empty
	Range, IfRange               []byte
	IfNoneMatch, IfModifiedSince []byte
	Referer, Agent               []byte

	// How long it took: the head to arrive, the disk to deliver, the client to take it, and all in
	// all.
	Head, Disk, Send, Total time.Duration
}

// Sink takes records. Its methods are called by loops and must not wait.
type Sink interface {
	// Take fills list with records to be filled, as far as there are any now, and returns their number.
	Take(list []*Record) int
	// Put takes filled records, in the order in which their responses were over. They are the sink's again.
	Put(list []*Record)
}

// recordsMax is how many records a loop takes at once, and how many it gives back within a turn at the latest.
// One by one they would cost as much as the request's own bookkeeping.
const recordsMax = 64

// takeRecord returns a record to be filled, or nil when the sink has none.
func (l *Loop) takeRecord() *Record {
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
func (l *Loop) putRecord(r *Record) {
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
	State(loop int, conn uint64, from, to State)
	ReadBegin(loop int, conn uint64, read int, offset int64, bytes int)
	ReadEnd(loop int, conn uint64, read int, result int64)
	TurnBegin(loop int)
	TurnEnd(loop int, events int)
}

// phase is what the time of a connection goes into.
type phase uint8

const (
	phaseNone phase = iota
	phaseHead
	phaseDisk
	phaseSend
	phaseTotal
	phaseCount
)

var phaseOf = [stateCount]phase{
	StateReading: phaseHead, StateOpening: phaseDisk, StateReadingAsync: phaseDisk, StatePrefetching: phaseDisk,
	StateWReady: phaseSend, StateSending: phaseSend,
}

// HistogramBuckets is the number of buckets of a Histogram.
const HistogramBuckets = 26

// Histogram counts durations: bucket i those below 2^i microseconds that no smaller one counts, the
// last one the rest.
type Histogram struct {
	Buckets [HistogramBuckets]uint64
	SumNs   uint64
}

func (h *Histogram) add(d time.Duration) {
	us := uint64(max(d, 0) / time.Microsecond)
	h.Buckets[min(bits.Len64(us), HistogramBuckets-1)]++
	h.SumNs += uint64(max(d, 0))
}

// SizeBuckets is the number of buckets of Sizes.
const SizeBuckets = 12

// Sizes counts sizes: bucket i those below 2^i that no smaller one counts, the last one the rest.
type Sizes struct {
	Buckets [SizeBuckets]uint64
	Sum     uint64
}

func (s *Sizes) add(n int) {
	s.Buckets[min(bits.Len(uint(n)), SizeBuckets-1)]++
	s.Sum += uint64(n)
}

// StatusSlots is more than there are statuses that are sent.
const StatusSlots = 32

// SlotOf returns a small number that stands for a status, from 1 on; 0 is for all unknown ones.
func SlotOf(s response.Status) int { return int(statusSlots[s%response.StatusCount]) }

// StatusOf returns the status that a slot stands for, or 0.
func StatusOf(slot int) response.Status { return slotStatuses[slot] }

var statusSlots, slotStatuses = func() (slots [response.StatusCount]uint8, statuses [StatusSlots]response.Status) {
	n := 0
	for s := range response.Status(response.StatusCount) {
		if s.Reason() != "" {
			n++
			slots[s], statuses[n] = uint8(n), s
		}
	}
	return slots, statuses
}()

// clock is how the time of a connection's request is kept.
type clock struct {
	began time.Duration // the request's first byte
	since time.Duration // the state's beginning
	spent [phaseCount]time.Duration
	cold  bool
}

// moved notes that the connection leaves a state.
func (k *clock) moved(from State, now time.Duration) {
	p := phaseOf[from]
	k.spent[p] += now - k.since
	k.since = now
	k.cold = k.cold || p == phaseDisk
}

// record notes what is known of a response when it is decided. head holds as much of the request as has been read, and is
// nil where that is nothing.
func (l *Loop) record(a *Response, req *request.Request, head []byte) *Record {
	l.counts.ByStatus[a.Status%response.StatusCount]++
	mount := 0
	if a.Mount != nil {
		mount = a.Mount.Number
	}
	for len(l.counts.ByMount) <= mount {
		l.counts.ByMount = append(l.counts.ByMount, [StatusSlots]uint64{})
	}
	l.counts.ByMount[mount][SlotOf(a.Status)]++
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
	r.HeadBytes = int64(a.headLen())
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
	to func(r *Record) *[]byte
}{
	{request.Range, func(r *Record) *[]byte { return &r.Range }},
	{request.IfRange, func(r *Record) *[]byte { return &r.IfRange }},
	{request.IfNoneMatch, func(r *Record) *[]byte { return &r.IfNoneMatch }},
	{request.IfModifiedSince, func(r *Record) *[]byte { return &r.IfModifiedSince }},
	{request.Referer, func(r *Record) *[]byte { return &r.Referer }},
	{request.UserAgent, func(r *Record) *[]byte { return &r.Agent }},
}

// account counts a response that is over, and completes its record.
func (l *Loop) account(c *conn, complete bool) {
	now := l.moment
	c.clock.moved(c.state, now)
	total := now - c.clock.began
	if complete {
		l.counts.Completed++
		for p := phaseHead; p < phaseTotal; p++ {
			l.counts.Latency[p].add(c.clock.spent[p])
		}
		l.counts.Latency[phaseTotal].add(total)
	} else {
		l.counts.Unfinished++
	}
	if r := c.rec; r != nil {
		c.rec = nil
		r.Conn, r.Peer, r.Complete, r.Cold, r.Sent = c.serial, c.peer, complete, c.clock.cold, c.sent
		r.Head, r.Disk, r.Send = c.clock.spent[phaseHead], c.clock.spent[phaseDisk], c.clock.spent[phaseSend]
		r.Total = total
		r.Began = l.wall().Add(-total)
		l.putRecord(r)
	}
	c.responding = false
	c.sent = 0
	c.clock = clock{began: now, since: now}
	c.sendMark = 0
}

// published is a copy of the counters for other goroutines.
type published struct {
	mu     sync.Mutex
	counts Counts
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
	l.counts.TurnTime.add(now - l.k.Now())
	if l.unsaid = now < l.publishAt; l.unsaid {
		return
	}
	l.publishAt = now + publishEvery
	n := &l.counts
	n.Buffers, n.BuffersFree, n.BufferWaiters = len(l.pool.bufs), l.pool.unused(), l.pool.waiting()
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
func (s *Server) Published() []Counts {
	list := make([]Counts, len(s.loops))
	for i, l := range s.loops {
		l.published.mu.Lock()
		list[i] = l.published.counts.clone()
		l.published.mu.Unlock()
	}
	return list
}
