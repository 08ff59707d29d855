// Package accesslog writes a line for each response: to a file, to the standard output or to syslog, in
// one of the formats that log readers know.
//
// A Queue takes the records from the loops and hands them, in batches and on a goroutine of its own,
// to its consumers. A Log is the consumer that writes. Nothing in here makes a loop wait: when the
// queue has no record left the loop goes on without one and counts that, and when a target takes
// nothing (a pipe that nobody reads, a disk that stands still) the lines that do not fit the Log's
// buffer are dropped and counted.
//
// What clients send is escaped byte by byte before it gets into a line: a line is printable ASCII and
// ends with the one line feed that the package puts there. So no request can make a line of its own,
// close a quoted field, or send a terminal its control sequences.
package accesslog
