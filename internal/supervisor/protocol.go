package supervisor

import (
	"syscall"
	"time"
)

// The protocol of a supervisor and a worker. They may be of different versions, so a change
// must stay compatible in both directions.

// Environment variables of a worker.
const (
	SocketsEnv  = "AWSD_SOCKETS"    // which sockets it has inherited, as listeners.Set.Encode says; a worker is who has it
	SettingsEnv = "AWSD_SUPERVISOR" // Command.Settings
	SharedEnv   = "AWSD_SHARED"     // the descriptor of Command.Shared
)

// Descriptors of a worker.
const (
	readyFD   = 3 // the worker writes: readyByte once it serves, a Report as a line of JSON, and then a byte per heartbeat
	lifeFD    = 4 // ends when the supervisor does
	socketsFD = 5 // the first socket
)

// Bytes that a worker writes.
const (
	readyByte     = 1
	heartbeatByte = '.'
)

// Signals that a worker gets.
const (
	drainSignal  = syscall.SIGTERM
	reopenSignal = syscall.SIGUSR1
	stacksSignal = syscall.SIGQUIT // upon which it says where it is, and ends
)

// heartbeatEvery is how often a worker sends a heartbeat.
const heartbeatEvery = 500 * time.Millisecond

// Report is what a worker reports once it serves.
type Report struct {
	DrainMs int64  `json:"drain_ms"` // how long it may take to end
	Version string `json:"version"`  // of its program
}

// drainTimeout returns how long a worker may take to end, which workers of an early version do not report.
func (r Report) drainTimeout() time.Duration {
	if r.DrainMs <= 0 {
		return 10 * time.Second
	}
	return time.Duration(r.DrainMs) * time.Millisecond
}
