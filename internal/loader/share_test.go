package loader

import "testing"

func TestEachKindHasItsShareOfThePool(t *testing.T) {
	p := &pool{buffers: make([]buffer, 80), windowChunks: 16, available: 80, grown: 80}
	w := [shareCount]*Transfer{{share: shareMemory}, {share: shareDisk}}
	if !p.mayHold(shareDisk, 70) || p.mayHold(shareDisk, 71) {
		t.Error("a tenth and more is not kept for files in memory")
	}
	p.allocate(w[shareMemory], 4)
	if !p.mayHold(shareDisk, 70) || p.mayHold(shareDisk, 71) {
		t.Error("what they hold counts to what is kept for them")
	}
	p.allocate(w[shareDisk], 70)
	if !p.mayHold(shareMemory, 6) || p.mayHold(shareMemory, 7) {
		t.Error("they can't have what is kept for them, or more than there is")
	}
	p.release(shareDisk, 70)
	p.allocate(w[shareMemory], 66)
	if !p.mayHold(shareDisk, 10) || p.mayHold(shareMemory, 1) {
		t.Error("nothing is kept for those that wait for a disk")
	}
	small := &pool{buffers: make([]buffer, 16), windowChunks: 16, available: 16, grown: 16}
	if !small.mayHold(shareDisk, 16) || !small.mayHold(shareMemory, 16) {
		t.Error("a pool of one window gives none")
	}
}
