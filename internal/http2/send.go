package http2

import "slices"

// tableIsEmpty is the dynamic table size update for a table of no bytes (RFC 7541, section 6.3).
const tableIsEmpty = 0x20

// AppendHeaders appends the HEADERS frame, and the CONTINUATION frames where they are needed, of a response. head is its header section in the form of
// HTTP/1.1: a status line, fields, an empty line. It is to be sent before what is appended later. end says that no content follows; the stream is over then. If the client is
// still sending, it is reset with NO_ERROR (RFC 9113, section 8.1).
func (c *Conn) AppendHeaders(dst []byte, s *Stream, head []byte, end bool) []byte {
	var flags byte
	if end {
		flags = flagEndStream
	}
	at := len(dst)
	dst = append(dst, make([]byte, FrameHeadBytes)...)
	if c.table.update {
		c.table.update = false
		dst = append(dst, tableIsEmpty)
	}
	dst = c.shared.encoder.appendBlock(dst, head, &c.table)
	dst = splitBlock(dst, at, s.ID, flags)
	if s.linked {
		c.ready.unstarted--
	}
	s.responding = true
	if end {
		c.finish(s)
	}
	return dst
}

// HeadersBytesMax returns what AppendHeaders appends at the most for a header section of n bytes. Lengths and the heads of frames take more than what
// separates fields in HTTP/1.1 only where the fields are long.
func HeadersBytesMax(n int) int { return n + n/32 + 64 }

// splitBlock makes frames of a header block that begins behind the place for a frame's head. flags are those of HEADERS but END_HEADERS.
func splitBlock(b []byte, at int, stream uint32, flags byte) []byte {
	h := frameHead{kind: frameHeaders, flags: flags, stream: stream}
	for len(b)-at-FrameHeadBytes > frameBytesMax {
		h.length = frameBytesMax
		h.put(b[at:])
		at += FrameHeadBytes + frameBytesMax
		b = slices.Insert(b, at, make([]byte, FrameHeadBytes)...)
		h.kind, h.flags = frameContinuation, 0
	}
	h.length = len(b) - at - FrameHeadBytes
	h.flags |= flagEndHeaders
	h.put(b[at:])
	return b
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
