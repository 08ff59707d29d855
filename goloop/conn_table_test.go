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
		if c == nil || c.fd != -1 || table.at(c.slot) != c || slices.Contains(taken, c) || table.live() != i+1 {
			t.Fatalf("connection %d: %v, %d live", i, c, table.live())
		}
		taken = append(taken, c)
	}
	if table.take() != nil || table.len() < most {
		t.Errorf("one too many, of %d", table.len())
	}
	slots := int32(0)
	for c := range table.all() {
		if c.slot != slots {
			t.Fatalf("the connection of slot %d has slot %d", slots, c.slot)
		}
		slots++
	}
	if int(slots) != table.len() {
		t.Errorf("there are %d slots, not %d", slots, table.len())
	}
	table.give(taken[7])
	if c := table.take(); c != taken[7] || table.live() != most {
		t.Errorf("slot %v, %d live", c, table.live())
	}
}
