package goloop

import (
	"aws/internal/freelist"
)

// What the streams of a connection hold is bounded, whatever their client does or does not take. A stream has a slot, an exchange and a file that others have, too. Content that
// is in memory for all responses is not copied. Besides, a stream holds a buffer for its request, while that waits for a look-up, or for the head of its response, until the
// connection plans that (http2_send.go), or for a text of its own, until its window lets that be sent. These are counted.

// streamBytesMax bounds the buffers of a connection's streams. All that may be at once have heads of 8 KiB in it. A stream that needs more is refused, and its client may
// send the request again.
const streamBytesMax = 1 << 20

// streamHeads is the read buffers of requests of streams, without their memory, which is that of heads. They are used again.
type streamHeads struct {
	free freelist.List[*readBuffer]
}

// takeHead takes a buffer for n bytes that a connection, or a stream, sends. It returns nil if there is no memory, or the stream is refused.
func (l *Loop) takeHead(c *conn, n int) []byte {
	of := c.streamOf()
	if of == nil {
		return l.heads.take(n)
	}
	if of.http2.streamBytes+n > streamBytesMax {
		c.stream.refused = true
		return nil
	}
	b := l.heads.take(n)
	of.http2.streamBytes += len(b)
	return b
}

// giveHead gives a buffer back that takeHead has returned.
func (l *Loop) giveHead(c *conn, b []byte) {
	if of := c.streamOf(); of != nil {
		//mutation:stream-bytes-leak
		of.http2.streamBytes -= len(b)
	}
	l.heads.give(b)
}

// takeStreamHead returns a read buffer for the request of a stream, which has n bytes, or nil as takeHead does.
func (l *Loop) takeStreamHead(c *conn, n int) *readBuffer {
	mem := l.takeHead(c, n)
	if mem == nil {
		return nil
	}
	b, ok := l.http2.heads.free.Take()
	if !ok {
		b = &readBuffer{}
	}
	b.buf = mem
	return b
}

// giveStreamHead gives a read buffer back that takeStreamHead has returned.
func (l *Loop) giveStreamHead(c *conn, b *readBuffer) {
	l.giveHead(c, b.buf)
	b.buf = nil
	l.http2.heads.free.Give(b)
}
