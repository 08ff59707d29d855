// Package connstate holds the states that a connection goes through, as one table: the name of each state, the states
// that may follow it, the deadline that it is under, and the phase of an exchange that its time is counted to.
//
// The event loop changes states by this table; the access log, the live page, the trace file, the metrics and the
// diagram in docs/architecture.md are made from it.
//
// The package owns nothing and depends on nothing: all of it is constants and pure functions.
package connstate
