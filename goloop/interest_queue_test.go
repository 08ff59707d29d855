package goloop

import (
	"testing"

	"aws/internal/connstate"
	"aws/internal/kernel"
)

// TestInterestQueue has more changes than fit a batch, and connections that are over.
func TestInterestQueue(t *testing.T) {
	q := interestQueue{ops: make([]kernel.Op, 2)}
	conns := connTable{limits: newConnLimits(&Config{ConnsMax: 6})}
	for i := range 6 {
		c := conns.take()
		c.fd, c.gen, c.ownState = int32(10+i), 7, connstate.StateSending
		q.add(interestChange{kind: kernel.OpEpollMod, slot: int32(i), mask: uint32(i)})
	}
	conns.at(1).ownState, conns.at(5).ownState = connstate.StateFree, connstate.StateClosing
	for round, want := range []struct {
		first, count int
		more         bool
	}{{0, 2, true}, {3, 2, true}, {0, 0, false}} {
		ops, more := q.fill(&conns, 4)
		if len(ops) != want.count || more != want.more {
			t.Fatalf("batch %d: %d operations, more follow: %v", round, len(ops), more)
		}
		if len(ops) == 0 {
			continue
		}
		c := conns.at(int32(want.first))
		if op := ops[0]; op.Kind != kernel.OpEpollMod || op.FD != c.fd || op.Mask != uint32(c.slot) || op.Token != c.token() || op.File != 4 {
			t.Errorf("batch %d: %+v", round, op)
		}
	}
	q.add(interestChange{kind: kernel.OpEpollAdd, slot: 2})
	if ops, more := q.fill(&conns, 4); len(ops) != 1 || more || ops[0].FD != 12 {
		t.Errorf("after all were taken: %+v, more follow: %v", ops, more)
	}
}
