// Package goloop is the server: one event loop per core, and on each loop a state machine per
// connection.
//
// A Loop lives on a kernel.Kernel and on nothing else, so that the same code runs on Linux and in a
// simulation. An iteration of the loop is a list of phases, each one cgo call into the kernel at the
// most; Loop.Iterate lists them. Nothing inside one phase starts another: what a phase leaves to do
// is put into a queue that a later phase, or the next iteration, empties.
//
// # States
//
// State names what a connection is doing; internal/connstate holds the table of the transitions that are
// allowed, and setState is the only writer of the field. The diagram in docs/architecture.md is
// generated from that table.
//
// # Ownership
//
// A loop's goroutine owns its connections, buffers and kernel; nobody else touches them. The
// cache of open files is shared. Shutdown may be called from anywhere.
//
// # Caveats
//
// One connection's failure closes that connection. An error of the loop itself, such as
// epoll_wait failing, ends the server with that error.
package goloop
