package goloop

import (
	"math/bits"

	"aws/internal/freelist"
)

// headBuffers is the memory, outside of Go's heap, of the header sections that are being sent.
type headBuffers struct {
	mem interface {
		Map(bytes int) ([]byte, error)
	}
	usual [len(headSizes)]freelist.List[[]byte] // by headSizes
	big   [][]byte                              // the others; their sizes are powers of two, so that there are never many of them
}

// headSizes is the usual sizes. A stream whose client takes nothing holds one of them, mostly the smallest.
var headSizes = [...]int{1 << 10, 2 << 10, 4 << 10, 8 << 10, headBufferBytes}

// sizeIndex returns the index in headSizes of the buffers for n bytes, at most headBufferBytes.
func sizeIndex(n int) int {
	for i, size := range headSizes {
		if n <= size {
			return i
		}
	}
	panic("goloop: a head is larger than a usual one")
}

// take returns a buffer for a header section of n bytes, with a body that is not a file's, or nil if there is no memory.
// Those that do not fit a buffer of a usual size are rare.
func (h *headBuffers) take(n int) []byte {
	if n > headBufferBytes {
		return h.takeBig(n)
	}
	i := sizeIndex(n)
	list, size := &h.usual[i], headSizes[i]
	if b, ok := list.Take(); ok {
		return b
	}
	mem, err := h.mem.Map(headBufferSlab * size)
	if err != nil {
		return nil
	}
	for i := headBufferSlab - 1; i > 0; i-- {
		list.Give(mem[i*size : (i+1)*size : (i+1)*size])
	}
	return mem[:size:size]
}

// takeBig returns the first of the big buffers that is free and big enough.
func (h *headBuffers) takeBig(n int) []byte {
	for i, b := range h.big {
		if len(b) >= n {
			last := len(h.big) - 1
			h.big[i] = h.big[last]
			h.big = h.big[:last]
			return b
		}
	}
	mem, err := h.mem.Map(1 << bits.Len(uint(n-1)))
	if err != nil {
		return nil
	}
	return mem
}

// giveIf gives a buffer back, if it is one.
func (h *headBuffers) giveIf(b []byte) {
	if b != nil {
		h.give(b)
	}
}

// give gives a buffer back.
func (h *headBuffers) give(b []byte) {
	if len(b) > headBufferBytes {
		h.big = append(h.big, b)
	} else {
		h.usual[sizeIndex(len(b))].Give(b)
	}
}
