package http2

// tableIsEmpty is the dynamic table size update for a table of no bytes (RFC 7541, section 6.3).
const tableIsEmpty = 0x20

// AppendHeaders appends the HEADERS frame, and the CONTINUATION frames where they are needed, with the header block of a response. end says that no
// content follows; the stream is over then. If the client is still sending, it is reset with NO_ERROR (RFC 9113, section 8.1).
func (c *Conn) AppendHeaders(dst []byte, s *Stream, block []byte, end bool) []byte {
	head := frameHead{kind: frameHeaders, stream: s.ID}
	if end {
		head.flags = flagEndStream
	}
	update := 0
	if c.peer.tableShrank {
		c.peer.tableShrank = false
		update = 1
	}
	for first := true; first || len(block) > 0; first = false {
		n := min(len(block), frameBytesMax-update)
		head.length = n + update
		if n == len(block) {
			head.flags |= flagEndHeaders
		}
		dst = head.appendTo(dst)
		if update > 0 {
			dst = append(dst, tableIsEmpty)
		}
		dst = append(dst, block[:n]...)
		block = block[n:]
		head.kind, head.flags, update = frameContinuation, 0, 0
	}
	if s.linked {
		c.ready.unstarted--
	}
	s.responding = true
	if end {
		c.finish(s)
	}
	return dst
}

// PutData writes the head of a DATA frame of n bytes, at most 16,384, to b. end is as with AppendHeaders.
func (c *Conn) PutData(b []byte, s *Stream, n int, end bool) {
	head := frameHead{length: n, kind: frameData, stream: s.ID}
	if end {
		head.flags = flagEndStream
	}
	head.put(b)
	if end {
		c.finish(s)
	}
}

// finish ends a stream whose response is complete. If the client is still sending, the stream stays for that, as far as Limits.BodyBytesMax allows: beyond, it is
// reset with NO_ERROR (RFC 9113, section 8.1).
func (c *Conn) finish(s *Stream) {
	c.resetDebt = max(c.resetDebt-1, 0)
	c.Unready(s)
	s.advance(sendEnd)
	s.known = false
	switch {
	case s.state == stateClosed:
		c.drop(s)
	case s.declared > c.limits.BodyBytesMax:
		c.Reset(s, NoError)
	default:
		s.draining = true
		c.draining++
	}
}
