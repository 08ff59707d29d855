package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
)

// toSend lets the next send phase serve a connection.
func (l *Loop) toSend(c *conn) {
	if of := c.streamOf(); of != nil {
		if c.stream.http2 != nil {
			of.http2.frames.Ready(c.stream.http2)
		}
		c = of
	}
	if !c.queued.send {
		c.queued.send = true
		l.sendq.add(c.slot)
	}
}

// chainMax is how many operations one connection adds to a batch at the most: three for the socket's limits, header,
// buffers or resident and sendfile, and the end.
const chainMax = sendBuffersMax + 6

// send lets every connection that can, send its next bytes, and closes what is over. A
// connection's operations are linked, so that a short count stops the rest of them.
func (l *Loop) send() {
	queue := l.sendq.take()
	l.tls.sealed = 0
	l.addKernelTLS(queue)
	for rest := queue; len(rest) > 0; {
		if l.tls.sealed >= sealBytesPerIteration {
			l.sendq.waiting = append(l.sendq.waiting, rest...) // the first ones of the next iteration
			queue = queue[:len(queue)-len(rest)]
			break
		}
		n := l.addReads(rest)
		l.addSends(rest[:n])
		rest = rest[n:]
	}
	l.addEnds()
	l.runBatch()
	for _, slot := range queue {
		switch c := l.conns.at(slot); {
		case sendable(c):
			l.toSend(c) // a short count never means that the socket is full
		case needsPush(c):
			l.addPush(c)
		}
	}
	l.runBatch()
}

// addSends adds what connections can send now. What does not fit a batch is left to the next one.
func (l *Loop) addSends(queue []int32) {
	for _, slot := range queue {
		c := l.conns.at(slot)
		c.queued.send = false
		//mutation:send-queue-capped
		if !sendable(c) {
			continue
		}
		if !l.batch.room(chainMax) || c.seals() && !l.tls.messages.room(c.sealRoom()) {
			l.runBatch()
			l.tls.messages.reset()
		}
		l.addConn(c)
	}
	if l.tls.messages.mem != nil {
		l.runBatch() // the records of files are overwritten by the next ones
		l.tls.messages.reset()
	}
}

// addConn adds what a connection can send now: first the records that its socket has not taken.
func (l *Loop) addConn(c *conn) {
	if c.http2 != nil && c.http2.sendsFirst() {
		l.addHTTP2(c)
		return
	}
	if t := c.tls; t != nil {
		if c.seals() && t.out.isEmpty() && t.records.KeyUpdateDue() && !l.sealKeyUpdate(c) {
			l.retry(c)
			return
		}
		if !t.out.isEmpty() {
			l.addUnsent(c)
			return
		}
		if t.kernel.on && !t.kernel.ends && c.mustEnd() {
			l.endForKey(c.current)
		}
		if t.kernel.ends {
			l.addKernelAlert(c, 0)
			return
		}
	}
	if c.http2 == nil {
		l.addExchange(c.current)
	}
}

// needsPush reports whether the socket holds bytes back for others that do not follow now: they have to be
// waited for, be it for a disk, for buffers or for a rate. Where the socket is full it needs no push: what
// the client acknowledges makes room, and they follow.
func needsPush(c *conn) bool {
	//mutation:push-forgotten
	return c.pushPending && !c.writeBlocked && c.fd >= 0 && c.state() != connstate.StateLingering
}

// addPush lets the bytes leave that the socket holds back, which it would do for up to 200 ms (tcp(7), TCP_CORK).
func (l *Loop) addPush(c *conn) {
	if !l.batch.room(1) {
		l.runBatch()
	}
	c.pushPending = false
	l.batch.add(owner{}, kernel.Op{Kind: kernel.OpPush, FD: c.fd})
}

// sendable reports whether a connection has something to send and nothing to wait for.
func sendable(c *conn) bool { return !c.isStream() && !c.writeBlocked && !c.sendPaused && sends(c) }

// sends reports whether a connection's state is one that sends.
func sends(c *conn) bool {
	switch c.state() {
	case connstate.StateWReady, connstate.StateSending:
		return true
	case connstate.StateHandshake:
		return !c.tls.out.isEmpty()
	case connstate.StateStreams:
		return c.http2.hasFrames() || c.tls != nil && !c.tls.out.isEmpty()
	default:
		return false
	}
}

// addEnds adds what is to be closed.
func (l *Loop) addEnds() {
	for !l.closer.isEmpty() {
		if !l.batch.room(2) || l.tls.messages.mem != nil && !l.tls.messages.room(farewellBytesMax) {
			l.runBatch() // which may find more
			l.tls.messages.reset()
			continue
		}
		if fd, ok := l.closer.takeFile(); ok {
			l.batch.add(owner{}, kernel.Op{Kind: kernel.OpClose, FD: fd})
		} else if end, ok := l.closer.takeSocket(); ok {
			l.addAlert(end)
			l.batch.add(owner{}, kernel.Op{Kind: end.kind, FD: end.fd})
		}
	}
}

// farewellBytesMax is how much is sent before a connection is closed. More than that is control frames, which are not needed.
const farewellBytesMax = 8 << 10

// addAlert adds a send of the alert that precedes the end of a socket.
func (l *Loop) addAlert(end socketEnd) {
	if end.alert == nil || len(end.alert) > farewellBytesMax {
		return
	}
	buf := append(l.tls.messages.rest(), end.alert...)
	l.tls.messages.keep(len(buf))
	op := kernel.Op{Kind: kernel.OpSend, FD: end.fd}
	op.SetBuf(buf)
	l.batch.add(owner{}, op)
}

// addExchange adds what the current exchange can send now: the head, then as much of the content as one
// cgo call should, and behind the last byte the responses that follow, or the end of the
// connection.
func (l *Loop) addExchange(x *exchange) {
	c := x.conn
	file := x.body.remaining()
	l.addLimits(c, file)
	inMemory := x.inMemory()
	content := inMemory + file
	bucket := l.bucketOf(c, x.limit)
	granted := l.rates.reserve(bucket, x.limit, content, l.k.Now())
	added, link := l.addMessage(x, inMemory, granted)
	fileGranted := min(granted-added, c.sealMost())
	if file > 0 && added == inMemory && fileGranted > 0 && (link == 0 || !c.sealsOnce()) {
		var n int64
		n, link = x.body.addSends(l, x, fileGranted, link)
		added += n
	}
	l.rates.refund(bucket, x.limit, granted-added)
	switch {
	case granted == 0 && content > 0 && link == 0: // the rates allow nothing now, and the head is gone
		c.sendPaused = true
		l.retry(c)
	case added < content || x.parts.more():
	case x.keepAlive:
		l.addPipelined(c, l.addUncork(c, link))
	default:
		l.addEnd(c, x.lingers)
	}
}

// addUncork takes the cork away behind a response that is complete in the batch, so that its end leaves at once, and not when the batch has
// come to its end. The next response, which may be small, needs no push then.
func (l *Loop) addUncork(c *conn, link kernel.OpFlag) kernel.OpFlag {
	if !c.corked {
		return link
	}
	l.batch.add(ownerOf(roleUncork, c), kernel.Op{Kind: kernel.OpCork, Flags: link, FD: c.fd})
	return kernel.Link
}

// onUncork takes note that a socket holds nothing back any more.
func (l *Loop) onUncork(c *conn, op *kernel.Op) {
	if op.Result == 0 {
		c.corked, c.pushPending = false, false
	}
}

// addEnd adds the end of the connection behind a response that is complete in the batch.
func (l *Loop) addEnd(c *conn, linger bool) {
	if c.sendsByKernel() {
		l.addKernelAlert(c, kernel.Link) // the end follows that
		return
	}
	//mutation:close-notify-forgotten
	if c.seals() {
		l.addCloseNotify(c)
	}
	l.addClose(c, linger)
}

// addClose adds the close of a connection, or the end of what is sent if the connection lingers.
func (l *Loop) addClose(c *conn, linger bool) {
	op := kernel.Op{Kind: kernel.OpClose, Flags: kernel.Link, FD: c.fd}
	r := roleClose
	if linger {
		op.Kind, r = kernel.OpShutdown, roleShut
	}
	l.batch.add(ownerOf(r, c), op)
}

// endsWithBatch reports whether the connection ends in the batch that holds the last byte that is to be sent now: then
// that byte waits for the end, and both leave in one packet.
func (l *Loop) endsWithBatch(x *exchange) bool { return !x.keepAlive && !x.parts.more() }

// addMessage adds a send of what stands in writeBuf: the rest of the head, and of the content
// in memory that follows it as many bytes as were granted. It returns the number of those.
func (l *Loop) addMessage(x *exchange, inMemory, granted int64) (int64, kernel.OpFlag) {
	if x.state != connstate.StateWReady && len(x.writeBuf) == 0 {
		return 0, 0
	}
	//mutation:content-in-memory-unlimited
	n := max(min(inMemory, granted, x.conn.sealMost()-int64(x.headLeft)), 0)
	if n == 0 && inMemory > 0 && x.headLeft == 0 {
		return 0, 0
	}
	follows := false
	if n == inMemory {
		file := x.body.remaining()
		follows = file > 0 && granted > n && x.body.ready() || file == 0 && l.endsWithBatch(x)
	}
	l.sendMessage(x, roleMessage, x.writeBuf[:x.headLeft+int(n)], n, 0, follows)
	return n, kernel.Link
}

// sendMessage adds a send of message, which is the head in writeBuf or a buffer of a dynamic
// file alike. Its last bytes, content of them, are content, and reserved. If more follows in the batch, the kernel may
// wait for that before it makes a packet; but where it makes records, nothing but more bytes would end that wait.
func (l *Loop) sendMessage(x *exchange, r role, message []byte, content int64, link kernel.OpFlag, follows bool) {
	if follows && !x.conn.sendsByKernel() {
		link |= kernel.More
	}
	if x.conn.seals() {
		l.addSealed(x, r, message, content, link)
		return
	}
	op := kernel.Op{Kind: kernel.OpSend, Flags: link, FD: x.conn.fd}
	op.SetBuf(message)
	l.batch.add(senderOf(r, x, content), op)
}

// prefetch brings the next chunk into memory before it is sent.
func (l *Loop) prefetch(x *exchange) {
	l.setState(x.conn, connstate.StatePrefetching)
	l.askPrefetch(x)
}

// sent reports whether a connection can go on after an operation that sends: whether that did
// anything but fail. What it has sent is counted already (countSent).
func (l *Loop) sent(c *conn, op *kernel.Op) bool {
	switch kernel.Classify(op.Result) {
	case kernel.Done:
		return true
	case kernel.Again:
		//mutation:full-socket-as-gone
		c.writeBlocked = true
		l.touch(c)
		return false
	case kernel.Canceled:
		return false
	case kernel.Exhausted: // no memory for the socket's buffer now
		c.sendPaused = true
		l.retry(c)
		return false
	case kernel.PeerGone:
		l.counts.PeersGone++
		l.abort(c, kernel.OpClose)
		return false
	default:
		l.counts.DiskFaults++
		//mutation:disk-fault-as-end
		l.abort(c, kernel.OpReset)
		return false
	}
}

// onMessage takes note of the part of the head, and of the content in memory behind it, that was sent.
func (l *Loop) onMessage(c *conn, op *kernel.Op) {
	if !l.sent(c, op) {
		return
	}
	if x := c.current; x.state == connstate.StateWReady {
		l.stepWReady(x, int(op.Result))
	} else {
		l.stepSendingMemory(x, int(op.Result))
	}
}

// stepWReady is the step of CONN_WREADY: n more bytes of the head, and of the content in memory behind it, are gone.
func (l *Loop) stepWReady(x *exchange, n int) {
	assert(x.state == connstate.StateWReady, "a head is sent outside of CONN_WREADY")
	x.headLeft -= min(n, x.headLeft)
	x.writeBuf = x.writeBuf[n:]
	//mutation:short-send-as-whole
	switch {
	case x.headLeft > 0:
		return
	case len(x.writeBuf) > 0:
		l.setState(x.conn, connstate.StateSending)
		return
	}
	l.dropHead(x)
	switch {
	case x.body.remaining() == 0:
		l.finish(x)
	case x.body.ready():
		l.setState(x.conn, connstate.StateSending)
	default:
		l.awaitBody(x)
	}
}

// stepSendingMemory is the step of CONN_SENDING while content in memory is left: n more bytes of that are gone.
func (l *Loop) stepSendingMemory(x *exchange, n int) {
	assert(x.state == connstate.StateSending && x.headLeft == 0, "content in memory is sent outside of CONN_SENDING")
	if x.writeBuf = x.writeBuf[n:]; len(x.writeBuf) > 0 {
		return
	}
	l.dropHead(x)
	switch {
	case x.body.remaining() == 0:
		l.finish(x)
	case !x.body.ready():
		l.awaitBody(x)
	}
}

// stepSending is the step of CONN_SENDING: n more bytes of the body are gone.
func (l *Loop) stepSending(x *exchange, n int64) {
	assert(x.state == connstate.StateSending, "a body is sent outside of CONN_SENDING")
	x.body.advance(n)
	if x.body.remaining() == 0 {
		l.finish(x)
	}
}

// onResident learns whether the next chunk is in memory.
func (l *Loop) onResident(c *conn, op *kernel.Op) {
	if c.state() != connstate.StateSending {
		return // the head did not get through
	}
	x := c.current
	switch class := kernel.Classify(op.Result); {
	case op.DoneInFull():
		x.file.SetResident(x.sendfd.off, op.Len(), l.k.Now())
	case class == kernel.Canceled:
	default:
		if class != kernel.Done && class != kernel.Again {
			x.file.ProbingOff.Store(true)
		}
		l.prefetch(x)
	}
}

// onSendfile advances over the bytes of a file that were sent.
func (l *Loop) onSendfile(c *conn, op *kernel.Op) {
	if c.state() != connstate.StateSending {
		return // the batch ended before it
	}
	x := c.current
	if kernel.Classify(op.Result) == kernel.Unsupported {
		// A file that sendfile(2) can't take is sent the way of the dynamic ones.
		l.startLoading(x)
		l.awaitLoad(x)
		return
	}
	if !l.sent(c, op) {
		return
	}
	if op.Result == 0 {
		l.abortTruncated(x)
		return
	}
	//mutation:short-sendfile-as-whole
	l.stepSending(x, op.Result)
}

// onBuffer advances over the bytes of a buffer that were sent.
func (l *Loop) onBuffer(c *conn, op *kernel.Op) {
	if c.state() == connstate.StateSending && l.sent(c, op) {
		l.stepSending(c.current, op.Result)
	}
}

// onShutdown begins to linger.
func (l *Loop) onShutdown(c *conn, op *kernel.Op) {
	switch kernel.Classify(op.Result) {
	case kernel.Canceled:
	case kernel.Done:
		l.setState(c, connstate.StateLingering)
		l.release(c)
	default:
		l.abort(c, kernel.OpClose)
	}
}

// onClose ends a connection whose response is complete.
func (l *Loop) onClose(c *conn, op *kernel.Op) {
	if kernel.Classify(op.Result) != kernel.Canceled {
		//mutation:closed-twice
		l.endConn(c)
	}
}
