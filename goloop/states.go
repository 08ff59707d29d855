package goloop

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
	StateReading                   // part of a request head has arrived
	StateOpening                   // the request is complete, its file is being looked up off the loop
	StateWReady                    // the response's header stands in writeBuf, ready to be sent
	StateSending                   // body bytes are leaving: sendfile, or sendMessage of loaded buffers
	StateReadingAsync              // reads are in flight, or wait for buffers, and nothing can be sent yet
	StatePrefetching               // the next chunk of a static file is being brought into memory off the loop
	StateDiscarding                // the response is gone; the rest of the request's body is thrown away
	StateLingering                 // our side is shut; what the client still sends is thrown away
	StateClosing                   // the connection is over, but the kernel still owns one of its buffers
	stateCount
)

var stateNames = [stateCount]string{
	StateFree:         "CONN_FREE",
	StateInit:         "CONN_INIT",
	StateReading:      "CONN_READING",
	StateOpening:      "CONN_OPENING",
	StateWReady:       "CONN_WREADY",
	StateSending:      "CONN_SENDING",
	StateReadingAsync: "CONN_READING_ASYNC",
	StatePrefetching:  "CONN_PREFETCHING",
	StateDiscarding:   "CONN_DISCARDING",
	StateLingering:    "CONN_LINGERING",
	StateClosing:      "CONN_CLOSING",
}

// String returns the state's name, such as CONN_READING.
func (s State) String() string {
	if s < stateCount {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// stateSet is a set of states, a bit each.
type stateSet uint16

func states(list ...State) stateSet {
	var set stateSet
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

func (s stateSet) has(t State) bool { return s&(1<<t) != 0 }

// transitions holds, for each state, the states that may follow it.
var transitions = [stateCount]stateSet{
	StateFree:         states(StateInit),
	StateInit:         states(StateReading, StateFree),
	StateReading:      states(StateWReady, StateOpening, StateLingering, StateFree),
	StateOpening:      states(StateWReady, StateFree),
	StateWReady:       states(StateSending, StateReadingAsync, StatePrefetching, StateInit, StateDiscarding, StateLingering, StateClosing, StateFree),
	StateSending:      states(StateWReady, StateReadingAsync, StatePrefetching, StateInit, StateDiscarding, StateLingering, StateClosing, StateFree),
	StateReadingAsync: states(StateSending, StateClosing, StateFree),
	StatePrefetching:  states(StateSending, StateFree),
	StateDiscarding:   states(StateInit, StateLingering, StateFree),
	StateLingering:    states(StateFree),
	StateClosing:      states(StateFree),
}

// Transitions returns a line "FROM -> TO" for each transition that is allowed, in the order of the
// states.
func Transitions() []string {
	var lines []string
	for from := range stateCount {
		for to := range stateCount {
			if transitions[from].has(to) {
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
	for from := range stateCount {
		for to := range stateCount {
			if transitions[from].has(to) {
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

// assert panics when a programmer's assumption does not hold. It is cheap and always on.
func assert(ok bool, what string) {
	if !ok {
		panic("goloop: " + what)
	}
}
