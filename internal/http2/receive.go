package http2

import "time"

// Receive takes in what a client has sent, and keeps what is incomplete. It returns false if the connection is to be ended when
// what AppendControl returns has been sent: a GOAWAY is among that. What the client sends from then on is discarded.
// now is the time by a clock that does not go back.
func (c *Conn) Receive(now time.Duration, buf []byte, h Handler) bool {
	c.forgive(now)
	for !c.failed {
		if c.skip > 0 {
			n := min(c.skip, len(buf))
			c.skip -= n
			if buf = buf[n:]; c.skip > 0 {
				break
			}
			c.endSkip(h)
			continue
		}
		frame, rest, whole := c.next(buf)
		buf = rest
		if !whole {
			break
		}
		if !c.failed {
			c.onFrame(frame, h)
		}
		if cap(c.partial) > 0 && &frame[0] == &c.partial[:1][0] {
			c.dropPartial()
		}
	}
	return !c.failed
}

// next returns the next frame as far as it is to be taken in at once, and what follows. It returns false, and keeps what there is, if that is not enough.
func (c *Conn) next(buf []byte) (frame, rest []byte, whole bool) {
	if len(c.partial) == 0 {
		n := c.needs(buf)
		if c.failed || n <= len(buf) && len(buf) > 0 {
			return buf[:min(n, len(buf))], buf[min(n, len(buf)):], len(buf) > 0
		}
		c.keep(buf, n)
		return nil, nil, false
	}
	for {
		n := c.needs(c.partial)
		if c.failed || len(c.partial) >= n {
			return c.partial, buf, true
		}
		if len(buf) == 0 {
			return nil, nil, false
		}
		part := buf[:min(n-len(c.partial), len(buf))]
		buf = buf[len(part):]
		c.keep(part, n)
	}
}

// keep adds bytes to the frame that is incomplete, which needs n bytes.
func (c *Conn) keep(b []byte, n int) {
	if n > cap(c.partial) {
		c.partial = append(c.shared.takePartial(), c.partial...)
	}
	c.partial = append(c.partial, b...)
}

// dropPartial forgets the frame that was incomplete.
func (c *Conn) dropPartial() {
	if cap(c.partial) > smallBytes {
		c.shared.givePartial(c.partial)
	}
	c.partial = c.small[:0]
}

// needs returns how many bytes have to be there before the frame that b begins with, or the preface, is taken in. It ends the connection
// for a fault that the first bytes show.
func (c *Conn) needs(b []byte) int {
	if !c.begun {
		if n := min(len(b), len(preface)); string(b[:n]) != preface[:n] {
			c.Fail(ProtocolError)
		}
		return len(preface)
	}
	if len(b) < FrameHeadBytes {
		return FrameHeadBytes
	}
	h := parseHead(b)
	switch {
	case h.length > frameBytesMax:
		c.Fail(FrameSizeError)
	case c.block.open && (h.kind != frameContinuation || h.stream != c.block.stream):
		c.Fail(ProtocolError) // RFC 9113, section 6.10
	case !c.set && (h.kind != frameSettings || h.has(flagAck)):
		c.Fail(ProtocolError) // RFC 9113, section 3.4
	}
	switch h.kind {
	case frameData:
		if h.has(flagPadded) && h.length > 0 {
			return FrameHeadBytes + 1
		}
		return FrameHeadBytes
	case frameHeaders, framePriority, frameRSTStream, frameSettings, framePing, frameGoAway, frameWindowUpdate, frameContinuation, framePriorityUpdate:
		return FrameHeadBytes + h.length
	default:
		return FrameHeadBytes
	}
}

// onFrame takes in a frame.
func (c *Conn) onFrame(frame []byte, handler Handler) {
	if !c.begun {
		c.begun = true
		return
	}
	h := parseHead(frame)
	payload := frame[FrameHeadBytes:]
	switch h.kind {
	case frameData:
		c.onData(&h, payload, handler)
	case frameHeaders:
		c.onHeaders(&h, payload, handler)
	case frameContinuation:
		c.onContinuation(&h, payload, handler)
	case framePriority:
		c.onPriority(&h, payload, handler)
	case frameRSTStream:
		c.onReset(&h, payload, handler)
	case frameSettings:
		c.set = true
		c.onSettings(&h, payload)
	case framePing:
		c.onPing(&h, payload)
	case frameGoAway:
		c.onGoAway(&h, payload)
	case frameWindowUpdate:
		c.onWindowUpdate(&h, payload, handler)
	case framePriorityUpdate:
		c.onPriorityUpdate(&h, payload)
	case framePushPromise:
		c.Fail(ProtocolError) // RFC 9113, section 8.4
	default:
		c.countControl()
		c.skip = h.length
	}
}

// onData takes in the head of DATA (RFC 9113, section 6.1), and the length of the padding. The payload is skipped.
func (c *Conn) onData(h *frameHead, start []byte, handler Handler) {
	c.skip = h.length - len(start)
	content := h.length
	if h.has(flagPadded) {
		if h.length == 0 || int(start[0]) >= h.length {
			c.Fail(ProtocolError)
			return
		}
		content -= 1 + int(start[0])
	}
	s := c.find(h.stream)
	switch {
	case h.stream == 0, s == nil && c.isIdle(h.stream):
		c.Fail(ProtocolError)
		return
	case s == nil && !c.isIgnored(h.stream):
		c.Fail(StreamClosed)
		return
	}
	if content == 0 && !h.has(flagEndStream) {
		c.countControl()
	}
	switch {
	case s != nil && !s.receives():
		if c.takeIn(nil, h.length) {
			c.streamError(s, StreamClosed, handler)
		}
		return
	case s == nil:
		c.takeIn(nil, h.length)
		return
	}
	s.received += int64(content)
	if !c.takeIn(s, h.length) {
		if !c.failed {
			c.streamError(s, FlowControlError, handler)
		}
		return
	}
	ends := h.has(flagEndStream)
	if s.declared >= 0 && (s.received > s.declared || ends && s.received != s.declared) {
		c.streamError(s, ProtocolError, handler) // RFC 9113, section 8.1.1
		return
	}
	switch {
	case ends && c.skip == 0:
		c.endContent(s, handler)
	case ends:
		c.ends, c.ending = true, s.ID
	case s.head != nil && s.received > heldContentMax:
		c.handOn(s, handler)
	case s.draining && s.received > c.limits.BodyBytesMax:
		c.Reset(s, NoError)
	}
}

// endSkip goes on when the payload of a DATA frame has been skipped.
func (c *Conn) endSkip(handler Handler) {
	if !c.ends {
		return
	}
	c.ends = false
	if s := c.find(c.ending); s != nil {
		c.endContent(s, handler)
	}
}

// endContent takes note that the client has sent all of a request.
func (c *Conn) endContent(s *Stream, handler Handler) {
	s.advance(receiveEnd)
	switch {
	case s.state == stateClosed:
		c.drop(s)
		c.steps++
	//mutation:request-with-content-forgotten
	case s.head != nil:
		c.handOn(s, handler)
	}
}

const (
	// heldContentMax is how much content a request waits for before it is handed on, and heldMax how many requests of a connection wait.
	heldContentMax = windowDefault / 2
	heldMax        = 4
)

// handOn hands on a request that has waited for its content.
func (c *Conn) handOn(s *Stream, handler Handler) {
	head := s.head
	s.head = nil
	c.held--
	c.steps++
	s.known = true
	handler.Request(s, head)
}

// isIdle reports whether no stream of this number has begun. Those that begin after the final GOAWAY are none.
func (c *Conn) isIdle(id uint32) bool {
	return id > c.latest && c.shutdown != shutdownFinal || id%2 == 0
}

// isIgnored reports whether frames of a stream that is closed are ignored: they were under way when the server reset it.
func (c *Conn) isIgnored(id uint32) bool { return id > c.latest || c.resets.has(id) }
