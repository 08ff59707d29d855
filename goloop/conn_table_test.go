package goloop

import (
	"slices"
	"testing"
)

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
