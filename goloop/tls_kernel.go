package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/tlsconn"
)

// A connection may let the kernel make the records that it sends: then what is sent is plaintext, and a file goes by sendfile as on a
// connection without TLS. Received records are opened by the loop in either case. Two things differ from a plain connection:
//
// The keys can't be changed (not before Linux 6.14). RFC 8446, section 4.6.3, forbids further application data once the client has requested
// a KeyUpdate, until that is sent. So such a connection ends in order before its next response, and so does one whose key has
// protected as many records as it may (section 5.5).
//
// The kernel reports bytes as sent whose records TCP has no room for yet, and discards those when the socket is closed. So the socket
// is closed when TCP has taken all.

// kernelTLS is the state of a connection's TLS in the kernel.
type kernelTLS struct {
	on      bool
	refused bool   // it has been tried
	ends    bool   // the alert that ends the connection is the next to be sent
	alerted bool   // and has been sent
	keys    int64  // size of the keys, as kernel.OpTLSSent needs it
	base    int64  // bytes that TCP had taken when it began, less those of delivery.sent
	first   uint64 // number of the first record
	records uint64 // since then, estimated: not fewer than there are
}

const (
	// recordsPerKey is how many records a key may protect. RFC 8446, section 5.5, allows 2^24.5 for AES-GCM.
	recordsPerKey = 1 << 24
	// keptRecords is what a send adds to the records that its bytes fill: the kernel ends a record with each.
	keptRecords = 2
)

// sendsByKernel reports whether the kernel makes the records of what is sent.
func (c *conn) sendsByKernel() bool { return c.tls != nil && c.tls.kernel.on }

// isEncrypted reports whether the connection's TLS handshake is over.
func (c *conn) isEncrypted() bool { return c.tls != nil && c.tls.established() }

// recordsOf returns how many records a number of bytes takes at the most.
func recordsOf(bytes int64) uint64 { return uint64(bytes/kernel.RecordContent + keptRecords) }

// fits reports whether the key may protect so many bytes more.
func (k *kernelTLS) fits(bytes int64) bool { return k.records+recordsOf(bytes) < recordsPerKey }

// wantsKernelTLS reports whether the kernel should make a connection's records from now on: before a response with a large part of a
// file, if nothing is kept that has been sealed already, and another response may follow. One that ends the
// connection gains less than that end costs.
func (l *Loop) wantsKernelTLS(c *conn) bool {
	t, x := c.tls, c.current
	if l.cfg.KernelTLSBytes == 0 || t == nil || !t.established() || t.kernel.on || t.kernel.refused || !t.out.isEmpty() ||
		!t.records.CanRewind() || t.records.KeyUpdateDue() || x == nil || !x.keepAlive || x.sent > 0 {
		return false
	}
	b, ok := x.body.(*fileBody)
	return ok && b.remaining() >= l.cfg.KernelTLSBytes && t.kernel.fits(b.remaining())
}

// addKernelTLS lets the kernel make the records of the connections that want it.
func (l *Loop) addKernelTLS(queue []int32) {
	if l.tls.config == nil || l.cfg.KernelTLSBytes == 0 {
		return
	}
	for _, slot := range queue {
		c := l.conns.at(slot)
		if !sendable(c) || !l.wantsKernelTLS(c) {
			continue
		}
		if !l.batch.room(1) || !l.tls.messages.room(kernel.TLSKeysMax) {
			break // the others wait until their next response
		}
		t := c.tls
		t.kernel.refused = true // until it has succeeded
		l.counts.KernelTLSRefused++
		if l.tls.unsupported[tlsconn.SlotOfSuite(t.records.Facts().Suite)] {
			continue
		}
		key, iv, sequence, err := t.records.Export()
		if err != nil {
			continue
		}
		buf, ok := kernel.AppendTLSKeys(l.tls.messages.rest(), t.records.Facts().Suite, key, iv, sequence)
		clear(key)
		if !ok {
			continue
		}
		l.tls.messages.keep(len(buf))
		op := kernel.Op{Kind: kernel.OpTLSSend, FD: c.fd}
		op.SetBuf(buf)
		l.batch.add(ownerOf(roleKernelTLS, c), op)
	}
	l.runBatch()
	l.tls.messages.erase()
}

// onKernelTLS learns whether the kernel makes a connection's records.
func (l *Loop) onKernelTLS(c *conn, op *kernel.Op) {
	t := c.tls
	switch kernel.Classify(op.Result) {
	case kernel.Done:
		t.kernel = kernelTLS{on: true, keys: op.Len(), base: op.Result - c.delivery.sent, first: t.records.Sequence()}
		l.counts.KernelTLS++
		l.counts.KernelTLSRefused--
	case kernel.PeerGone, kernel.Again, kernel.Canceled, kernel.Exhausted: // the connection is the reason
	default:
		l.tls.unsupported[tlsconn.SlotOfSuite(t.records.Facts().Suite)] = true
	}
}

// mustEnd reports whether a connection must end before its next response, for want of another key.
func (c *conn) mustEnd() bool {
	x := c.current
	return x.sent == 0 && (c.tls.records.KeyUpdateDue() || !c.tls.kernel.fits(x.inMemory()+x.body.remaining()))
}

// endForKey lets a connection end instead of the response that is about to be sent. The client may send its request again.
func (l *Loop) endForKey(x *exchange) {
	x.keepAlive, x.lingers = false, true
	x.conn.tls.kernel.ends = true
}

// addKernelAlert adds a send of the alert that ends a connection's TLS.
func (l *Loop) addKernelAlert(c *conn, link kernel.OpFlag) {
	l.batch.add(ownerOf(roleKernelAlert, c), l.alertOp(c.fd, c.tls.records.Alert(), link))
}

// alertOp returns a send of an alert by TLS in the kernel.
func (l *Loop) alertOp(fd int32, alert [2]byte, link kernel.OpFlag) kernel.Op {
	buf := append(l.tls.messages.rest(), alert[:]...)
	l.tls.messages.keep(len(buf))
	op := kernel.Op{Kind: kernel.OpSendRecord, Flags: link, FD: fd, Mask: tlsconn.TypeAlert}
	op.SetBuf(buf)
	return op
}

// onKernelAlert ends a connection whose alert has been sent.
func (l *Loop) onKernelAlert(c *conn, op *kernel.Op) {
	t := c.tls
	class := kernel.Classify(op.Result)
	t.kernel.ends = t.kernel.ends || class == kernel.Again || class == kernel.Exhausted
	if !l.sent(c, op) {
		return
	}
	t.kernel.alerted = true
	if !c.current.lingers {
		l.abort(c, kernel.OpClose)
		return
	}
	l.lingerOpen(c)
}

// lingerOpen begins the lingering close of a connection whose side is not shut until TCP has taken all.
func (l *Loop) lingerOpen(c *conn) {
	t := c.tls
	l.heads.giveIf(t.in.buf)
	t.in = recordInput{}
	l.setState(c, connstate.StateLingering)
	l.release(c)
}

// kernelEnd is a socket that is closed when TCP has taken all of its records.
type kernelEnd struct {
	fd      int32
	watched bool // epoll has it
	alerted bool
	alert   [2]byte
	keys    int64
	sent    int64 // position of TCP after the content, without the overhead of records
	first   uint64
	at      time.Duration // when that is asked next
	wait    time.Duration
	until   time.Duration // when it is closed in any case
}

// endKernelTLS lets a connection's socket be closed when TCP has taken all. The connection is over.
func (l *Loop) endKernelTLS(c *conn) {
	k := &c.tls.kernel
	now := l.k.Now()
	e := kernelEnd{
		fd: c.fd, watched: c.epoll.registered, alert: c.tls.records.Alert(), alerted: k.alerted, keys: k.keys, sent: k.base + c.delivery.sent, first: k.first,
		at: now, wait: retryAfter, until: now + l.cfg.SendTimeout,
	}
	if e.alerted {
		e.sent += int64(len(e.alert))
	}
	l.closer.kernel = append(l.closer.kernel, e)
}

// kernelEndWaitMax is the most between two looks at a socket that is to be closed.
const kernelEndWaitMax = 320 * time.Millisecond

// closeKernelTLS closes the sockets whose records TCP has taken, after their alert. atOnce closes all.
func (l *Loop) closeKernelTLS(atOnce bool) {
	if len(l.closer.kernel) == 0 {
		return
	}
	now := l.k.Now()
	kept := l.closer.kernel[:0]
	for _, e := range l.closer.kernel {
		if now < e.at && !atOnce {
			kept = append(kept, e)
			continue
		}
		if !l.tryClose(&e) {
			if atOnce || now >= e.until {
				l.closer.add(kernel.OpClose, e.fd)
				continue
			}
			if e.watched { // nobody is interested in its events
				e.watched = false
				l.batch.add(owner{}, kernel.Op{Kind: kernel.OpEpollDel, FD: e.fd, File: l.k.Poller()})
				l.batch.carryOut(l.k)
			}
			e.at, e.wait = now+e.wait, min(2*e.wait, kernelEndWaitMax)
			kept = append(kept, e)
		}
	}
	l.closer.kernel = kept
}

// tryClose sends a socket's alert and closes it, or returns false if TCP has not taken all.
func (l *Loop) tryClose(e *kernelEnd) bool {
	l.tls.messages.reset()
	if !e.alerted {
		l.batch.add(owner{}, l.alertOp(e.fd, e.alert, 0))
		ops := l.batch.carryOut(l.k)
		switch class := kernel.Classify(ops[0].Result); class {
		case kernel.Again, kernel.Exhausted:
			return false
		case kernel.Done:
			e.alerted = true
			e.sent += int64(len(e.alert))
		default:
			l.closer.add(kernel.OpClose, e.fd) // nothing can be sent any more
			return true
		}
	}
	op := kernel.Op{Kind: kernel.OpTLSSent, FD: e.fd, Offset: e.sent, Token: e.first}
	op.SetLen(e.keys)
	l.batch.add(owner{}, op)
	l.batch.add(owner{}, kernel.Op{Kind: kernel.OpClose, Flags: kernel.Link, FD: e.fd})
	ops := l.batch.carryOut(l.k)
	return kernel.Classify(ops[1].Result) != kernel.Canceled
}

// kernelEndsDueAt returns when a socket that is to be closed is looked at next.
func (s *closer) kernelEndsDueAt() time.Duration {
	at := never
	for i := range s.kernel {
		at = min(at, s.kernel[i].at)
	}
	return at
}
