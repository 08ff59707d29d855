package sim

import (
	"aws/goloop"
	"aws/internal/simkernel"
)

// states is the loop's Tracer: it reports the kernel what each connection waits for, so that the kernel
// notices when one could go on and is not served (simkernel.Kernel.Wants says within how many turns).
type states struct {
	w     *world
	conns int // slots in use
}

// wants says what the loop does in each state as soon as it can.
var wants = map[goloop.State]simkernel.Want{
	goloop.StateFree:         simkernel.WantClose,
	goloop.StateInit:         simkernel.WantRead,
	goloop.StateReading:      simkernel.WantRead,
	goloop.StateOpening:      simkernel.WantNothing,
	goloop.StateWReady:       simkernel.WantWrite,
	goloop.StateSending:      simkernel.WantWrite,
	goloop.StateReadingAsync: simkernel.WantNothing,
	goloop.StatePrefetching:  simkernel.WantNothing,
	goloop.StateDiscarding:   simkernel.WantRead,
	goloop.StateLingering:    simkernel.WantRead,
	goloop.StateClosing:      simkernel.WantClose,
}

// State implements goloop.Tracer.
func (s *states) State(_ int, conn uint64, from, to goloop.State) {
	s.w.k.Wants(conn, wants[to])
	if from == goloop.StateFree {
		s.conns++
	}
	if to == goloop.StateFree {
		s.conns--
	}
	s.w.k.Room(s.conns < s.w.cfg.ConnsMax)
}

// ReadBegin implements goloop.Tracer.
func (*states) ReadBegin(int, uint64, int, int64, int) {}

// ReadEnd implements goloop.Tracer.
func (*states) ReadEnd(int, uint64, int, int64) {}

// TurnBegin implements goloop.Tracer.
func (*states) TurnBegin(int) {}

// TurnEnd implements goloop.Tracer.
func (*states) TurnEnd(int, int) {}
