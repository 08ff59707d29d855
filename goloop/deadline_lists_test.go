package goloop

import (
	"slices"
	"testing"
	"time"

	"aws/internal/connstate"
)

func TestDeadlineLists(t *testing.T) {
	d := newDeadlineLists(&Config{IdleTimeout: 60, HeadTimeout: 30, SendTimeout: 50, DiskTimeout: 120, LingerTimeout: 2})
	if at := d.dueAt(); at != never {
		t.Errorf("due at %v without connections", at)
	}
	conns := make([]conn, 4)
	order := func(kind connstate.Deadline) (list []int32) {
		var last *conn
		for c := d.first(kind); c != nil; last, c = c, c.deadline.next {
			if c.deadline.kind != kind || c.deadline.prev != last {
				t.Errorf("connection %d in the list of %v is armed for %v", c.slot, kind, c.deadline.kind)
			}
			list = append(list, c.slot)
		}
		if d.lists[kind].last != last {
			t.Errorf("the end of the list of %v is not its last connection", kind)
		}
		return list
	}
	expect := func(kind connstate.Deadline, want ...int32) {
		t.Helper()
		if got := order(kind); !slices.Equal(got, want) {
			t.Errorf("list of %v: %v, want %v", kind, got, want)
		}
	}
	for i := range conns {
		conns[i].slot, conns[i].ownState, conns[i].deadline.restart = int32(i), connstate.StateInit, true
		d.arm(&conns[i], time.Duration(1000+i))
	}
	expect(connstate.DeadlineIdle, 0, 1, 2, 3)
	if at := d.dueAt(); at != 1060 {
		t.Errorf("due at %d, want 1060", at)
	}
	d.arm(&conns[1], 1010) // without progress
	expect(connstate.DeadlineIdle, 0, 1, 2, 3)
	conns[1].deadline.restart = true
	d.arm(&conns[1], 1010)
	expect(connstate.DeadlineIdle, 0, 2, 3, 1)
	if at := d.armedAt(&conns[1]); at != 1010 || conns[1].deadline.restart {
		t.Errorf("armed at %d, want 1010; the progress counts again: %v", at, conns[1].deadline.restart)
	}
	conns[0].ownState = connstate.StateReading
	d.arm(&conns[0], 1020)
	expect(connstate.DeadlineIdle, 2, 3, 1)
	expect(connstate.DeadlineHead, 0)
	if at := d.dueAt(); at != 1050 {
		t.Errorf("due at %d, want 1050, when the head must be there", at)
	}
	d.disarm(&conns[3]) // in the middle
	d.disarm(&conns[3])
	expect(connstate.DeadlineIdle, 2, 1)
	d.disarm(&conns[1]) // the last
	expect(connstate.DeadlineIdle, 2)
	d.disarm(&conns[2])
	d.disarm(&conns[0])
	expect(connstate.DeadlineIdle)
	expect(connstate.DeadlineHead)
	if at := d.dueAt(); at != never {
		t.Errorf("due at %v after all are gone", at)
	}
}

// TestDeadlineOfStates: each state's deadline allows what the configuration says.
func TestDeadlineOfStates(t *testing.T) {
	d := newDeadlineLists(&Config{IdleTimeout: 60, HeadTimeout: 30, SendTimeout: 50, DiskTimeout: 120, LingerTimeout: 2})
	for state, want := range map[connstate.State]time.Duration{
		connstate.StateInit: 60, connstate.StateReading: 30, connstate.StateDiscarding: 30, connstate.StateWReady: 50,
		connstate.StateSending: 50, connstate.StateOpening: 120, connstate.StateReadingAsync: 120, connstate.StatePrefetching: 120,
		connstate.StateLingering: 2,
	} {
		c := conn{ownState: state}
		d.arm(&c, 1000)
		if c.deadline.at != 1000+want {
			t.Errorf("%v expires after %d, want %d", state, c.deadline.at-1000, want)
		}
	}
}
