package goloop

import (
	"aws/internal/freelist"
	"aws/internal/kernel"
	"aws/internal/request"
)

// readBuffer holds what has arrived of a head, or of requests that have no response yet.
type readBuffer struct {
	buf []byte // outside of the Go heap
	n   int    // bytes of it that have arrived
	req request.Request
}

// bytes returns what has arrived.
func (b *readBuffer) bytes() []byte { return b.buf[:b.n] }

// skip drops the first bytes.
func (b *readBuffer) skip(n int) { b.n = copy(b.buf, b.buf[n:b.n]) }

// readBuffers is the memory of read buffers, which are used again.
type readBuffers struct {
	mem       mapper
	free      freelist.List[*readBuffer]
	sizeBytes int // of one: the longest head, and what may follow it in the same receive
}

// mapper is the part of a kernel that memory comes from.
type mapper interface {
	Map(bytes int) ([]byte, error)
}

// init makes room for heads of a size.
func (s *readBuffers) init(k kernel.Kernel, headBytesMax int) {
	if headBytesMax <= 0 {
		headBytesMax = request.DefaultHeadBytesMax
	}
	s.mem, s.sizeBytes = k, headBytesMax+receiveBytes
}

// take returns an empty read buffer, or nil if there is no memory.
func (s *readBuffers) take() *readBuffer {
	if b, ok := s.free.Take(); ok {
		b.n = 0
		return b
	}
	mem, err := s.mem.Map(s.sizeBytes)
	if err != nil {
		return nil
	}
	return &readBuffer{buf: mem}
}

// give gives a read buffer back.
func (s *readBuffers) give(b *readBuffer) { s.free.Give(b) }
