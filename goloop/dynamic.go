package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/stats"
)

// A dynamic file is loaded into a list of buffers, chunk by chunk, and sent from them. The chunks
// are the file's pieces of one buffer's size. A window of them is in memory at a time.
//
// Buffers are granted to a connection in a lot: as many as its window needs, or it waits in line
// for them, so that no two connections ever wait for buffers that the other holds. When a chunk
// has been sent its buffer takes the next one, unless somebody is waiting: then it goes back.

// fifo is a queue. It allocates only when it grows.
type fifo struct {
	items []int32
	head  int
}

func (q *fifo) empty() bool { return q.head == len(q.items) }

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(v int32) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, v)
}

func (q *fifo) peek() int32 { return q.items[q.head] }

func (q *fifo) pop() int32 {
	v := q.items[q.head]
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v
}

// unpop puts values back to the front, in order.
func (q *fifo) unpop(list []int32) {
	n := len(list)
	if n == 0 {
		return
	}
	for range list {
		q.push(0)
	}
	copy(q.items[q.head+n:], q.items[q.head:len(q.items)-n])
	copy(q.items[q.head:], list)
}

// bufferState says who has a buffer.
type bufferState uint8

const (
	bufferFree     bufferState = iota
	bufferQueued               // waits to be submitted
	bufferInFlight             // the kernel or a worker thread is filling it
	bufferLoaded               // holds its chunk
)

// buffer is one buffer of the pool.
type buffer struct {
	mem        []byte
	slot       int32 // the connection that has it
	gen        uint32
	state      bufferState
	readMethod stats.ReadMethod // of the read that is queued or in flight
	share      share
	cost       int // of the read that is queued, if its bytes are in memory
	chunk      int64
	want       int           // bytes of the file that belong into it
	got        int           // bytes that are in it
	asked      int           // offset within the buffer at which the read in flight begins
	since      time.Duration // when that read was handed over
}

// pool is a loop's memory for dynamic files. It begins without any, and grows by a part at a time, when
// somebody waits. Where memory comes in huge pages, so many that a read or a send meets few of them, the
// kernel has to clear and sometimes to compact some for a part: a worker thread waits for that.
type pool struct {
	mem       []byte
	bufs      []buffer
	part      int  // buffers by which it grows
	grown     int  // buffers at the front that have memory behind them
	asked     *job // to bring memory for the next part, if not nil
	askedAt   time.Duration
	growAt    time.Duration // not before; 0 unless the machine had no memory for more
	free      []int32
	available int              // buffers that are free and granted to nobody
	held      [shareCount]int  // the others: those of windows, and those granted to them
	waiters   [shareCount]fifo // connections in line for buffers
	queue     fifo             // buffers whose reads are to be submitted, or to be looked at: which may be of the next kind
	queued    int              // the cost of those
	disk      fifo             // buffers whose reads wait for a disk, to be submitted when there is a slot for one of their kind
	later     fifo             // connections that are to be fed when the queue is short, and their generations
	window    int64
}

func (p *pool) init(k kernel.Kernel, cfg *Config) error {
	n := int(cfg.PoolBytes / int64(cfg.BufferBytes))
	mem, err := k.Map(n * cfg.BufferBytes)
	if err != nil {
		return err
	}
	p.mem = mem
	p.bufs = make([]buffer, n)
	for i := range p.bufs {
		p.bufs[i].mem = mem[i*cfg.BufferBytes : (i+1)*cfg.BufferBytes : (i+1)*cfg.BufferBytes]
	}
	p.free = make([]int32, 0, n)
	p.part = max(min(growBytes/cfg.BufferBytes, n/growPartsMin), 1)
	p.window = cfg.WindowBytes / int64(cfg.BufferBytes)
	return nil
}

// A pool grows by the size of a huge page of most processors, and in so many parts at least.
const (
	growBytes    = 2 << 20
	growPartsMin = 4
	growAgain    = time.Second            // after the machine had no memory
	growPatience = 100 * time.Millisecond // with worker threads that may all be waiting for disks
)

// grow lets a worker thread bring memory for the pool's next part, if there is one. It returns true when there
// are more buffers at once: a part whose memory takes long is used without it, and touching it brings it.
func (l *Loop) grow(c *conn) bool {
	p := &l.pool
	now := l.k.Now()
	if p.asked != nil {
		if now-p.askedAt < growPatience {
			return false
		}
		l.addPart()
		return true
	}
	if p.grown == len(p.bufs) || now < p.growAt {
		return false
	}
	size := l.cfg.BufferBytes
	j := l.newJob(kernel.JobPopulate, c)
	j.Buf = p.mem[p.grown*size : min(p.grown+p.part, len(p.bufs))*size]
	if !l.k.Ask(&j.Job) {
		l.freeJob(j)
		return false // borrow looks again
	}
	p.asked, p.askedAt = j, now
	return false
}

// addPart makes buffers of the part that was asked for.
func (l *Loop) addPart() {
	p := &l.pool
	n := len(p.asked.Buf) / l.cfg.BufferBytes
	for i := n - 1; i >= 0; i-- {
		p.free = append(p.free, int32(p.grown+i))
	}
	p.grown += n
	p.available += n
	p.asked, p.growAt = nil, 0
}

// onGrown gives the buffers to those in line that have memory now.
func (l *Loop) onGrown(j *job) {
	p := &l.pool
	switch {
	case p.asked != j: // its part has been used without it
		return
	case j.Class == kernel.Done:
		l.addPart()
	default:
		l.counts.PoolOutOfMemory++
		p.asked, p.growAt = nil, l.k.Now()+growAgain
	}
	l.grant()
}

// size returns how many buffers the pool can be expected to have: as many as it has when the machine has
// no memory for more.
func (p *pool) size() int {
	if p.growAt > 0 && p.grown > 0 {
		return p.grown
	}
	return len(p.bufs)
}

// unused returns how many buffers are granted to nobody, those included that have no memory yet.
func (p *pool) unused() int { return p.available + len(p.bufs) - p.grown }

// window is the part of a dynamic file that is in memory, or on its way.
type window struct {
	bufs    []int32 // the buffer of chunk n stands at n modulo the length; -1: none
	head    int64   // the chunk that is being sent
	next    int64   // the first chunk that has not been asked for
	last    int64   // the chunk behind the last one
	granted int     // buffers that may still be taken
	busy    int     // chunks that are queued or in flight
	limit   int64   // chunks that it may hold
	whole   bool    // all is loaded before the first byte is sent
	hot     bool    // the latest read found its bytes in memory
	share   share   // that its buffers count to
	later   bool    // it stands in the pool's line of that name
	since   time.Duration
}

// startDynamic begins to load the connection's body.
func (l *Loop) startDynamic(c *conn) {
	size := int64(l.cfg.BufferBytes)
	w := l.newWindow()
	w.head = c.off / size
	w.next = w.head
	w.last = (c.end-1)/size + 1
	w.limit = l.pool.window
	w.whole = w.last-w.head <= w.limit
	asked := min(c.end-c.off, size)
	if w.whole {
		asked = c.end - c.off // all of it is read at once if it is there
	}
	w.share = shareDisk
	w.hot = l.k.Slots() > 0 && !c.file.Remote && !c.file.NoWaitOff.Load() && l.k.Probe(c.file.FD, c.off, asked) == kernel.ResidencyFull
	if w.hot {
		w.share = shareMemory
	}
	c.win = w
	l.line(c)
}

func (l *Loop) newWindow() *window {
	if w, ok := l.windows.take(); ok {
		*w = window{bufs: w.bufs}
		return w
	}
	w := &window{bufs: make([]int32, l.pool.window)}
	for i := range w.bufs {
		w.bufs[i] = -1
	}
	return w
}

// line puts a connection in line for buffers, and serves the line.
func (l *Loop) line(c *conn) {
	if !c.waiting {
		c.waiting = true
		q := &l.pool.waiters[c.win.share]
		q.push(c.slot)
		if !l.pool.mayHold(c.win.share, int(l.wanted(c.win))) || q.peek() != c.slot {
			l.counts.PoolWaits++
		}
	}
	l.grant()
}

// wanted returns how many buffers a window would take if it got them. What is in memory and is not sent as a whole is
// read one chunk at a time.
func (l *Loop) wanted(w *window) int64 {
	if w.share == shareMemory && !w.whole {
		return min(w.limit, w.last-w.next, readsOwn)
	}
	return min(w.limit, w.last-w.next)
}

// grant gives the free buffers to those who are first in line. While the line is so long that the pool
// has no window for each, they get less than a window: else a thousand clients that read slowly would be
// in front of the next one, a pool of windows at a time.
func (l *Loop) grant() {
	for s := range shareCount {
		l.grantShare(s)
	}
}

// grantShare gives buffers to those in one of the lines. A slot that has another tenant by now, who may stand
// in the other line, is passed over.
func (l *Loop) grantShare(s share) {
	p := &l.pool
	for q := &p.waiters[s]; !q.empty(); {
		c := l.conns.bySlot[q.peek()]
		if c.win != nil && c.waiting && c.win.share == s {
			wanted := int(l.wanted(c.win))
			n := min(wanted, max(p.size()/p.waiting(), 1))
			if !p.mayHold(s, n) {
				return // until others give some back
			}
			if p.available < n {
				if l.grow(c) {
					continue
				}
				return
			}
			c.win.whole = c.win.whole && n == wanted
			p.take(c.win, n)
			c.win.since = l.k.Now()
			c.waiting = false
			l.feed(c)
		}
		q.pop()
	}
}

// feed queues reads for the connection's next chunks.
func (l *Loop) feed(c *conn) {
	w, p := c.win, &l.pool
	// A whole file that is in memory is loaded when those before it are: it is sent at once then, while it is still
	// in the processor's cache, and its buffers serve the next one.
	if w.whole && w.hot && w.next == w.head && p.queued >= l.iterationCost() {
		if !w.later {
			w.later = true
			p.later.push(c.slot)
			p.later.push(int32(c.gen))
		}
		return
	}
	// What is copied from memory is there at once: one chunk at a time, so that it is still in the
	// processor's cache when it is sent. A disk is better asked for several.
	was := w.busy
	for depth := l.depth(w); w.granted > 0 && w.busy < depth && w.next < w.last &&
		(w.whole || !w.hot || w.next == w.head); {
		i := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		b := &p.bufs[i]
		size := int64(len(b.mem))
		*b = buffer{
			mem: b.mem, slot: c.slot, gen: c.gen, state: bufferQueued, share: w.share, chunk: w.next,
			want: int(min(c.end-w.next*size, size)),
		}
		w.bufs[w.next%int64(len(w.bufs))] = i
		w.granted--
		w.busy++
		w.next++
		l.enqueue(i)
	}
	if was == 0 && w.busy > 0 {
		l.reading++
	}
}

// readsOwn is how many reads a connection may have in flight, however many the others have.
const readsOwn = 2

// depth returns how many reads a connection may have in flight. A whole file that is in memory is asked for all at
// once: each read is over when it has been submitted.
func (l *Loop) depth(w *window) int {
	if w.whole && w.hot {
		return int(w.limit)
	}
	most, reading := l.cfg.ReadsPerConnMax, l.reading
	if w.busy == 0 {
		reading++
	}
	if shared := l.cfg.ReadsShared; shared > 0 {
		most = min(most, max(shared/reading, readsOwn))
	}
	return most
}

// freeBuffer takes a buffer back that nobody fills.
func (l *Loop) freeBuffer(i int32) {
	b := &l.pool.bufs[i]
	assert(b.state != bufferInFlight && b.state != bufferFree, "a buffer is freed that is not ours")
	b.state = bufferFree
	l.pool.free = append(l.pool.free, i)
	l.pool.giveBack(b.share, 1)
}

// dropWindow gives back what a connection holds of the pool. Buffers that are being filled follow
// when they are.
func (l *Loop) dropWindow(c *conn) {
	w := c.win
	if w == nil {
		return
	}
	for chunk := w.head; chunk < w.next; chunk++ {
		at := chunk % int64(len(w.bufs))
		// A queued one is freed when its turn to be submitted comes.
		if i := w.bufs[at]; i >= 0 && l.pool.bufs[i].state == bufferLoaded {
			l.freeBuffer(i)
		}
		w.bufs[at] = -1
	}
	l.pool.giveBack(w.share, w.granted)
	if w.busy > 0 {
		l.reading--
	}
	c.win = nil
	c.waiting = false
	l.windows.give(w)
	l.grant()
}

// loaded reports whether the connection can send body bytes now.
func (l *Loop) loaded(c *conn) bool {
	w := c.win
	if w.whole {
		return w.next == w.last && w.busy == 0
	}
	return w.next > w.head && l.headBuffer(w).state == bufferLoaded
}

func (l *Loop) headBuffer(w *window) *buffer {
	return &l.pool.bufs[w.bufs[w.head%int64(len(w.bufs))]]
}

// addBuffers adds sends of the loaded buffers, in order.
func (l *Loop) addBuffers(c *conn, link kernel.OpFlag, allowed int64) (int64, kernel.OpFlag) {
	if !l.loaded(c) {
		if link == 0 {
			l.await(c)
		}
		return 0, link
	}
	w := c.win
	var sum int64
	for chunk := w.head; chunk < w.next && chunk < w.head+sendBuffersMax; chunk++ {
		b := &l.pool.bufs[w.bufs[chunk%int64(len(w.bufs))]]
		if b.state != bufferLoaded {
			break
		}
		message := b.mem[:b.want]
		if chunk == w.head {
			message = message[c.off-chunk*int64(len(b.mem)):]
		}
		message = message[:min(int64(len(message)), allowed-sum)]
		if len(message) == 0 {
			break
		}
		sum += int64(len(message))
		l.sendMessage(c, roleBuffer, message, int64(len(message)), link, c.off+sum < c.end || l.last(c))
		link = kernel.Link
	}
	return sum, link
}

// await lets a connection wait until its next chunk is loaded.
func (l *Loop) await(c *conn) {
	l.setState(c, connstate.StateReadingAsync)
	if w := c.win; w.granted == 0 && w.busy == 0 {
		l.line(c)
	}
}

// onBuffer advances over the bytes of a buffer that were sent.
func (l *Loop) onBuffer(c *conn, op *kernel.Op) {
	if c.state != connstate.StateSending || !l.sent(c, op) {
		return
	}
	w := c.win
	size := int64(l.cfg.BufferBytes)
	c.off += op.Result
	if c.off == c.end || c.off >= (w.head+1)*size {
		l.next(c)
	}
	if c.off == c.end {
		l.finish(c)
	}
}

// next lets the buffer go whose chunk has been sent: to the connection's next chunk, or to those
// who wait for one.
func (l *Loop) next(c *conn) {
	w := c.win
	at := w.head % int64(len(w.bufs))
	l.freeBuffer(w.bufs[at])
	w.bufs[at] = -1
	w.head++
	w.whole = false
	w.since = l.k.Now()
	if n := l.refill(w); n > 0 {
		l.pool.take(w, n)
		l.feed(c)
		return
	}
	l.feed(c)
	l.grant()
}

// borrow takes the buffers back that are loaded for clients that have not taken one of them for a
// while, when others wait for buffers. The file is still there to be read again; such a client
// gets one buffer at a time from now on.
func (l *Loop) borrow(now time.Duration) {
	if l.pool.waiting() == 0 {
		return
	}
	for _, c := range l.conns.bySlot {
		w := c.win
		if w == nil || c.state != connstate.StateSending || !c.blocked || w.busy > 0 ||
			now-w.since < l.cfg.StallTimeout {
			continue
		}
		for chunk := w.head; chunk < w.next; chunk++ {
			at := chunk % int64(len(w.bufs))
			l.freeBuffer(w.bufs[at])
			w.bufs[at] = -1
			l.counts.BuffersReclaimed++
		}
		l.pool.giveBack(w.share, w.granted)
		w.granted = 0
		w.next = w.head
		w.limit = 1
		w.whole = false
		w.since = now
	}
	l.grant()
}

// readsWait reports whether reads wait to be submitted.
func (l *Loop) readsWait() bool { return !l.pool.queue.empty() || !l.pool.disk.empty() }

// submittable reports whether a read can be submitted at once: the kernel has refused none.
func (l *Loop) submittable() bool {
	if l.refused {
		return false
	}
	return !l.pool.queue.empty() && (l.inFlight < l.k.Slots() || l.k.Slots() == 0) ||
		!l.pool.disk.empty() && l.diskSlots() > 0
}

// submit hands queued reads to the kernel, in order and in one cgo call, and those that kernel AIO
// can't do to the worker threads. What is left has its turn after the others' events.
func (l *Loop) submit() {
	if l.k.Now() < l.readAt && l.refused {
		return
	}
	l.refused = false
	if l.readsWait() && l.prepare() {
		l.hand()
	}
	for p := &l.pool; p.queued < l.iterationCost() && !p.later.empty(); {
		c, gen := l.conns.bySlot[p.later.pop()], uint32(p.later.pop())
		if c.gen == gen && c.win != nil && c.win.later { // it may be gone, and another in its place
			c.win.later = false
			l.feed(c)
		}
	}
}

// prepare takes queued reads up to the number of free slots. It returns false when none is left
// for the kernel.
func (l *Loop) prepare() bool {
	l.reads, l.queued = l.reads[:0], l.queued[:0]
	cost := 0
	for p := &l.pool; !p.queue.empty() && !l.refused; {
		i := p.queue.peek()
		c, b := l.reader(i)
		if c == nil {
			l.dequeue()
			l.freeBuffer(i) // nobody wants it any more
			l.grant()
			continue
		}
		switch l.choose(c.file, b, c.win.hot) {
		case stats.ReadThread:
			if l.askRead(c, i, b) {
				l.dequeue()
			}
			continue
		case stats.ReadDirect:
			l.dequeue()
			p.disk.push(i)
			continue
		case stats.ReadAuto, stats.ReadNoWait, stats.ReadMethodCount:
		}
		if len(l.reads) == l.k.Slots()-l.inFlight || cost >= l.iterationCost() {
			break
		}
		cost += b.cost
		l.dequeue()
		l.reads = append(l.reads, l.read(c.file, b, uint64(i)))
		l.queued = append(l.queued, i)
	}
	l.prepareDisk(cost)
	return len(l.reads) > 0
}

// choose decides by which read method a chunk is read. What is in memory is copied from
// there; what is not is read past the page cache, because a buffered read would wait for the
// disk inside io_submit. A file or kernel that can do neither has worker threads. Where the chunk before was in
// memory (hot), nobody is asked whether this one is, too: if not, the read says so.
func (l *Loop) choose(f *docroot.File, b *buffer, hot bool) stats.ReadMethod {
	if f.Remote {
		b.readMethod = stats.ReadThread // io_submit may wait for anyone who answers for it
	}
	if b.readMethod == stats.ReadNoWait || b.readMethod == stats.ReadThread {
		return b.readMethod
	}
	if b.readMethod == stats.ReadDirect {
		if !l.direct(f) {
			b.readMethod = stats.ReadThread // another read has found out
		}
		return b.readMethod
	}
	b.readMethod = stats.ReadNoWait
	switch {
	case l.k.Slots() == 0:
		b.readMethod = stats.ReadThread
	case f.NoWaitOff.Load():
		b.readMethod = stats.ReadDirect
	case hot:
	default:
		offset := b.chunk*int64(len(b.mem)) + int64(b.got)
		if l.k.Probe(f.FD, offset, int64(b.want-b.got)) == kernel.ResidencyNone {
			b.readMethod = stats.ReadDirect
		}
	}
	if b.readMethod == stats.ReadDirect && !l.direct(f) {
		b.readMethod = stats.ReadThread
	}
	return b.readMethod
}

// direct reports whether a file can be read directly, opening it for that if need be.
func (l *Loop) direct(f *docroot.File) bool {
	if f.DirectOff.Load() {
		return false
	}
	if f.Direct.Load() != docroot.DirectUnknown {
		return true
	}
	align := uint32(pageBytes)
	if f.MemAlign == 0 || f.MemAlign > align || f.FileAlign == 0 ||
		int(f.FileAlign) > l.cfg.BufferBytes || l.cfg.BufferBytes%int(f.FileAlign) != 0 {
		f.DirectOff.Store(true)
		return false
	}
	fd, class := l.k.Direct(f.FD)
	switch class {
	case kernel.Done:
		l.closing = l.cache.AddDirect(f, fd, l.closing)
		return true
	case kernel.Exhausted:
		return false // for now
	default:
		f.DirectOff.Store(true)
		return false
	}
}

const pageBytes = 4096

// read describes the read that brings what is missing of a chunk. A direct one begins and ends at
// multiples of the alignment: it may bring bytes again that are there already, and asks for more
// than the file has at its end.
func (l *Loop) read(f *docroot.File, b *buffer, token uint64) kernel.Read {
	base := b.chunk * int64(len(b.mem))
	r := kernel.Read{FD: f.FD, NoWait: true, Token: token}
	from, to := b.got, b.want
	if b.readMethod == stats.ReadDirect {
		align := int(f.FileAlign)
		r.FD, r.NoWait = f.Direct.Load(), false
		from = from / align * align
		to = (to + align - 1) / align * align
	}
	b.asked = from
	r.Offset = base + int64(from)
	r.Buf = b.mem[from:to]
	return r
}

// hand submits the prepared reads.
func (l *Loop) hand() {
	reads, queued := l.reads, l.queued
	for len(reads) > 0 {
		n, class := l.k.Submit(reads)
		for _, i := range queued[:n] {
			b := &l.pool.bufs[i]
			b.state = bufferInFlight
			l.flies(i, b)
			l.inFlight++
			l.conns.bySlot[b.slot].inFlight++
			if b.readMethod == stats.ReadDirect {
				l.inFlightDirect++
				l.counts.ReadsDirect++
			} else {
				l.counts.ReadsNoWait++
			}
		}
		reads, queued = reads[n:], queued[n:]
		if len(reads) == 0 {
			return
		}
		if class == kernel.Again || class == kernel.Exhausted || class == kernel.Done {
			l.counts.ReadsRefused++
			break
		}
		// That one read can't be done this way.
		i := queued[0]
		l.fallBack(&l.pool.bufs[i], class)
		l.enqueue(i)
		reads, queued = reads[1:], queued[1:]
	}
	// The kernel takes no more for now: the rest waits, in front of the others.
	l.requeue(queued)
	l.refused = true
	if l.inFlight == 0 || len(queued) > 0 {
		l.readAt = max(l.readAt, l.k.Now()+retryAfter)
	}
}

// requeue puts buffers back in front of their queues, in order: those that wait for a disk stand behind the others
// in a batch.
func (l *Loop) requeue(list []int32) {
	n := 0
	for n < len(list) && l.pool.bufs[list[n]].readMethod != stats.ReadDirect {
		n++
	}
	l.pool.queue.unpop(list[:n])
	l.pool.disk.unpop(list[n:])
	for at, i := range list {
		l.pool.bufs[i].state = bufferQueued
		if at < n {
			l.pool.queued += l.pool.bufs[i].cost
		}
	}
}

// fallBack takes a read a read method down the read methods.
func (l *Loop) fallBack(b *buffer, class kernel.Class) {
	f := l.conns.bySlot[b.slot].file
	switch b.readMethod {
	case stats.ReadNoWait:
		l.toDisk(l.conns.bySlot[b.slot].win)
		if class == kernel.Unsupported {
			f.NoWaitOff.Store(true)
		}
		b.readMethod = stats.ReadThread
		if l.direct(f) {
			b.readMethod = stats.ReadDirect
		}
	default:
		if class == kernel.Unsupported {
			f.DirectOff.Store(true)
		}
		b.readMethod = stats.ReadThread
	}
}

// flies notes that the read into a buffer has been handed over.
func (l *Loop) flies(i int32, b *buffer) {
	b.since = l.moment
	l.counts.ReadsInFlight++
	if l.cfg.Tracer != nil {
		offset := b.chunk*int64(len(b.mem)) + int64(b.asked)
		l.cfg.Tracer.ReadBegin(l.id, l.conns.bySlot[b.slot].serial, int(i), offset, b.want-b.asked)
	}
}

// askRead lets a worker thread read what is missing of a chunk.
func (l *Loop) askRead(c *conn, i int32, b *buffer) bool {
	j := l.newJob(kernel.JobRead, c)
	j.file = c.file
	j.file.Hold()
	j.buf = i
	j.FD = c.file.FD
	j.Offset = b.chunk*int64(len(b.mem)) + int64(b.got)
	j.Buf = b.mem[b.got:b.want]
	if !l.k.Ask(&j.Job) {
		l.freeJob(j)
		l.refused = true
		l.readAt = max(l.readAt, l.k.Now()+retryAfter)
		return false
	}
	b.asked = b.got
	b.state = bufferInFlight
	l.flies(i, b)
	c.inFlight++
	l.counts.ReadsByThread++
	return true
}

// reap takes in the reads that are done.
func (l *Loop) reap() {
	for l.inFlight > 0 || l.reaps {
		l.reaps = false
		n := l.k.Reap(l.dones)
		if n > 0 {
			l.look()
		}
		l.inFlight -= n
		for _, d := range l.dones[:n] {
			if l.pool.bufs[d.Token].readMethod == stats.ReadDirect {
				l.inFlightDirect--
			}
			l.onRead(int32(d.Token), d.Result)
		}
		if n < len(l.dones) {
			return
		}
	}
}

// onHelped takes in a read that a worker thread has done.
func (l *Loop) onHelped(_ *conn, j *job) { l.onRead(j.buf, j.Result) }

// onRead takes in the outcome of a read into a buffer.
func (l *Loop) onRead(i int32, result int64) {
	b := &l.pool.bufs[i]
	c := l.conns.bySlot[b.slot]
	assert(b.state == bufferInFlight && c.gen == b.gen, "a read is done that nobody has asked for")
	b.state = bufferQueued
	l.lands(i, b, c, result)
	c.inFlight--
	if c.state == connstate.StateClosing || c.win == nil {
		l.freeBuffer(i)
		l.grant()
		if c.state == connstate.StateClosing && c.inFlight == 0 {
			l.setState(c, connstate.StateFree)
			l.freeSlot(c)
		}
		return
	}
	switch class := kernel.Classify(result); {
	case class == kernel.Again && b.readMethod == stats.ReadNoWait:
		l.counts.ReadsMissed++
		l.fallBack(b, class)
		l.enqueue(i)
		return
	case class == kernel.Unsupported && b.readMethod != stats.ReadThread:
		l.fallBack(b, class)
		l.enqueue(i)
		return
	case class == kernel.Again || class == kernel.Exhausted:
		l.enqueue(i)
		l.refused = true
		l.readAt = max(l.readAt, l.k.Now()+retryAfter)
		return
	case class != kernel.Done:
		l.counts.DiskFaults++
		l.abortLoading(c, i)
		return
	}
	got := min(b.asked+int(result), b.want)
	if got <= b.got {
		l.counts.Truncated++
		l.forgetFile(c)
		l.abortLoading(c, i)
		return
	}
	b.got = got
	if b.got < b.want {
		l.counts.ReadsShort++
		b.readMethod = stats.ReadAuto // go on at the new offset
		l.enqueue(i)
		return
	}
	b.state = bufferLoaded
	c.win.hot = b.readMethod == stats.ReadNoWait
	if c.win.busy--; c.win.busy == 0 {
		l.reading--
	}
	c.refresh = true
	l.touch(c)
	l.feed(c)
	if c.state == connstate.StateReadingAsync && l.loaded(c) {
		l.setState(c, connstate.StateSending)
		l.toSend(c)
	}
}

// lands notes the outcome of a read.
func (l *Loop) lands(i int32, b *buffer, c *conn, result int64) {
	if l.cfg.Tracer != nil {
		l.cfg.Tracer.ReadEnd(l.id, c.serial, int(i), result)
	}
	l.counts.ReadsInFlight--
	if result < 0 {
		l.counts.ReadsFailed++
		return
	}
	l.counts.ReadsDone++
	l.counts.ReadLatency[b.readMethod].Add(l.moment - b.since)
}

// abortLoading ends a connection whose file can't be read as promised. The buffer of the read that
// said so is in no queue and goes back here.
func (l *Loop) abortLoading(c *conn, i int32) {
	l.freeBuffer(i)
	w := c.win
	w.bufs[l.pool.bufs[i].chunk%int64(len(w.bufs))] = -1
	l.abort(c, kernel.OpReset)
}
