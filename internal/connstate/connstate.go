package connstate

import (
	"fmt"
	"strings"
)

// State is what a connection is doing. The names are those of the original description.
type State uint8

// The states of a connection. Each is true exactly while its sentence is.
const (
	StateFree         State = iota // the slot has no connection
	StateInit                      // accepted or kept alive, no byte of a request yet
	StateHandshake                 // part of a TLS handshake has arrived
	StateStreams                   // it speaks HTTP/2, and has streams, or something to send or to await
	StateReading                   // part of a request head has arrived
	StateOpening                   // the request is complete, its file is being looked up off the loop
	StateWReady                    // the response's head stands in writeBuf, ready to be sent
	StateSending                   // body bytes are leaving: sendfile, or sendMessage of loaded buffers
	StateReadingAsync              // reads are in flight, or wait for buffers, and nothing can be sent yet
	StatePrefetching               // the next chunk of a static file is being brought into memory off the loop
	StateDiscarding                // the response is gone; the rest of the request's body is thrown away
	StateLingering                 // our side is shut; what the client still sends is thrown away
	StateClosing                   // the connection is over, but the kernel still owns one of its buffers
	StateCount
)

// FirstStream is the number of a loop's first stream of HTTP/2 where connections and streams have numbers. Those of connections are below.
const FirstStream = 1 << 40

// Deadline is a limit on the time that a connection may spend without progress.
type Deadline uint8

// The deadlines. DeadlineNone also counts the connections that were ended because the time to drain was over.
const (
	DeadlineNone Deadline = iota
	DeadlineIdle
	DeadlineHandshake
	DeadlineHead
	DeadlineSend
	DeadlineDisk
	DeadlineLinger
	DeadlineCount
)

// Phase is what the time of an exchange is counted to.
type Phase uint8

// The phases. PhaseTotal is the time from the first byte of the request to the last byte of the response.
const (
	PhaseNone Phase = iota
	PhaseHead
	PhaseDisk
	PhaseSend
	PhaseTotal
	PhaseCount
)

// row is what the table says about a state.
type row struct {
	name     string
	deadline Deadline
	phase    Phase
	next     set
}

var table = [StateCount]row{
	StateFree: {"CONN_FREE", DeadlineNone, PhaseNone, setOf(StateInit)},
	StateInit: {"CONN_INIT", DeadlineIdle, PhaseNone, setOf(StateHandshake, StateStreams, StateReading, StateLingering, StateFree)},
	StateHandshake: {
		"CONN_HANDSHAKE", DeadlineHandshake, PhaseNone,
		setOf(StateInit, StateLingering, StateFree),
	},
	StateStreams: {"CONN_STREAMS", DeadlineSend, PhaseNone, setOf(StateInit, StateLingering, StateFree)},
	StateReading: {
		"CONN_READING", DeadlineHead, PhaseHead,
		setOf(StateStreams, StateWReady, StateOpening, StateLingering, StateFree),
	},
	StateOpening: {"CONN_OPENING", DeadlineDisk, PhaseDisk, setOf(StateWReady, StateFree)},
	StateWReady: {
		"CONN_WREADY", DeadlineSend, PhaseSend,
		setOf(StateSending, StateReadingAsync, StatePrefetching, StateInit, StateDiscarding, StateLingering, StateClosing, StateFree),
	},
	StateSending: {
		"CONN_SENDING", DeadlineSend, PhaseSend,
		setOf(StateWReady, StateReadingAsync, StatePrefetching, StateInit, StateDiscarding, StateLingering, StateClosing, StateFree),
	},
	StateReadingAsync: {"CONN_READING_ASYNC", DeadlineDisk, PhaseDisk, setOf(StateSending, StateClosing, StateFree)},
	StatePrefetching:  {"CONN_PREFETCHING", DeadlineDisk, PhaseDisk, setOf(StateSending, StateFree)},
	StateDiscarding:   {"CONN_DISCARDING", DeadlineHead, PhaseNone, setOf(StateInit, StateLingering, StateFree)},
	StateLingering:    {"CONN_LINGERING", DeadlineLinger, PhaseNone, setOf(StateFree)},
	StateClosing:      {"CONN_CLOSING", DeadlineNone, PhaseNone, setOf(StateFree)},
}

// deadlineNames are the names of the deadlines in metrics; that of DeadlineNone is what its connections waited for.
var deadlineNames = [DeadlineCount]string{
	DeadlineNone: "drain", DeadlineIdle: "idle", DeadlineHandshake: "handshake", DeadlineHead: "head", DeadlineSend: "send",
	DeadlineDisk: "disk", DeadlineLinger: "linger",
}

// phaseNames are the names of the phases in metrics. PhaseNone has none: it is not measured.
var phaseNames = [PhaseCount]string{PhaseHead: "head", PhaseDisk: "disk", PhaseSend: "send", PhaseTotal: "total"}

// String returns the state's name, such as CONN_READING.
func (s State) String() string {
	if s < StateCount {
		return table[s].name
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Deadline returns the deadline that a connection in the state is under.
func (s State) Deadline() Deadline { return table[s].deadline }

// Phase returns the phase that time in the state is counted to.
func (s State) Phase() Phase { return table[s].phase }

// MayBecome reports whether the table has a transition to another state.
func (s State) MayBecome(to State) bool { return table[s].next.has(to) }

// String returns the deadline's name in metrics, such as "idle".
func (d Deadline) String() string { return deadlineNames[d] }

// String returns the phase's name in metrics, such as "disk"; that of PhaseNone is empty.
func (p Phase) String() string { return phaseNames[p] }

// set is a set of states, a bit each.
type set uint16

func setOf(members ...State) set {
	var s set
	for _, m := range members {
		s |= 1 << m
	}
	return s
}

func (s set) has(m State) bool { return s&(1<<m) != 0 }

// Transitions returns a line "FROM -> TO" for each transition that is allowed, in the order of the
// states.
func Transitions() []string {
	var lines []string
	for from := range StateCount {
		for to := range StateCount {
			if from.MayBecome(to) {
				lines = append(lines, from.String()+" -> "+to.String())
			}
		}
	}
	return lines
}

// Diagram returns the transitions as a Mermaid state diagram. Being freed is drawn as the end.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for from := range StateCount {
		for to := range StateCount {
			if from.MayBecome(to) {
				fmt.Fprintf(&b, "    %s --> %s\n", nodeName(from), nodeName(to))
			}
		}
	}
	return b.String()
}

func nodeName(s State) string {
	if s == StateFree {
		return "[*]"
	}
	return s.String()
}
