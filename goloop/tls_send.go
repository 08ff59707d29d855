package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/tlsconn"
)

// seals reports whether what is sent on a connection is protected by the loop.
func (c *conn) seals() bool { return c.isEncrypted() && !c.tls.kernel.on }

// sealsOnce reports whether one batch may hold one send of the connection only: what has been sealed can't be sealed again.
func (c *conn) sealsOnce() bool { return c.seals() && !c.tls.records.CanRewind() }

// sealMost returns how much content one batch may seal for a connection.
func (c *conn) sealMost() int64 {
	switch {
	case !c.seals():
		return never.Nanoseconds()
	case c.sealsOnce():
		return kernel.RecordContent
	default:
		return sealBytesMax
	}
}

// addSealed adds a send of a message as records. Of the message the last bytes, content of them, are content.
func (l *Loop) addSealed(x *exchange, r role, message []byte, content int64, flags kernel.OpFlag) {
	records := x.conn.tls.records
	first := records.Sequence()
	buf := records.Seal(l.tls.messages.rest(), message)
	l.tls.messages.keep(len(buf) + tlsconn.AlertBytesMax)
	l.addRecords(x, r, buf, first, int64(len(message)), content, flags)
}

// addRecords adds a send of records, in which there are plain bytes, content of them content. first is the number of the first one.
// Behind them is room for a close_notify.
func (l *Loop) addRecords(x *exchange, r role, buf []byte, first uint64, plain, content int64, flags kernel.OpFlag) {
	l.tls.sealed += plain
	o := senderOf(r, x, content)
	o.records = recordsSealed
	op := kernel.Op{Kind: kernel.OpSend, Flags: flags, FD: x.conn.fd, Token: first, Offset: plain}
	op.SetBuf(buf)
	l.batch.add(o, op)
	l.tls.latest = buf
}

// addCloseNotify adds a close_notify (RFC 8446, section 6.1) to the records that the latest operation of the batch sends, which end the
// connection's last response.
func (l *Loop) addCloseNotify(c *conn) {
	o, op := l.batch.latest()
	assert(o.slot == c.slot && o.records == recordsSealed, "a close_notify follows no records")
	buf := l.tls.latest
	op.SetBuf(c.tls.records.AppendAlert(buf[: len(buf) : len(buf)+tlsconn.AlertBytesMax]))
	o.ends = true
}

// addUnsent adds a send of the records that the socket has not taken.
func (l *Loop) addUnsent(c *conn) {
	out := &c.tls.out
	o := ownerOf(out.role, c)
	o.sends, o.records = true, recordsUnsent
	op := kernel.Op{Kind: kernel.OpSend, FD: c.fd}
	op.SetBuf(out.unsent)
	l.batch.add(o, op)
	if out.ends {
		l.addClose(c, c.current.lingers)
	}
}

// sealKeyUpdate seals a KeyUpdate (RFC 8446, section 4.6.3) that is due, to be sent before anything else. It returns false if that is
// not possible now.
func (l *Loop) sealKeyUpdate(c *conn) bool {
	t := c.tls
	buf := l.heads.take(tlsconn.AlertBytesMax)
	if buf == nil {
		return false
	}
	sealed, err := t.records.SealKeyUpdate(buf[:0])
	if err != nil {
		l.heads.give(buf)
		return false
	}
	t.out = recordOutput{buf: buf, unsent: sealed, role: roleControl}
	return true
}

// settleRecords replaces the result of an operation that has sent records by that of a send of what is in them. Records that the socket has
// not begun to take are taken back, to be sealed again; the rest of one that it has begun to take is kept. It returns false if
// the connection is over, for want of memory.
func (l *Loop) settleRecords(c *conn, o *owner, op *kernel.Op) bool {
	if wire := op.Result; wire > 0 {
		l.noteDelivery(c, wire, op.Flags)
	}
	if o.records == recordsUnsent {
		l.settleUnsent(&c.tls.out, o, op)
		return true
	}
	t, buf, plain, wire := c.tls, op.Buf(), op.Offset, max(op.Result, 0)
	if wire == int64(len(buf)) {
		t.chunk = min(2*max(t.chunk, sealBytesMin), sealBytesMax)
		op.Result = plain
		op.SetLen(plain)
		return true
	}
	if wire > 0 {
		t.chunk = max(wire/kernel.RecordContent*kernel.RecordContent, sealBytesMin)
	}
	//mutation:record-not-taken-back
	cut := t.records.Cut(op.Token, int(plain), len(buf), int(wire), o.ends)
	//mutation:rest-of-record-lost
	if unsent := buf[cut.From:cut.To]; len(unsent) > 0 {
		out := l.heads.take(len(unsent))
		if out == nil {
			l.abort(c, kernel.OpReset) // out of memory
			return false
		}
		content := cut.Content(plain, int64(o.content))
		o.content -= uint32(content)
		t.out = recordOutput{
			buf: out, unsent: out[:copy(out, unsent)], role: o.role,
			plain: cut.Kept, content: uint32(content), limit: o.limit, ends: o.ends && cut.To == len(buf),
		}
	}
	op.SetLen(plain - cut.Kept)
	if op.Result >= 0 {
		op.Result = cut.Sent
		if cut.Sent == 0 {
			op.Result = kernel.NotRun
		}
	}
	return true
}

// settleUnsent does the same for records that were kept.
func (l *Loop) settleUnsent(out *recordOutput, o *owner, op *kernel.Op) {
	switch {
	case op.Result == int64(len(out.unsent)):
		op.Result, o.content, o.limit = out.plain, out.content, out.limit
		op.SetLen(out.plain)
		l.heads.give(out.buf)
		*out = recordOutput{}
		return
	case op.Result >= 0:
		//mutation:unsent-record-twice
		out.unsent = out.unsent[op.Result:]
		op.Result = kernel.NotRun
	}
	op.SetLen(0)
}

// onControl goes on when a record that concerns TLS alone has been sent.
func (l *Loop) onControl(c *conn, op *kernel.Op) { l.sent(c, op) }

// addReads adds, for the connections at the front of a queue, the reads of what they are about to seal of their files, as far as there is
// room for it, and runs them. It returns for how many connections.
func (l *Loop) addReads(queue []int32) int {
	if l.tls.messages.mem == nil {
		return len(queue)
	}
	l.tls.reads.reset()
	l.http2.resetPlans()
	for i, slot := range queue {
		c := l.conns.at(slot)
		if c.http2 != nil {
			if l.mayPlan(c) && !l.planFrames(c) {
				l.runBatch()
				return i
			}
			continue
		}
		if !sendable(c) || !c.seals() || !c.tls.out.isEmpty() {
			continue
		}
		x := c.current
		if b, ok := x.body.(*fileBody); ok && b.remaining() > 0 {
			if x.state == connstate.StateSending && len(x.writeBuf) == 0 && b.followsPrefetch(l.k.Now()) {
				l.prefetch(x)
				continue
			}
			if !l.batch.room(1) || !l.tls.reads.room(sealBytesMax+16*tlsconn.OverheadMax) {
				l.runBatch()
				return i
			}
			l.addRead(c, b)
		}
	}
	l.runBatch()
	return len(queue)
}

// addRead adds a read of the next part of a file from the page cache, into the form of records. It waits for no disk: what was prefetched
// or made for a response is in memory.
func (l *Loop) addRead(c *conn, b *fileBody) {
	n := min(b.remaining(), c.tls.chunk, c.sealMost())
	op := kernel.Op{Kind: kernel.OpReadRecords, FD: c.fd, File: b.file.FD, Offset: b.off}
	if resident := b.resident(l.k.Now()); resident > b.off {
		n = min(n, resident-b.off)
		op.Mask = kernel.ReadWaits
	}
	buf := l.tls.reads.rest()
	buf = buf[:kernel.RecordsLen(n)]
	l.tls.reads.keep(len(buf) + tlsconn.AlertBytesMax)
	op.SetRecords(buf, n)
	c.tls.read = fileRead{body: b, buf: buf}
	l.batch.add(ownerOf(roleRead, c), op)
}

// onRead learns what a read has brought.
func (l *Loop) onRead(c *conn, op *kernel.Op) {
	x := c.current
	switch class := kernel.Classify(op.Result); {
	case class == kernel.Done && op.Result > 0:
		c.tls.read.n = op.Result
	case class == kernel.Done:
		l.abortTruncated(x)
	case class == kernel.Again:
		if len(x.writeBuf) == 0 && x.state == connstate.StateSending {
			l.prefetch(x)
		} // else that is sent first
	case class == kernel.Unsupported:
		l.startLoading(x)
		if x.state == connstate.StateSending && len(x.writeBuf) == 0 {
			l.awaitLoad(x)
		}
	default:
		l.counts.DiskFaults++
		l.abort(c, kernel.OpReset)
	}
}

// addSealedFile adds a send of what was read of a file, up to most bytes of it.
func (l *Loop) addSealedFile(x *exchange, b *fileBody, most int64, link kernel.OpFlag) (int64, kernel.OpFlag) {
	c := x.conn
	read := c.tls.read
	n := min(read.n, most)
	if read.body != b || n == 0 {
		return 0, link
	}
	c.tls.read = fileRead{}
	records := c.tls.records
	first := records.Sequence()
	buf := read.buf[:0:cap(read.buf)]
	if records.CanRewind() {
		for at := int64(0); at < n; at += kernel.RecordContent {
			content := min(n-at, kernel.RecordContent)
			records.SealInPlace(read.buf[len(buf):], int(content))
			buf = buf[:len(buf)+int(content)+kernel.RecordHead+kernel.RecordTail]
		}
	} else {
		buf = records.Seal(l.tls.messages.rest(), read.buf[kernel.RecordHead:kernel.RecordHead+n])
		l.tls.messages.keep(len(buf) + tlsconn.AlertBytesMax)
	}
	l.addRecords(x, roleFile, buf, first, n, n, link)
	return n, kernel.Link
}
