package goloop

import (
	"aws/internal/connstate"
	"aws/internal/kernel"
)

// A response's body comes from memory, where it stands behind the header (small files, error pages,
// the texts between several parts), from a file by sendfile, or from loaded buffers. Whichever it is,
// and whether the response is sent in its turn or was prepared ahead of it, its bytes are sent by an
// operation of senderOf, for which they are reserved before, and are counted by countSent: what is to be
// done for each byte is done there.

// bodyBytes returns how many body bytes stand behind the header in a message.
func bodyBytes(message []byte, head int) int64 { return int64(len(message) - head) }

// senderOf returns the owner of an operation that sends bytes of a connection's response, of which the last
// ones, body of them, are body bytes.
func senderOf(r role, c *conn, body int64) owner {
	o := ownerOf(r, c)
	o.sends, o.body = true, uint32(body)
	return o
}

// countSent counts what an operation has sent, in the order of the batch and before its connection learns of it.
// It is called for those that were not run, too, and for those of connections that are over: their
// descriptor's slot may have another tenant, who has nothing to do with it.
func (l *Loop) countSent(c *conn, alive bool, o owner, op *kernel.Op) {
	n := max(op.Result, 0)
	body := max(n-(op.Len()-int64(o.body)), 0) // the header's bytes come first
	if unsent := int64(o.body) - body; unsent > 0 {
		if alive {
			l.rates.refund(&c.bucket, unsent)
		} else {
			l.rates.refundTotal(unsent)
		}
	}
	l.counts.BytesSent += uint64(n)
	if !alive || n == 0 {
		return
	}
	c.total += n
	c.sent += n
	c.latest = n
	c.held = l.cfg.Corked || op.Flags&kernel.More != 0
	c.sendMark = c.clock.spent[connstate.PhaseSend] + l.k.Now() - c.clock.since
}
