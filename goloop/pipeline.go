package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/request"
)

// pipelinedMax is how many pipelined requests get their responses before the first response has gone, so that
// they leave together in one cgo call.
const pipelinedMax = 16

// pipeline is the queue of a connection's exchanges whose responses wait for the current one.
// There are at most pipelinedMax of them, so the last one is found by going through them.
type pipeline struct{ first *exchange }

// isEmpty reports whether there are none.
func (p *pipeline) isEmpty() bool { return p.first == nil }

// end returns where the next exchange is to be put, and how many there are.
func (p *pipeline) end() (at **exchange, count int) {
	for at = &p.first; *at != nil; at = &(*at).next {
		count++
	}
	return at, count
}

func (p *pipeline) push(x *exchange) {
	at, _ := p.end()
	*at = x
}

func (p *pipeline) isFull() bool {
	_, count := p.end()
	return count >= pipelinedMax
}

func (p *pipeline) pop() *exchange {
	x := p.first
	p.first, x.next = x.next, nil
	return x
}

// prepareNext decides the responses to the requests that have arrived behind the current one, as long as they are
// complete and nothing about them has to be waited for. The other ones stay in the read buffer.
func (l *Loop) prepareNext(c *conn) {
	p := c.readBuf
	done := 0
	for !c.pipeline.isFull() {
		buf := p.buf[done:p.n]
		if len(buf) == 0 || p.req.Parse(buf) != request.Complete {
			break
		}
		if length, chunked := p.req.BodyLength(); length > 0 || chunked {
			break // the body is discarded when its exchange is the current one
		}
		x := l.prepare(c, &p.req, buf, p.n-done-p.req.Len())
		if x == nil {
			break
		}
		done += p.req.Len()
		if !x.keepAlive {
			done = p.n // what follows gets no response
		}
		p.req.Reset(l.handler.Limits())
	}
	p.req.Reset(l.handler.Limits())
	if done > 0 {
		p.n = copy(p.buf, p.buf[done:p.n])
	}
	if p.n == 0 {
		l.dropReadBuf(c)
	}
}

// prepare decides the response to a pipelined request, behind which there are rest bytes, and puts it into the pipeline. It
// returns nil if the response can only be decided when the exchange is the current one.
func (l *Loop) prepare(c *conn, req *request.Request, head []byte, rest int) *exchange {
	r := &l.response
	r.Reset()
	x := l.newExchange(c)
	if !l.responder.Respond(r, req, head, x) {
		l.dropFile(&r.File)
		l.dropExchange(x)
		return nil
	}
	if x.headBuf = l.heads.take(len(r.Head) + len(r.Shared)); x.headBuf == nil {
		if r.Generator != nil {
			x.setGenerator(r)
		}
		l.dropFile(&r.File)
		l.dropExchange(x)
		return nil
	}
	l.counts.Requests++
	x.record = l.record(c, r, req, head)
	l.compose(x, r)
	x.lingers = r.Linger || rest > 0 || c.tls != nil
	c.pipeline.push(x)
	return x
}

// dropPipeline gives up the responses that wait for the current one.
func (l *Loop) dropPipeline(c *conn) {
	for !c.pipeline.isEmpty() {
		x := c.pipeline.pop()
		if r := x.record; r != nil {
			r.Conn, r.Peer, r.Complete = c.serial, c.peer, false
			r.Began = l.clock.wall(l.k)
			l.recorder.put(r)
		}
		l.dropExchange(x)
	}
}

// promote makes the first exchange of the pipeline the current one. The one before it is over.
func (l *Loop) promote(c *conn) {
	x := c.pipeline.pop()
	c.current = x
	l.setState(c, connstate.StateReading)
	l.setState(c, connstate.StateWReady)
	l.startBody(x)
}

// addPipelined adds the pipelined responses that can be sent by sendfile, or have no body, behind the
// current one, which is complete in the batch.
func (l *Loop) addPipelined(c *conn, link kernel.OpFlag) {
	for x := c.pipeline.first; x != nil; x = x.next {
		file := x.body.remaining()
		if !l.batch.room(chainMax) || file > 0 && (x.generated.source != nil || x.file.Loads()) || c.sealsOnce() || c.sendsByKernel() || c.seals() && !l.tls.messages.room(arenaRoomFor(x.headLeft-headBufferBytes)) {
			return
		}
		inMemory := x.inMemory()
		bucket := l.bucketOf(c, x.limit)
		if !l.rates.reserveAll(bucket, x.limit, inMemory+file, l.k.Now()) {
			return // it is sent when it is the current one
		}
		l.sendMessage(x, roleMessage, x.writeBuf, inMemory, link, file > 0 || !x.keepAlive)
		link = kernel.Link
		if file > 0 {
			var added int64
			if added, link = x.body.addSends(l, x, file, link); added < file {
				l.rates.refund(bucket, x.limit, file-added)
				return
			}
		}
		if x.parts.more() {
			return
		}
		if !x.keepAlive {
			l.addEnd(c, x.lingers)
			return
		}
	}
}
