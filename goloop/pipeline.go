package goloop

import (
	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/stats"
)

// pipelinedMax is how many pipelined requests are answered before the first response has gone, so that
// they leave together in one cgo call.
const pipelinedMax = 16

// prepared is a response that waits for the one before it.
type prepared struct {
	headBuf  []byte
	writeBuf []byte
	head     int // bytes of writeBuf that are the header; what follows them is body
	file     *docroot.File
	from, to int64
	rec      *stats.Record
	keep     bool
	linger   bool
}

// pipeline is the queue of a connection's prepared responses.
type pipeline struct {
	list []prepared
	next int
}

// left returns the prepared responses. It is good for no line, too.
func (a *pipeline) left() []prepared {
	if a == nil {
		return nil
	}
	return a.list[a.next:]
}

// prepareNext responds to the requests that have arrived behind the current one, as long as they are
// complete and nothing about them has to be waited for. The others stay in hand.
func (l *Loop) prepareNext(c *conn) {
	p := c.part
	at := 0
	for len(c.pipeline.left()) < pipelinedMax {
		buf := p.buf[at:p.n]
		if len(buf) == 0 || p.req.Parse(buf) != request.Complete {
			break
		}
		if length, chunked := p.req.BodyLength(); length > 0 || chunked {
			break // it is discarded in its turn
		}
		l.response.Reset()
		l.finding = finder{Loop: l, c: c, peek: true}
		a := &l.response
		if !l.responder.Respond(a, &p.req, buf, &l.finding) || len(a.Parts) > 0 {
			l.dropFile(&a.File)
			break
		}
		head := l.heads.take(len(a.Head))
		if head == nil {
			l.dropFile(&a.File)
			break
		}
		l.counts.Requests++
		rec := l.record(a, &p.req, buf)
		at += p.req.Len()
		rest := p.n - at
		next := prepared{
			rec: rec, headBuf: head, writeBuf: head[:copy(head, a.Head)], head: a.HeadLen(), file: a.File, from: a.From, to: a.To,
			keep: a.KeepAlive && !a.HasBody && len(a.Parts) == 0,
		}
		a.File = nil
		next.linger = a.Linger || a.HasBody || rest > 0
		if c.pipeline == nil {
			c.pipeline = l.newPipeline()
		}
		c.pipeline.list = append(c.pipeline.list, next)
		if !next.keep {
			at = p.n // whatever follows is not answered
		}
		p.req.Reset(l.handler.Limits())
	}
	p.req.Reset(l.handler.Limits())
	if at > 0 {
		p.n = copy(p.buf, p.buf[at:p.n])
	}
	if p.n == 0 {
		l.dropPart(c)
	}
}

func (l *Loop) newPipeline() *pipeline {
	if p, ok := l.pipelines.take(); ok {
		return p
	}
	return &pipeline{}
}

func (l *Loop) dropPipeline(c *conn) {
	if c.pipeline == nil {
		return
	}
	for i := range c.pipeline.left() {
		p := &c.pipeline.left()[i]
		l.heads.give(p.headBuf)
		if p.rec != nil {
			p.rec.Conn, p.rec.Peer, p.rec.Complete = c.serial, c.peer, false
			p.rec.Began = l.wall()
			l.recorder.put(p.rec)
		}
		l.dropFile(&p.file)
	}
	c.pipeline.list, c.pipeline.next = c.pipeline.list[:0], 0
	l.pipelines.give(c.pipeline)
	c.pipeline = nil
}

// promote makes the next prepared response the connection's. The one before it has gone.
func (l *Loop) promote(c *conn) {
	p := &c.pipeline.list[c.pipeline.next]
	c.pipeline.next++
	c.headBuf, c.writeBuf, c.headLeft, c.file = p.headBuf, p.writeBuf, p.head, p.file
	c.off, c.end, c.prefetchEnd, c.prefetchAt = p.from, p.to, prefetchOf(p.file, p.to), 0
	c.keep, c.linger = p.keep, p.linger
	c.rec, c.responding = p.rec, true
	*p = prepared{}
	if len(c.pipeline.left()) == 0 {
		l.dropPipeline(c)
	}
	l.setState(c, connstate.StateReading)
	l.setState(c, connstate.StateWReady)
	if c.off < c.end && c.file.Loads() {
		l.startDynamic(c)
	}
}

// prefetchOf returns up to where a file is known to be in memory.
func prefetchOf(f *docroot.File, end int64) int64 {
	if f != nil && f.Made {
		return end
	}
	return 0
}

// addPipelined adds the prepared responses that can be sent by sendfile, or have no body, behind the
// current one, which is complete in the batch.
func (l *Loop) addPipelined(c *conn, link kernel.OpFlag) {
	for i := range c.pipeline.left() {
		p := &c.pipeline.left()[i]
		file := p.to - p.from
		if !l.batch.room(chainMax) || file > 0 && p.file.Loads() {
			return
		}
		inMemory := bodyBytes(p.writeBuf, p.head)
		if !l.rates.reserveAll(&c.bucket, inMemory+file, l.k.Now()) {
			return // its turn comes by itself
		}
		l.sendMessage(c, roleHeader, p.writeBuf, inMemory, link, file > 0 || !p.keep)
		link = kernel.Link
		if file > 0 {
			var sent int64
			at := place{file: p.file, off: p.from, end: p.to, prefetchEnd: prefetchOf(p.file, p.to), most: file}
			if sent, link = l.addFile(c, at, link); sent < file {
				l.rates.refund(&c.bucket, file-sent)
				return
			}
		}
		if !p.keep {
			l.addEnd(c, p.linger)
			return
		}
	}
}
