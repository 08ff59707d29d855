package goloop

import "aws/internal/freelist"

// Sizes of the buffers for content that is made: a chunk of HTTP/1.1 (RFC 9112 section 7.1) with its size, and the last chunk.
const (
	pieceBytesMax    = 64 << 10
	chunkHeadBytes   = 10 // eight digits and CR LF
	chunkTailBytes   = 2 + 5
	pieceBufferBytes = chunkHeadBytes + pieceBytesMax + chunkTailBytes
)

// pieceBuffers is the memory of content that worker threads make, outside of the Go heap. It is used again.
type pieceBuffers struct {
	mem  mapper
	free freelist.List[[]byte]
}

// take returns a buffer, or nil if there is no memory.
func (s *pieceBuffers) take() []byte {
	if b, ok := s.free.Take(); ok {
		return b
	}
	b, err := s.mem.Map(pieceBufferBytes)
	if err != nil {
		return nil
	}
	return b[:pieceBufferBytes]
}

// give gives a buffer back.
func (s *pieceBuffers) give(b []byte) { s.free.Give(b) }
