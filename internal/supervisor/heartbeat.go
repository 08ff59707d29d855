package supervisor

import "time"

// Times of the watch over a worker's heartbeats.
const (
	checkEvery  = time.Second
	silentAfter = 3  // checks without a heartbeat: systemd's watchdog is not notified any more
	stuckAfter  = 10 // checks without a heartbeat: the worker is taken for stuck
)

// heartbeat notices whether a worker's heartbeats keep coming.
type heartbeat struct {
	counted uint64 // heartbeats at the latest check
	missed  int    // checks since one came
}

// finding is what a check has found.
type finding int

const (
	unchanged finding = iota
	resumed           // heartbeats come again, after the worker was silent
	silent            // none has come for silentAfter checks
	stuck             // none has come for stuckAfter checks
)

// check compares the number of heartbeats with what it was a check ago. A finding is made once.
func (h *heartbeat) check(beats uint64) finding {
	if beats != h.counted {
		was := h.missed
		h.counted, h.missed = beats, 0
		if was >= silentAfter {
			return resumed
		}
		return unchanged
	}
	h.missed++
	switch h.missed {
	case silentAfter:
		return silent
	case stuckAfter:
		return stuck
	default:
		return unchanged
	}
}

// silence returns how long no heartbeat has come.
func (h *heartbeat) silence() time.Duration { return time.Duration(h.missed) * checkEvery }

// alive reports whether the service manager may be notified that all is well.
func (h *heartbeat) alive() bool { return h.missed < silentAfter }
