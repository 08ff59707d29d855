package goloop

import (
	"errors"
	"testing"
)

// pages is memory for head buffers, or none.
type pages struct{ bytes, most int }

func (p *pages) Map(n int) ([]byte, error) {
	if p.bytes+n > p.most {
		return nil, errors.New("no memory")
	}
	p.bytes += n
	return make([]byte, n), nil
}

func TestHeadBuffers(t *testing.T) {
	const size = 2 << 10
	const slab = headBufferSlab * size
	memory := &pages{most: slab + 64<<10}
	h := headBuffers{mem: memory}
	seen := map[*byte]bool{}
	var usual []byte
	for range headBufferSlab {
		b := h.take(size - 100)
		if len(b) != size || cap(b) != size || seen[&b[0]] {
			t.Fatalf("a buffer of %d bytes, with room for %d, given before: %v", len(b), cap(b), seen[&b[0]])
		}
		seen[&b[0]], usual = true, b
	}
	if memory.bytes != slab {
		t.Errorf("%d bytes of memory, want one slab of %d", memory.bytes, slab)
	}
	big := h.take(40 << 10)
	if len(big) != 64<<10 {
		t.Errorf("a buffer of %d bytes for 40 KiB", len(big))
	}
	for _, n := range []int{1, 1 << 10, size, headBufferBytes} {
		if b := h.take(n); b != nil {
			t.Errorf("a buffer of %d bytes without memory", n)
		}
	}
	if b := h.take(headBufferBytes + 1); b != nil {
		t.Error("a big buffer without memory")
	}
	h.give(big)
	if b := h.take(50 << 10); b == nil || &b[0] != &big[0] {
		t.Error("the big buffer is not used again")
	}
	h.give(usual)
	if b := h.take(size); b == nil || &b[0] != &usual[0] {
		t.Error("the buffer is not used again")
	}
}
