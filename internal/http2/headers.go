package http2

import "bytes"

// priorityBytes is the size of the priority fields, which are not used any more (RFC 9113, section 5.3.2).
const priorityBytes = 5

// headerBlock is a header block that CONTINUATION frames go on with.
type headerBlock struct {
	open   bool
	ends   bool // END_STREAM
	stream uint32
	frames int
	bytes  []byte
}

// onHeaders takes in HEADERS (RFC 9113, section 6.2).
func (c *Conn) onHeaders(h *frameHead, payload []byte, handler Handler) {
	fragment, ok := unpad(h, payload)
	if h.stream == 0 || h.stream%2 == 0 || !ok {
		c.Fail(ProtocolError)
		return
	}
	loops := false
	if h.has(flagPriority) {
		if len(fragment) < priorityBytes {
			c.Fail(FrameSizeError)
			return
		}
		dependency := parseStream(fragment)
		loops = dependency == h.stream // RFC 7540, section 5.3.1
		fragment = fragment[priorityBytes:]
	}
	if loops {
		c.Fail(ProtocolError)
		return
	}
	if !h.has(flagEndHeaders) {
		c.block = headerBlock{open: true, ends: h.has(flagEndStream), stream: h.stream, bytes: append(c.block.bytes[:0], fragment...)}
		return
	}
	c.onBlock(h.stream, fragment, h.has(flagEndStream), handler)
}

// parseStream reads a stream's number.
func parseStream(b []byte) uint32 {
	return (uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])) & streamMax
}

// onContinuation takes in CONTINUATION (RFC 9113, section 6.10).
func (c *Conn) onContinuation(h *frameHead, fragment []byte, handler Handler) {
	b := &c.block
	if !b.open {
		c.Fail(ProtocolError)
		return
	}
	b.bytes = append(b.bytes, fragment...)
	b.frames++
	if len(b.bytes) > c.limits.HeaderBlockMax || b.frames > c.limits.ContinuationsMax {
		c.exceed(LimitHeaderBlock)
		return
	}
	if !h.has(flagEndHeaders) {
		return
	}
	block, ends := b.bytes, b.ends
	c.block = headerBlock{}
	c.onBlock(h.stream, block, ends, handler)
}

// onBlock takes in a header block that is complete: that of a request, or of trailers.
func (c *Conn) onBlock(id uint32, block []byte, ends bool, handler Handler) {
	r := &c.shared.request
	s := c.find(id)
	trailers := s != nil && s.receives()
	r.reset(c.limits.HeadBytesMax, trailers)
	// The block is decoded whatever becomes of it, as it may change the table.
	if !c.decoder.decode(block, r) {
		c.Fail(CompressionError)
		return
	}
	c.steps++
	switch {
	case trailers:
		c.onTrailers(s, r, ends, handler)
	case s != nil:
		c.streamError(s, StreamClosed, handler)
	case id <= c.latest && !c.resets.has(id):
		c.Fail(StreamClosed)
	case id <= c.latest, c.shutdown == shutdownFinal: // it is ignored
	default:
		c.latest = id
		if len(c.early) > 0 {
			r.priority = c.takeEarly(id, r.priority)
		}
		c.begin(id, r, ends, handler)
	}
}

// onTrailers takes in trailers, which are not used (RFC 9113, section 8.1).
func (c *Conn) onTrailers(s *Stream, r *requestHead, ends bool, handler Handler) {
	if !ends || r.malformed || s.declared >= 0 && s.received != s.declared {
		c.streamError(s, ProtocolError, handler)
		return
	}
	c.endContent(s, handler)
}

// begin begins a stream with a request.
func (c *Conn) begin(id uint32, r *requestHead, ends bool, handler Handler) {
	c.repay(1)
	if id == streamMax || id > streamMax-2*uint32(c.limits.StreamsMax) {
		defer c.Shutdown() // the numbers are about to be used up
	}
	if len(c.streams) >= c.limits.StreamsMax {
		c.appendReset(id, RefusedStream)
		c.countReset()
		return
	}
	if !r.finish(ends) || ends && r.length > 0 {
		c.appendReset(id, ProtocolError)
		c.countReset()
		return
	}
	s := c.newStream(id)
	s.priority = r.priority
	if ends {
		s.advance(receiveHeadersEnd)
	} else {
		s.advance(receiveHeaders)
		s.declared = r.length
		if c.held < heldMax && r.length <= heldContentMax {
			s.head = bytes.Clone(r.head)
			c.held++
			return
		}
	}
	s.known = true
	handler.Request(s, r.head)
}
