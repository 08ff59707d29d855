package goloop

import (
	"math"

	"aws/internal/connstate"
	"aws/internal/http2"
	"aws/internal/kernel"
)

// A connection of HTTP/2 sends its frames in two steps of a send phase. First they are planned: what is in memory is copied, and parts of
// files are read from the page cache into their places, in one cgo call for all connections. Then they are sent, as records where the
// connection seals. The frames that its socket does not take are kept, and no others are made before those are gone: so a slow
// client costs one plan, and the scheduler decides as late as possible.

const (
	// framesMin and framesMax bound how many bytes of frames a connection makes at once. One frame more may be begun within.
	framesMin = 16 << 10
	framesMax = 96 << 10
	// framesRoom is what a plan takes at the most: control frames, framesMax, and a header section with a frame. A header section for which that is
	// too little begins a plan if there is more room, or waits for the next one.
	framesRoom  = framesMax + controlRoom + headBufferBytes + kernel.RecordContent + 16*kernel.FrameHead + 1 // for tlsconn.Records.SealOwn
	controlRoom = 16 << 10
	// framesBytes is the memory for the plans of a batch.
	framesBytes = 1 << 20
	// planReadsMax is how many parts of files one plan reads at the most.
	planReadsMax = 64
)

// plannedFrame is frames of one stream that follow each other.
type plannedFrame struct {
	slot  int32
	gen   uint32
	at    int   // where they begin in the plan's memory
	bytes int64 // that count as sent of the response
	read  bool  // their content is to be read
	want  int64 // of the file
	got   int64 // result of the read
	last  bool  // they end the response
}

// framePlan is the frames of a connection for the present send phase.
type framePlan struct {
	buf      []byte
	from, to int // in http2Parts.planned
	urgency  int // of a stream that has more to send than what is being read: less urgent ones wait for that
	full     bool
}

// frameOutput is frames that the socket has not taken, as records if the connection seals.
type frameOutput struct {
	buf    []byte // outside of Go's heap; nil if there is nothing
	unsent []byte // its end
	frames []plannedFrame
}

func (out *frameOutput) isEmpty() bool { return len(out.unsent) == 0 }

// resetPlans makes room for the plans of another batch.
func (p *http2Parts) resetPlans() {
	p.frames.reset()
	p.planned = p.planned[:0]
}

// mayPlan reports whether a connection makes frames now: nothing else is to be sent before.
func (l *Loop) mayPlan(c *conn) bool {
	return sendable(c) && c.http2.out.isEmpty() && (!c.seals() || c.tls.out.isEmpty() && !c.tls.records.KeyUpdateDue())
}

// planFrames plans the frames that a connection sends next, and adds the reads of what is in files. It returns false if there is no room.
func (l *Loop) planFrames(c *conn) bool {
	if !l.batch.room(planReadsMax) || !l.http2.frames.room(framesRoom) {
		return false
	}
	h := c.http2
	p := framePlan{buf: h.frames.AppendControl(l.http2.frames.rest()), from: len(l.http2.planned), urgency: math.MaxInt}
	assert(len(p.buf) <= controlRoom, "too many control frames wait")
	chunk := h.chunk
	if c.sealsOnce() {
		chunk = framesMin
	}
	for reads := 0; len(p.buf) < chunk && reads < planReadsMax && !h.ends && !p.full; {
		s := h.frames.Next()
		if s == nil || s.Urgency() > p.urgency {
			break
		}
		if l.planStream(c, l.conns.at(s.Slot), &p) {
			reads++
		}
	}
	p.to = len(l.http2.planned)
	if p.full && len(p.buf) == 0 && p.from == p.to {
		return false // it has all of the room the next time
	}
	l.http2.frames.keep(len(p.buf))
	h.plan = p
	return true
}

// isOver reports whether nothing of the response is left to be sent.
func (x *exchange) isOver() bool {
	return len(x.writeBuf) == 0 && len(x.shared) == 0 && x.body.remaining() == 0 && !x.parts.more()
}

// planStream plans the next frames of a stream: its header section, and content that is there. It returns whether that is to be read.
func (l *Loop) planStream(c, sc *conn, p *framePlan) (reads bool) {
	x, frames := sc.current, c.http2.frames
	if x.headLeft > 0 {
		if p.full = cap(p.buf)-len(p.buf) <= http2.HeadersBytesMax(x.headLeft); p.full || l.planHead(c, sc, p) {
			return false
		}
		if len(p.buf) > framesMax+controlRoom {
			p.full = true
			return false
		}
	}
	if x.state == connstate.StateWReady {
		l.setState(sc, connstate.StateSending) // the text before a part
	}
	s := sc.stream.http2
	window := int64(frames.WindowOf(s))
	if window == 0 {
		return false
	}
	var content []byte
	switch b := x.body.(type) {
	case *fileBody:
		if content = x.writeBuf; len(content) > 0 {
			break
		}
		if b.file.Loads() {
			l.loadStream(c, sc)
			return false
		}
		return l.planRead(c, sc, b, window, p)
	case contentBody:
		if content = x.writeBuf; len(content) > 0 {
			break
		}
		if !x.body.ready() {
			frames.Unready(s)
			l.awaitBody(x)
			return false
		}
		content = b.content()
	default:
		content = x.writeBuf
	}
	n := l.rates.reserve(l.bucketOf(c, x.limit), x.limit, min(int64(len(content)), window, kernel.RecordContent), l.k.Now())
	if n == 0 {
		l.pauseStream(sc)
		return false
	}
	frames.Take(s, int(n))
	f := plannedFrame{slot: sc.slot, gen: sc.gen, at: len(p.buf), bytes: n}
	p.buf = append(p.buf[:f.at+kernel.FrameHead], content[:n]...)
	if len(x.writeBuf) == 0 {
		x.body.advance(n)
	} else if x.writeBuf = x.writeBuf[n:]; len(x.writeBuf) == 0 {
		l.dropHead(x) // if it was in a buffer
	}
	f.last = x.isOver()
	frames.PutData(p.buf[f.at:f.at+kernel.FrameHead], s, int(n), f.last)
	l.planned(sc, f)
	return false
}

// contentBody is a body that is in memory, piece by piece.
type contentBody interface {
	// content returns the next bytes, of which there are some if the body is ready.
	content() []byte
}

// planHead plans the HEADERS of a stream. It returns whether the stream has to wait for its turn again, or is over.
func (l *Loop) planHead(c, sc *conn, p *framePlan) bool {
	x := sc.current
	f := plannedFrame{slot: sc.slot, gen: sc.gen, at: len(p.buf)}
	head := x.writeBuf[:x.headLeft]
	x.writeBuf, x.headLeft = x.writeBuf[x.headLeft:], 0
	f.last = x.isOver()
	p.buf = c.http2.frames.AppendHeaders(p.buf, sc.stream.http2, head, f.last)
	if len(x.writeBuf) == 0 {
		l.dropHead(x)
		x.writeBuf, x.shared = x.shared, nil
	}
	f.bytes = int64(len(p.buf) - f.at)
	if x.record != nil {
		x.record.HeadBytes = f.bytes
	}
	l.setState(sc, connstate.StateSending)
	l.planned(sc, f)
	return f.last
}

// planned takes note of frames of a stream that have been made, or will be once their content is read.
func (l *Loop) planned(sc *conn, f plannedFrame) {
	l.http2.planned = append(l.http2.planned, f)
	if !f.read {
		l.framesMade(sc, f.bytes, f.last)
	}
}

// framesMade goes on with a stream of which frames have been made.
func (l *Loop) framesMade(sc *conn, n int64, last bool) {
	sc.delivery.sent += n
	sc.deadline.restart = true
	l.touch(sc)
	x := sc.current
	switch {
	case last:
		sc.stream.http2 = nil
	case len(x.writeBuf) == 0 && x.body.remaining() == 0: // the next part
		l.sendNextPart(x)
	}
}

// planRead plans frames of a file, and adds a read of it to the batch. It waits for no disk: what was prefetched or made for a response is in memory.
func (l *Loop) planRead(c, sc *conn, b *fileBody, window int64, p *framePlan) bool {
	x, s, frames := sc.current, sc.stream.http2, c.http2.frames
	n := min(b.remaining(), window, max(int64(c.http2.chunk-len(p.buf))/int64(frames.Sharing(s)), firstRecordBytes))
	op := kernel.Op{Kind: kernel.OpReadRecords, FD: c.fd, File: b.file.FD, Offset: b.off, Token: uint64(len(l.http2.planned))}
	if resident := b.resident(l.k.Now()); resident > b.off {
		n = min(n, resident-b.off)
		op.Mask = kernel.ReadWaits
	}
	if n = l.rates.reserve(l.bucketOf(c, x.limit), x.limit, n, l.k.Now()); n == 0 {
		l.pauseStream(sc)
		return false
	}
	frames.Take(s, int(n))
	//mutation:file-read-twice
	frames.Unready(s) // until the read is over
	at := len(p.buf)
	p.buf = p.buf[:at+int(kernel.FramesLen(n))]
	op.SetFrames(p.buf[at:], n)
	l.planned(sc, plannedFrame{slot: sc.slot, gen: sc.gen, at: at, read: true, want: n, got: kernel.NotRun})
	l.batch.add(ownerOf(roleFrameRead, sc), op)
	if n < b.remaining() {
		p.urgency = min(p.urgency, s.Urgency())
	}
	return true
}

// pauseStream lets a stream wait until the rates allow more.
func (l *Loop) pauseStream(sc *conn) {
	sc.stream.of.http2.frames.Unready(sc.stream.http2)
	sc.sendPaused = true
	l.retry(sc)
}

// onFrameRead learns what a read has brought.
func (l *Loop) onFrameRead(op *kernel.Op) { l.http2.planned[op.Token].got = op.Result }

// sendsFirst reports whether frames are sent before anything that concerns TLS alone.
func (h *http2Conn) sendsFirst() bool { return !h.out.isEmpty() || h.plan.buf != nil }

// addHTTP2 adds a send of the frames that were kept, or of those that are planned.
func (l *Loop) addHTTP2(c *conn) {
	if !c.http2.out.isEmpty() {
		l.addFramesLeft(c)
		return
	}
	l.addFrames(c)
}

// addFrames adds a send of the frames that a connection has planned.
func (l *Loop) addFrames(c *conn) {
	h := c.http2
	p := h.plan
	planned := l.http2.planned[p.from:p.to]
	made := len(p.buf)
	if len(planned) > 0 {
		made = planned[0].at
	}
	for i := range planned {
		f := &planned[i]
		end := len(p.buf)
		if i+1 < len(planned) {
			end = planned[i+1].at
		}
		if f.read {
			end = f.at + l.settleRead(c, f, p.buf[f.at:])
		}
		//mutation:gap-between-frames
		if made == f.at {
			made = end
		} else {
			made += copy(p.buf[made:], p.buf[f.at:end])
		}
	}
	if made == 0 {
		h.plan = framePlan{}
		l.settleStreams(c)
		return
	}
	buf := p.buf[:made]
	if c.seals() {
		buf = c.tls.records.SealOwn(l.tls.messages.rest(), buf)
		l.tls.messages.keep(len(buf))
		l.tls.sealed += int64(made)
	}
	op := kernel.Op{Kind: kernel.OpSend, FD: c.fd}
	op.SetBuf(buf)
	l.batch.add(ownerOf(roleFrames, c), op)
}

// settleRead makes frames of what was read for a stream, and returns how many bytes they are. What could not be read is given back.
func (l *Loop) settleRead(c *conn, f *plannedFrame, buf []byte) int {
	sc := l.conns.at(f.slot)
	n := max(f.got, 0)
	if sc.gen != f.gen || sc.stream.http2 == nil {
		l.rates.refund(c.bucket, nil, f.want)
		return 0
	}
	x, s, frames := sc.current, sc.stream.http2, c.http2.frames
	b := &x.sendfd
	//mutation:window-not-given-back
	frames.GiveBack(s, int(f.want-n))
	l.rates.refund(c.bucket, x.limit, f.want-n)
	switch class := kernel.Classify(f.got); {
	case class == kernel.Done && n > 0:
	case class == kernel.Done:
		l.abortTruncated(x)
		return 0
	case class == kernel.Again:
		l.prefetch(x)
		return 0
	case class == kernel.Canceled:
		frames.Ready(s)
		return 0
	case class == kernel.Unsupported:
		l.loadStream(c, sc)
		return 0
	default:
		l.counts.DiskFaults++
		l.abort(sc, kernel.OpReset)
		return 0
	}
	b.advance(n)
	f.bytes, f.last = n, x.isOver()
	frames.Ready(s)
	for at, left := 0, n; left > 0; at += kernel.FrameHead + kernel.RecordContent {
		content := min(left, kernel.RecordContent)
		left -= content
		//mutation:file-without-end
		frames.PutData(buf[at:at+kernel.FrameHead], s, int(content), f.last && left == 0)
	}
	l.framesMade(sc, n, f.last)
	return int(kernel.FramesLen(n))
}

// addFramesLeft adds a send of the frames that the socket has not taken.
func (l *Loop) addFramesLeft(c *conn) {
	op := kernel.Op{Kind: kernel.OpSend, FD: c.fd}
	op.SetBuf(c.http2.out.unsent)
	l.batch.add(ownerOf(roleFramesLeft, c), op)
}

// onFrames learns how much of the frames was sent, and keeps the rest.
func (l *Loop) onFrames(c *conn, op *kernel.Op) {
	h, buf := c.http2, op.Buf()
	frames := l.http2.planned[h.plan.from:h.plan.to]
	h.plan = framePlan{}
	n := l.countFrames(c, op)
	if n == len(buf) {
		h.chunk = min(2*max(h.chunk, framesMin), framesMax)
		l.delivered(c, frames)
		return
	}
	h.chunk = min(max(n, framesMin), framesMax)
	out := l.heads.take(len(buf) - n)
	if out == nil {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	h.out = frameOutput{buf: out, unsent: out[:copy(out, buf[n:])], frames: append(h.out.frames[:0], frames...)}
	l.sent(c, op)
}

// onFramesLeft learns how much of the frames that were kept was sent.
func (l *Loop) onFramesLeft(c *conn, op *kernel.Op) {
	out := &c.http2.out
	n := l.countFrames(c, op)
	//mutation:unsent-frames-twice
	if out.unsent = out.unsent[n:]; !out.isEmpty() {
		l.sent(c, op)
		return
	}
	l.heads.give(out.buf)
	out.buf, out.unsent = nil, nil
	frames := out.frames
	out.frames = out.frames[:0]
	l.delivered(c, frames)
}

// countFrames counts what an operation has sent, and returns it.
func (l *Loop) countFrames(c *conn, op *kernel.Op) int {
	n := max(op.Result, 0)
	l.counts.BytesSent += uint64(n)
	if n > 0 {
		l.noteDelivery(c, n, op.Flags)
		c.deadline.restart = true
	}
	return int(n)
}

// delivered goes on with a connection whose socket has taken all of its frames. The responses that they end are over.
func (l *Loop) delivered(c *conn, frames []plannedFrame) {
	for i := range frames {
		f := &frames[i]
		sc := l.conns.at(f.slot)
		if sc.gen != f.gen || sc.stream.of != c { // it may wait for the kernel to give its buffers back
			continue
		}
		sc.current.sent += f.bytes
		if f.last {
			l.account(sc.current, true)
			l.endConn(sc)
		}
	}
	l.settleStreams(c)
}
