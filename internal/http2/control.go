package http2

import "encoding/binary"

// shutdownPing is the content of the PING behind the GOAWAY that announces the end.
var shutdownPing = [8]byte{'s', 'h', 'u', 't', 'd', 'o', 'w', 'n'}

// HasControl reports whether control frames are to be sent.
func (c *Conn) HasControl() bool { return len(c.control) > 0 }

// controlKept is how much memory for control frames a connection keeps.
const controlKept = 256

// AppendControl appends the control frames that are to be sent, fewer than Limits.ControlBytesMax and 100 bytes, and forgets them.
func (c *Conn) AppendControl(dst []byte) []byte {
	dst = append(dst, c.control...)
	if c.control = c.control[:0]; cap(c.control) > controlKept {
		c.control = nil
	}
	return dst
}

// addControl replaces the control frames by more of them.
func (c *Conn) addControl(control []byte) {
	if c.failed {
		return // the GOAWAY is the last frame
	}
	if c.control = control; len(control) > c.limits.ControlBytesMax {
		c.exceed(LimitControlBytes)
	}
}

func (c *Conn) appendReset(id uint32, code ErrorCode) {
	c.resets.add(id)
	head := frameHead{length: 4, kind: frameRSTStream, stream: id}
	c.addControl(binary.BigEndian.AppendUint32(head.appendTo(c.control), uint32(code)))
}

func (c *Conn) appendWindowUpdate(id uint32, n int32) {
	head := frameHead{length: 4, kind: frameWindowUpdate, stream: id}
	c.addControl(binary.BigEndian.AppendUint32(head.appendTo(c.control), uint32(n)))
}

func (c *Conn) appendPing(ack bool, content [8]byte) {
	head := frameHead{length: 8, kind: framePing}
	if ack {
		head.flags = flagAck
	}
	c.addControl(append(head.appendTo(c.control), content[:]...))
}

// appendGoAway adds a GOAWAY, also behind the last one.
func (c *Conn) appendGoAway(latest uint32, code ErrorCode) {
	head := frameHead{length: 8, kind: frameGoAway}
	c.control = binary.BigEndian.AppendUint32(head.appendTo(c.control), latest)
	c.control = binary.BigEndian.AppendUint32(c.control, uint32(code))
}

// onPing takes in PING (RFC 9113, section 6.7).
func (c *Conn) onPing(h *frameHead, payload []byte) {
	c.countControl()
	switch {
	case h.stream != 0:
		c.Fail(ProtocolError)
	case len(payload) != 8:
		c.Fail(FrameSizeError)
	case !h.has(flagAck):
		c.appendPing(true, [8]byte(payload))
	case c.shutdown == shutdownAnnounced && [8]byte(payload) == shutdownPing:
		c.shutdown = shutdownFinal
		c.appendGoAway(c.latest, NoError)
	}
}

// onGoAway takes in GOAWAY (RFC 9113, section 6.8): the client begins no more streams.
func (c *Conn) onGoAway(h *frameHead, payload []byte) {
	switch {
	case h.stream != 0:
		c.Fail(ProtocolError)
	case len(payload) < 8:
		c.Fail(FrameSizeError)
	default:
		c.peerEnds = true
	}
}

// onReset takes in RST_STREAM (RFC 9113, section 6.4).
func (c *Conn) onReset(h *frameHead, payload []byte, handler Handler) {
	s := c.find(h.stream)
	switch {
	case len(payload) != 4:
		c.Fail(FrameSizeError)
	case h.stream == 0, s == nil && c.isIdle(h.stream):
		c.Fail(ProtocolError)
	case s == nil: // it is closed
		c.countControl()
	default:
		if s.known {
			handler.Closed(s)
		}
		s.advance(receiveReset)
		c.drop(s)
		c.countReset()
	}
}
