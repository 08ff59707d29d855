package tracefile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"aws/internal/connstate"
)

// Sizes and times.
const (
	ringSize   = 1 << 16 // events that a loop may be ahead of the writer
	drainEvery = 10 * time.Millisecond
	lanesMax   = 15 // tracks for reads beneath a connection's
)

// DefaultBytesMax is a size that the readers still open without trouble.
const DefaultBytesMax = 256 << 20

// The array's ends.
const (
	opening = "["
	closing = "\n]\n"
)

// what says what an event is about.
type what uint8

const (
	whatState what = iota
	whatReadBegin
	whatReadEnd
	whatTurnBegin
	whatTurnEnd
)

// event is something that a loop has reported.
type event struct {
	at       int64 // nanoseconds since the file was opened
	conn     uint64
	a, b     int64 // offset and bytes of a read, or its result, or the number of an iteration's events
	read     int32
	what     what
	from, to connstate.State
}

// ring is written by one loop and read by the writer. Neither waits for the other.
type ring struct {
	events  [ringSize]event
	head    atomic.Uint64 // the next event to be written; the loop's
	tail    atomic.Uint64 // the next event to be read; the writer's
	dropped atomic.Uint64
}

func (r *ring) put(e event) {
	head := r.head.Load()
	if head-r.tail.Load() == ringSize {
		r.dropped.Add(1)
		return
	}
	r.events[head%ringSize] = e
	r.head.Store(head + 1)
}

// File is a goloop.Tracer that writes a file.
type File struct {
	w      *bufio.Writer
	close  func() error
	warn   func(string)
	name   string
	begin  time.Time
	rings  []*ring
	loops  []loop
	line   []byte
	first  bool
	failed bool
	bytes  int64 // written, with the end that will be
	most   int64 // 0: no bound
	full   atomic.Bool
	stop   chan struct{}
	ended  chan struct{}
}

// loop is what the writer knows of a loop.
type loop struct {
	conns     map[uint64]*conn
	reads     map[int32]read
	iteration int64 // when it began; -1: between iterations
}

// conn is a connection whose track has been begun.
type conn struct {
	state connstate.State
	since int64
	lanes [lanesMax]bool // those that a read is on
}

type read struct {
	conn          uint64
	lane          int
	since         int64
	offset, bytes int64
}

// Open makes the file again, for the loops of a server. One of that name that somebody still writes to
// is left to them. When the next span would make it longer than bytesMax, it gets its end, warn is
// reported, and nothing more is written; 0 means no limit.
func Open(name string, loops int, bytesMax int64, warn func(string)) (*File, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	return newFile(f, f.Close, name, loops, bytesMax, warn), nil
}

func newFile(w io.Writer, end func() error, name string, loops int, bytesMax int64, warn func(string)) *File {
	f := &File{
		w: bufio.NewWriterSize(w, 256<<10), close: end, warn: warn, name: name, begin: time.Now(), first: true,
		bytes: int64(len(opening) + len(closing)), most: bytesMax,
		rings: make([]*ring, loops), loops: make([]loop, loops), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	for i := range loops {
		f.rings[i] = &ring{}
		f.loops[i] = loop{conns: map[uint64]*conn{}, reads: map[int32]read{}, iteration: -1}
	}
	go f.run()
	return f
}

func (f *File) put(loop int, e event) {
	if f.full.Load() {
		return
	}
	e.at = int64(time.Since(f.begin))
	f.rings[loop].put(e)
}

// State implements goloop.Tracer.
func (f *File) State(loop int, conn uint64, from, to connstate.State) {
	f.put(loop, event{what: whatState, conn: conn, from: from, to: to})
}

// ReadBegin implements goloop.Tracer.
func (f *File) ReadBegin(loop int, conn uint64, read int, offset int64, bytes int) {
	f.put(loop, event{what: whatReadBegin, conn: conn, read: int32(read), a: offset, b: int64(bytes)})
}

// ReadEnd implements goloop.Tracer.
func (f *File) ReadEnd(loop int, conn uint64, read int, result int64) {
	f.put(loop, event{what: whatReadEnd, conn: conn, read: int32(read), a: result})
}

// IterationBegin implements goloop.Tracer.
func (f *File) IterationBegin(loop int) { f.put(loop, event{what: whatTurnBegin}) }

// IterationEnd implements goloop.Tracer.
func (f *File) IterationEnd(loop, events int) {
	f.put(loop, event{what: whatTurnEnd, a: int64(events)})
}

// Close writes what is left, and the end. No loop may use the file any more.
func (f *File) Close() error {
	close(f.stop)
	<-f.ended
	var dropped uint64
	for _, r := range f.rings {
		dropped += r.dropped.Load()
	}
	if dropped > 0 {
		f.warn(fmt.Sprintf("trace file %s: %d events were dropped: the writer was too slow", f.name, dropped))
	}
	return f.close()
}

func (f *File) run() {
	defer close(f.ended)
	_, _ = f.w.WriteString(opening)
	for i := range f.loops {
		f.meta("process_name", i, 0, `"name":`+strconv.Quote(fmt.Sprintf("loop %d", i)))
		f.meta("thread_name", i, 0, `"name":"iterations"`)
		f.meta("thread_sort_index", i, 0, `"sort_index":0`)
	}
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for more := true; more && !f.full.Load(); {
		select {
		case <-ticker.C:
		case <-f.stop:
			more = false
		}
		for i := range f.rings {
			f.drain(i)
		}
		f.flush()
	}
	f.finish() // without effect if it is full
	_, _ = f.w.WriteString(closing)
	f.flush()
	if f.full.Load() {
		f.warn(fmt.Sprintf("trace file %s: it would become longer than %d bytes (--trace-file-bytes), and ends here", f.name, f.most))
		<-f.stop
	}
}

// write writes an element, unless there is no room left for it.
func (f *File) write(element []byte) {
	if f.full.Load() {
		return
	}
	if n := f.bytes + int64(len(element)); f.most == 0 || n <= f.most {
		f.bytes = n
		_, _ = f.w.Write(element)
		return
	}
	f.full.Store(true)
}

func (f *File) flush() {
	if err := f.w.Flush(); err != nil && !f.failed {
		f.failed = true
		f.warn(fmt.Sprintf("trace file %s: %v (it ends here)", f.name, err))
	}
}

func (f *File) drain(i int) {
	r := f.rings[i]
	for head, tail := r.head.Load(), r.tail.Load(); tail < head; {
		e := r.events[tail%ringSize]
		tail++
		r.tail.Store(tail)
		f.event(i, &e)
	}
}

// event makes a span of what has come to its end.
func (f *File) event(i int, e *event) {
	l := &f.loops[i]
	switch e.what {
	case whatState:
		c := l.conns[e.conn]
		if c == nil {
			c = &conn{state: e.from, since: e.at}
			l.conns[e.conn] = c
			f.track(i, e.conn, 0)
		}
		f.state(i, e.conn, c, e.at)
		c.state = e.to
		if e.to == connstate.StateFree {
			delete(l.conns, e.conn)
		}
	case whatReadBegin:
		lane := lanesMax - 1
		if c := l.conns[e.conn]; c != nil {
			for n := range c.lanes {
				if !c.lanes[n] {
					c.lanes[n], lane = true, n
					break
				}
			}
		}
		f.track(i, e.conn, lane+1)
		l.reads[e.read] = read{conn: e.conn, lane: lane, since: e.at, offset: e.a, bytes: e.b}
	case whatReadEnd:
		r, ok := l.reads[e.read]
		if !ok || r.conn != e.conn {
			return // its beginning was dropped
		}
		delete(l.reads, e.read)
		if c := l.conns[e.conn]; c != nil {
			c.lanes[r.lane] = false
		}
		f.span("read", i, trackOf(r.conn, r.lane+1), r.since, e.at,
			`"offset":`, r.offset, `,"bytes":`, r.bytes, `,"result":`, e.a)
	case whatTurnBegin:
		l.iteration = e.at
	case whatTurnEnd:
		if l.iteration >= 0 {
			f.span("iteration", i, 0, l.iteration, e.at, `"events":`, e.a)
		}
		l.iteration = -1
	}
}

// state writes the span of the state that a connection leaves.
func (f *File) state(i int, serial uint64, c *conn, now int64) {
	if c.state != connstate.StateFree {
		f.span(c.state.String(), i, trackOf(serial, 0), c.since, now, `"conn":`, int64(serial))
	}
	c.since = now
}

// finish ends the spans that are open.
func (f *File) finish() {
	now := int64(time.Since(f.begin))
	for i := range f.loops {
		for serial, c := range f.loops[i].conns {
			f.state(i, serial, c, now)
		}
	}
}

// trackOf returns the number of a connection's track, or of one of those for its reads.
func trackOf(serial uint64, lane int) uint64 { return serial*(lanesMax+1) + uint64(lane) }

// track names a track.
func (f *File) track(i int, serial uint64, lane int) {
	name := "conn " + strconv.FormatUint(serial, 10)
	if serial >= connstate.FirstStream {
		name = "stream " + strconv.FormatUint(serial-connstate.FirstStream+1, 10)
	}
	if lane > 0 {
		name += " read " + strconv.Itoa(lane)
	}
	track := trackOf(serial, lane)
	f.meta("thread_name", i, track, `"name":`+strconv.Quote(name))
	f.meta("thread_sort_index", i, track, `"sort_index":`+strconv.FormatUint(track, 10))
}

// separate begins an element of the array.
func (f *File) separate() {
	f.line = f.line[:0]
	if !f.first {
		f.line = append(f.line, ',')
	}
	f.first = false
	f.line = append(f.line, '\n')
}

// meta writes something about a track, or a loop.
func (f *File) meta(name string, i int, track uint64, args string) {
	f.separate()
	f.line = fmt.Appendf(f.line, `{"ph":"M","name":%q,"pid":%d,"tid":%d,"args":{%s}}`, name, i+1, track, args)
	f.write(f.line)
}

// span writes a span. args are names with their punctuation, and numbers, by turns.
func (f *File) span(name string, i int, track uint64, from, to int64, args ...any) {
	f.separate()
	b := append(f.line, `{"ph":"X","name":"`...)
	b = append(b, name...)
	b = append(b, `","pid":`...)
	b = strconv.AppendInt(b, int64(i)+1, 10)
	b = append(b, `,"tid":`...)
	b = strconv.AppendUint(b, track, 10)
	b = append(b, `,"ts":`...)
	b = appendMicros(b, from)
	b = append(b, `,"dur":`...)
	b = appendMicros(b, to-from)
	b = append(b, `,"args":{`...)
	for _, a := range args {
		switch a := a.(type) {
		case string:
			b = append(b, a...)
		case int64:
			b = strconv.AppendInt(b, a, 10)
		}
	}
	f.line = append(b, "}}"...)
	f.write(f.line)
}

// appendMicros appends nanoseconds as microseconds, which is what the format counts in.
func appendMicros(b []byte, ns int64) []byte {
	ns = max(ns, 0)
	b = strconv.AppendInt(b, ns/1000, 10)
	return append(b, '.', byte('0'+ns/100%10), byte('0'+ns/10%10), byte('0'+ns%10))
}
