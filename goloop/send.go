package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
)

// toSend lets the next send phase serve a connection.
func (l *Loop) toSend(c *conn) {
	if !c.inSendq {
		c.inSendq = true
		l.sendq = append(l.sendq, c.slot)
	}
}

// chainMax is how many operations one connection adds to a batch at the most: two for the congestion control, header,
// buffers or resident and sendfile, and the end.
const chainMax = sendBuffersMax + 5

// send lets every connection that can, send its next bytes, and closes what is over. A
// connection's operations are linked, so that a short count stops the rest of its chain.
func (l *Loop) send() {
	queue := l.sendq
	l.sendq, l.spare = l.spare[:0], queue
	for _, slot := range queue {
		c := l.conns.bySlot[slot]
		c.inSendq = false
		if !sendable(c) {
			continue
		}
		if !l.batch.room(chainMax) {
			l.run()
		}
		l.addChain(c)
	}
	l.addHangUps()
	l.run()
	for _, slot := range queue {
		switch c := l.conns.bySlot[slot]; {
		case sendable(c):
			l.toSend(c) // a short count never means that the socket is full
		case heldBack(c):
			l.addPush(c)
		}
	}
	l.run()
}

// heldBack reports whether the socket holds bytes back for others that do not follow now: they have to be
// waited for, be it for a disk, for buffers or for a rate. Where the socket is full it needs no push: what
// the client acknowledges makes room, and they follow.
func heldBack(c *conn) bool {
	return c.held && !c.blocked && c.fd >= 0 && c.state != connstate.StateLingering
}

// addPush lets the bytes leave that the socket holds back, which it would do for up to 200 ms (tcp(7), TCP_CORK).
func (l *Loop) addPush(c *conn) {
	if !l.batch.room(1) {
		l.run()
	}
	c.held = false
	l.batch.add(owner{}, kernel.Op{Kind: kernel.OpPush, FD: c.fd})
}

// sendable reports whether a connection has something to send and nothing to wait for.
func sendable(c *conn) bool {
	return !c.blocked && !c.resting && (c.state == connstate.StateWReady || c.state == connstate.StateSending)
}

// addHangUps adds the descriptors that are to be closed.
func (l *Loop) addHangUps() {
	for len(l.hangUps) > 0 || len(l.closing) > 0 {
		if !l.batch.room(1) {
			l.run() // which may find more of them
			continue
		}
		if n := len(l.closing); n > 0 {
			d := l.closing[n-1]
			l.closing = l.closing[:n-1]
			if d.Slow {
				l.slowly = append(l.slowly, d.FD)
			} else {
				l.batch.add(owner{}, kernel.Op{Kind: kernel.OpClose, FD: d.FD})
			}
			continue
		}
		n := len(l.hangUps)
		l.batch.add(owner{}, kernel.Op{Kind: l.hangUps[n-1].kind, FD: l.hangUps[n-1].fd})
		l.hangUps = l.hangUps[:n-1]
	}
}

// addChain adds what a connection can send now: the header, then as much of the body as one
// cgo call should, and behind the last byte the responses that follow, or the end of the
// connection.
func (l *Loop) addChain(c *conn) {
	file := c.end - c.off
	if c.locality != localityUnknown {
		l.addCongestion(c, file)
	}
	inMemory := bodyBytes(c.writeBuf, c.headLeft)
	body := inMemory + file
	granted := l.rates.reserve(&c.bucket, body, l.k.Now())
	added, link := l.addMessage(c, inMemory, granted)
	left := granted - added // of the file, what may be sent now
	var n int64
	switch {
	case file == 0 || added < inMemory:
	case left == 0:
	case c.win != nil:
		n, link = l.addBuffers(c, link, left)
	default:
		n, link = l.addFile(c, place{file: c.file, off: c.off, end: c.end, prefetchEnd: l.prefetchEnd(c), most: left}, link)
	}
	added += n
	l.rates.refund(&c.bucket, granted-added)
	switch {
	case granted == 0 && body > 0 && link == 0: // the rates allow nothing now, and the head is gone
		c.resting = true
		l.retry(c)
	case added < body || c.tail.more():
	case c.keep:
		l.addPipelined(c, link)
	default:
		l.addEnd(c, c.linger)
	}
}

// addEnd adds the end of the connection behind a response that is complete in the batch.
func (l *Loop) addEnd(c *conn, linger bool) {
	op := kernel.Op{Kind: kernel.OpClose, Flags: kernel.Link, FD: c.fd}
	r := roleClose
	if linger {
		op.Kind, r = kernel.OpShutdown, roleShut
	}
	l.batch.add(ownerOf(r, c), op)
}

// bodyReady reports whether body bytes follow the header in the same batch.
func (l *Loop) bodyReady(c *conn) bool { return c.win == nil || l.loaded(c) }

// last reports whether the connection ends in the batch that holds the last byte that is to be sent now: then
// that byte waits for the end, and both leave in one packet.
func (l *Loop) last(c *conn) bool { return !c.keep && !c.tail.more() }

// addMessage adds a send of what stands in writeBuf: the rest of the head, and of the body bytes
// in memory that follow it as many as were granted. It returns the number of those.
func (l *Loop) addMessage(c *conn, inMemory, granted int64) (int64, kernel.OpFlag) {
	if c.state != connstate.StateWReady && len(c.writeBuf) == 0 {
		return 0, 0
	}
	n := min(inMemory, granted)
	if n == 0 && inMemory > 0 && c.headLeft == 0 {
		return 0, 0
	}
	more := false
	if n == inMemory {
		more = c.off < c.end && granted > n && l.bodyReady(c) || c.off == c.end && l.last(c)
	}
	l.sendMessage(c, roleHeader, c.writeBuf[:c.headLeft+int(n)], n, 0, more)
	return n, kernel.Link
}

// sendMessage adds a send of message, which is the header in writeBuf or a buffer of a dynamic
// file alike. Its last bytes, body of them, are body bytes, and reserved. With more, the kernel may
// wait for what follows before it makes a packet.
func (l *Loop) sendMessage(c *conn, r role, message []byte, body int64, link kernel.OpFlag, more bool) {
	op := kernel.Op{Kind: kernel.OpSend, Flags: link, FD: c.fd}
	if more {
		op.Flags |= kernel.More
	}
	op.SetBuf(message)
	l.batch.add(senderOf(r, c, body), op)
}

// place is where in a file a body stands.
type place struct {
	file        *docroot.File
	off, end    int64
	prefetchEnd int64 // up to here it is known to be in memory
	most        int64 // bytes that may be sent now
}

// chunk returns how many of the file's next bytes are asked about, and sent, at once: never across
// the border of the chunks by which residency is remembered.
func chunk(off, end int64) int64 {
	border := (off/docroot.ResidentChunkBytes + 1) * docroot.ResidentChunkBytes
	return min(end, border) - off
}

// addFile adds a sendfile of the next chunk, if it is in memory: sendfile(2) would wait for a disk
// and hold up everybody.
func (l *Loop) addFile(c *conn, at place, link kernel.OpFlag) (int64, kernel.OpFlag) {
	n := chunk(at.off, at.end)
	fd := at.file.FD
	if at.prefetchEnd > at.off {
		n = min(n, at.prefetchEnd-at.off) // not all where the file has become shorter
	} else if !at.file.Resident(at.off, l.k.Now()) {
		if at.file.ProbingOff.Load() {
			if link == 0 {
				l.prefetch(c) // the header is gone
			}
			return 0, link // else it is sent first
		}
		probe := kernel.Op{Kind: kernel.OpResident, Flags: link, FD: c.fd, File: fd, Offset: at.off}
		probe.SetLen(n)
		l.batch.add(ownerOf(roleResident, c), probe)
		link = kernel.Link
	}
	op := kernel.Op{Kind: kernel.OpSendfile, Flags: link, FD: c.fd, File: fd, Offset: at.off}
	n = min(n, at.most)
	op.SetLen(n)
	l.batch.add(senderOf(roleFile, c, n), op)
	return n, kernel.Link
}

// prefetchFor is how long what was brought into memory for a connection is taken to be there still.
const prefetchFor = 250 * time.Millisecond

// prefetchEnd returns up to where the connection's file is known to be in memory.
func (l *Loop) prefetchEnd(c *conn) int64 {
	if c.prefetchAt != 0 && l.k.Now()-c.prefetchAt > prefetchFor {
		return 0
	}
	return c.prefetchEnd
}

// prefetch brings the next chunk into memory before it is sent.
func (l *Loop) prefetch(c *conn) {
	l.setState(c, connstate.StatePrefetching)
	l.askPrefetch(c)
}

// sent reports whether a connection can go on after an operation that sends: whether that did
// anything but fail. What it has sent is counted already (countSent).
func (l *Loop) sent(c *conn, op *kernel.Op) bool {
	switch kernel.Classify(op.Result) {
	case kernel.Done:
		return true
	case kernel.Again:
		c.blocked = true
		l.touch(c)
		return false
	case kernel.Canceled:
		return false
	case kernel.Exhausted: // no memory for the socket's buffer now
		c.resting = true
		l.retry(c)
		return false
	case kernel.PeerGone:
		l.counts.PeersGone++
		l.abort(c, kernel.OpClose)
		return false
	default:
		l.counts.DiskFaults++
		l.abort(c, kernel.OpReset)
		return false
	}
}

// onHeader advances over the part of the header, and of the body bytes behind it, that was sent.
func (l *Loop) onHeader(c *conn, op *kernel.Op) {
	if !l.sent(c, op) {
		return
	}
	assert(c.state == connstate.StateWReady || c.headLeft == 0 && c.state == connstate.StateSending, "a header is sent outside CONN_WREADY")
	c.headLeft -= min(int(op.Result), c.headLeft)
	c.writeBuf = c.writeBuf[op.Result:]
	if len(c.writeBuf) > 0 {
		if c.headLeft == 0 {
			l.toSending(c)
		}
		return
	}
	l.dropHead(c)
	switch {
	case c.off == c.end:
		l.finish(c)
	case c.win != nil && !l.loaded(c):
		l.setState(c, connstate.StateReadingAsync)
	default:
		l.toSending(c)
	}
}

// toSending notes that the header is gone and body bytes follow, once.
func (l *Loop) toSending(c *conn) {
	if c.state == connstate.StateWReady {
		l.setState(c, connstate.StateSending)
	}
}

// onResident learns whether the next chunk is in memory.
func (l *Loop) onResident(c *conn, op *kernel.Op) {
	if c.state != connstate.StateSending {
		return // the header did not get through
	}
	switch class := kernel.Classify(op.Result); {
	case op.DoneInFull():
		c.file.SetResident(c.off, op.Len(), l.k.Now())
	case class == kernel.Canceled:
	default:
		if class != kernel.Done && class != kernel.Again {
			c.file.ProbingOff.Store(true)
		}
		l.prefetch(c)
	}
}

// onSendfile advances over the body bytes that were sent.
func (l *Loop) onSendfile(c *conn, op *kernel.Op) {
	if c.state != connstate.StateSending {
		return // the chain ended before it
	}
	if kernel.Classify(op.Result) == kernel.Unsupported {
		// A file that sendfile(2) can't take is sent the way of the dynamic ones.
		l.startDynamic(c)
		l.await(c)
		return
	}
	if !l.sent(c, op) {
		return
	}
	if op.Result == 0 {
		l.truncated(c)
		return
	}
	c.off += op.Result
	if c.off == c.end {
		l.finish(c)
	}
}

// finish is called when the last byte of a response has been taken. A connection that is not kept
// is ended by the operation that follows in its chain.
func (l *Loop) finish(c *conn) {
	if c.tail.more() {
		l.nextSegment(c)
		return
	}
	l.account(c, true)
	if !c.keep {
		return
	}
	l.dropWindow(c)
	l.dropFile(&c.file)
	if c.tail != nil && c.tail.draining {
		l.setState(c, connstate.StateDiscarding)
		return
	}
	l.dropTail(c)
	l.setState(c, connstate.StateInit)
	if len(c.pipeline.left()) > 0 {
		l.promote(c)
		return
	}
	if c.part != nil {
		l.toParse(c)
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
		l.over(c)
	}
}
