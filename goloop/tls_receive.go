package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
	"aws/internal/tlsconn"
)

// onRecords takes in n bytes of records, which lie in the memory of their receive: that of the connection's input, or buf.
func (l *Loop) onRecords(c *conn, buf []byte) {
	in := &c.tls.in
	if in.buf != nil {
		in.to += len(buf)
		l.openRecords(c, in)
		return
	}
	scratch := recordInput{buf: buf, to: len(buf)}
	gen := c.gen
	l.openRecords(c, &scratch)
	if c.gen != gen || c.tls == nil || c.state() == connstate.StateLingering || scratch.isEmpty() {
		return
	}
	if in.buf = l.heads.take(recordBytesMax); in.buf == nil {
		l.abort(c, kernel.OpReset) // out of memory
		return
	}
	in.plainTo = copy(in.buf, scratch.buf[scratch.plainFrom:scratch.plainTo])
	in.from = in.plainTo
	in.to = in.from + copy(in.buf[in.from:], scratch.buf[scratch.from:scratch.to])
}

// openRecords opens the records that have arrived, and hands on what is in them, as long as the connection's state receives. in is the
// connection's input, or one that lies in the memory of a receive.
func (l *Loop) openRecords(c *conn, in *recordInput) {
	gen, t := c.gen, c.tls
	for c.gen == gen && receives(c) && c.tls == t && !c.queued.parse && c.state() != connstate.StateLingering {
		if in.plainFrom < in.plainTo {
			most := receiveBytes
			if c.readBuf != nil {
				most = min(most, len(c.readBuf.buf)-c.readBuf.n)
			}
			piece := in.buf[in.plainFrom:min(in.plainTo, in.plainFrom+most)]
			in.plainFrom += len(piece)
			l.onPlaintext(c, piece)
			continue
		}
		opened := t.records.Open(in.buf[in.from:in.to])
		if opened.Result == tlsconn.Incomplete {
			l.touch(c)
			break
		}
		in.plainFrom, in.plainTo = in.from+opened.From, in.from+opened.To
		in.from += opened.Bytes
		switch opened.Result {
		case tlsconn.Closed:
			l.abort(c, kernel.OpClose)
		case tlsconn.Broken:
			l.counts.RecordsBroken++
			l.abort(c, kernel.OpClose)
		case tlsconn.Incomplete, tlsconn.Data, tlsconn.Control:
		}
	}
	if c.gen == gen && c.tls == t && in == &t.in && in.buf != nil {
		l.tidyInput(in)
	}
}

// tidyInput gives an empty input's buffer back, and makes room for the rest of a record in another's.
func (l *Loop) tidyInput(in *recordInput) {
	switch {
	case in.isEmpty():
		l.heads.give(in.buf)
		*in = recordInput{}
	case in.plainFrom == in.plainTo && in.from > 0:
		in.to = copy(in.buf, in.buf[in.from:in.to])
		in.plainFrom, in.plainTo, in.from = 0, 0, 0
	}
}
