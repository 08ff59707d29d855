package http2

import "encoding/binary"

// WindowOf returns how many bytes of content a stream may send now, by its own window and that of the connection.
func (c *Conn) WindowOf(s *Stream) int {
	//mutation:connection-window-ignored
	return int(max(min(s.window, c.window), 0))
}

// Take takes n bytes of content out of the windows, at most WindowOf, and counts as the stream's turn among those that share.
func (c *Conn) Take(s *Stream, n int) {
	s.window -= int32(n)
	c.window -= int32(n)
	if s.linked && s.priority.incremental {
		c.unlink(s)
		c.link(s)
	}
	c.repay(1 + n/windowUpdateBytes)
}

// GiveBack gives bytes back that Take has taken for frames that are not sent after all.
func (c *Conn) GiveBack(s *Stream, n int) {
	s.window += int32(n)
	c.window += int32(n)
	c.relink(s)
}

// onWindowUpdate takes in WINDOW_UPDATE (RFC 9113, section 6.9).
func (c *Conn) onWindowUpdate(h *frameHead, payload []byte, handler Handler) {
	c.countControl()
	if len(payload) != 4 {
		c.Fail(FrameSizeError)
		return
	}
	n := int64(binary.BigEndian.Uint32(payload) & windowMax)
	if h.stream == 0 {
		switch {
		case n == 0:
			c.Fail(ProtocolError)
		case int64(c.window)+n > windowMax:
			c.Fail(FlowControlError)
		default:
			c.window += int32(n)
		}
		return
	}
	s := c.find(h.stream)
	switch {
	case s == nil && c.isIdle(h.stream):
		c.Fail(ProtocolError)
	case s == nil: // it is closed
	case n == 0:
		c.streamError(s, ProtocolError, handler)
	case int64(s.window)+n > windowMax:
		c.streamError(s, FlowControlError, handler)
	default:
		s.window += int32(n)
		//mutation:window-update-unnoticed
		c.relink(s)
	}
}

// takeIn counts received content, padding included, against the windows of the connection and, unless s is nil, of its stream, and opens them again.
// It returns false if the client has sent more than it may.
func (c *Conn) takeIn(s *Stream, n int) bool {
	if n > int(c.allowed) {
		c.Fail(FlowControlError)
		return false
	}
	c.allowed -= int32(n)
	if c.allowed < windowDefault/2 {
		c.appendWindowUpdate(0, windowDefault-c.allowed)
		c.allowed = windowDefault
	}
	if s == nil {
		return true
	}
	if n > int(s.allowed) {
		return false
	}
	s.allowed -= int32(n)
	if s.allowed < windowDefault/2 && s.received < c.limits.BodyBytesMax && s.receives() {
		c.appendWindowUpdate(s.ID, windowDefault-s.allowed)
		s.allowed = windowDefault
	}
	return true
}
