// Package accesslog writes one line per response to a file, to standard output or to syslog, in one of several
// formats.
//
// # Ownership
//
// A Queue takes the records from the loops and passes them in batches to its consumers, on its own goroutine. A
// Log is the consumer that writes the lines.
//
// # Guarantees
//
// The package never blocks a loop. If the queue has no free record, the loop continues without one and
// counts that. If a target does not accept data (a pipe that nobody reads, a disk that hangs), lines that do
// not fit the Log's buffer are dropped and counted.
//
// All data from clients is escaped byte by byte. A line consists of printable ASCII and ends with the only line
// feed. So a request cannot add a line, close a quoted field, or send control sequences to a terminal.
package accesslog
