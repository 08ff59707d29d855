package goloop

import (
	"errors"
	"slices"
	"testing"

	"aws/internal/kernel"
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
	const slab = headBufferSlab * headBufferBytes
	memory := &pages{most: slab + 64<<10}
	h := headBuffers{mem: memory}
	seen := map[*byte]bool{}
	var usual []byte
	for range headBufferSlab {
		b := h.take(100)
		if len(b) != headBufferBytes || cap(b) != headBufferBytes || seen[&b[0]] {
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
	if b := h.take(1); b != nil {
		t.Error("a buffer without memory")
	}
	if b := h.take(headBufferBytes + 1); b != nil {
		t.Error("a big buffer without memory")
	}
	h.give(big)
	if b := h.take(50 << 10); b == nil || &b[0] != &big[0] {
		t.Error("the big buffer is not used again")
	}
	h.give(usual)
	if b := h.take(1); b == nil || &b[0] != &usual[0] {
		t.Error("the buffer is not used again")
	}
}

func TestBatch(t *testing.T) {
	b := batch{ops: make([]kernel.Op, 3), owners: make([]owner, 3)}
	for i := range 3 {
		if !b.room(1) || b.room(4-i) {
			t.Errorf("with %d operations there is room for %v, %v", i, b.room(1), b.room(4-i))
		}
		b.add(owner{slot: int32(i)}, kernel.Op{FD: int32(i)})
	}
	if b.room(1) {
		t.Error("there is room in a full batch")
	}
	k := &counting{}
	if ops := b.carryOut(k); len(ops) != 3 || ops[2].FD != 2 || b.owners[2].slot != 2 || k.ops != 3 || !b.room(3) {
		t.Errorf("%d operations, %d carried out, room %v", len(ops), k.ops, b.room(3))
	}
	if ops := b.carryOut(k); len(ops) != 0 || k.calls != 1 {
		t.Errorf("%d operations of an empty batch, %d calls", len(ops), k.calls)
	}
}

// counting is a kernel that carries nothing out.
type counting struct {
	kernel.Kernel
	calls, ops int
}

func (k *counting) Do(ops []kernel.Op) { k.calls, k.ops = k.calls+1, k.ops+len(ops) }

func TestConnTable(t *testing.T) {
	const most = connSlab + 2
	table := connTable{limits: newConnLimits(&Config{ConnsMax: most})}
	var taken []*conn
	for i := range most {
		c := table.take()
		if c == nil || c.fd != -1 || table.bySlot[c.slot] != c || slices.Contains(taken, c) || table.live() != i+1 {
			t.Fatalf("connection %d: %v, %d live", i, c, table.live())
		}
		taken = append(taken, c)
	}
	if table.take() != nil || len(table.bySlot) != most {
		t.Errorf("one too many, of %d", len(table.bySlot))
	}
	table.give(taken[7])
	if c := table.take(); c != taken[7] || table.live() != most {
		t.Errorf("slot %v, %d live", c, table.live())
	}
}
