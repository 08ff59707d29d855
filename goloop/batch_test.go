package goloop

import (
	"testing"

	"aws/internal/kernel"
)

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
