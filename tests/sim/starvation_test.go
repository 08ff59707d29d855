package sim

import (
	"aws/internal/connstate"
	"aws/internal/simkernel"
)

// states is the loop's Tracer: it reports the kernel what each connection waits for, so that the kernel
// notices when one could go on and is not served (simkernel.Kernel.Wants says within how many iterations).
type states struct {
	w     *world
	conns int // slots in use
}

// wants says what the loop does in each state as soon as it can.
var wants = map[connstate.State]simkernel.Want{
	connstate.StateFree:         simkernel.WantClose,
	connstate.StateHandshake:    simkernel.WantNothing,
	connstate.StateInit:         simkernel.WantRead,
	connstate.StateStreams:      simkernel.WantRead,
	connstate.StateReading:      simkernel.WantRead,
	connstate.StateOpening:      simkernel.WantNothing,
	connstate.StateWReady:       simkernel.WantWrite,
	connstate.StateSending:      simkernel.WantWrite,
	connstate.StateReadingAsync: simkernel.WantNothing,
	connstate.StatePrefetching:  simkernel.WantNothing,
	connstate.StateDiscarding:   simkernel.WantRead,
	connstate.StateLingering:    simkernel.WantRead,
	connstate.StateClosing:      simkernel.WantClose,
}

// State implements goloop.Tracer.
func (s *states) State(_ int, conn uint64, from, to connstate.State) {
	if conn >= connstate.FirstStream {
		return
	}
	s.w.k.Wants(conn, wants[to])
	if from == connstate.StateFree {
		s.conns++
	}
	if to == connstate.StateFree {
		s.conns--
	}
	s.w.k.Room(s.conns < s.w.cfg.ConnsMax)
}

// ReadBegin implements goloop.Tracer.
func (*states) ReadBegin(int, uint64, int, int64, int) {}

// ReadEnd implements goloop.Tracer.
func (*states) ReadEnd(int, uint64, int, int64) {}

// IterationBegin implements goloop.Tracer.
func (*states) IterationBegin(int) {}

// IterationEnd implements goloop.Tracer.
func (*states) IterationEnd(int, int) {}
