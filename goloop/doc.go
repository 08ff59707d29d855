// Package goloop is the server: event loops that send files to many connections at once.
//
// A Server has loops, one per core or one in all. A Loop uses a kernel.Kernel and nothing else of the operating system, so
// the same code runs on Linux and in a simulation. It never waits for a disk or for a client: what may wait is a job for a
// worker thread, or a read in flight.
//
// An iteration of a loop is a list of phases (Loop.Iterate), most of them one cgo call. A phase does not start another one:
// what it leaves to do is put into a queue, which a later phase or the next iteration empties.
//
// # Parts
//
// A conn is a connection. It has a current exchange, one request with its response, and a pipeline of further ones. A body is
// where the content of a response comes from. A connection is in one state at a time; internal/connstate has the table of
// transitions, setState is the only method that changes a state, and each state has a step: the method that is called when
// what the state waits for has happened.
//
// The other types, such as acceptor, deadlineLists, retries and shutdown, are the parts of a loop. A part has its own file and
// tests, and does not know the loop: it is given the time or the kernel, and returns what the loop has to do. Dynamic files
// are loaded by internal/loader. What a response is, internal/handler says, and the handler decides it.
//
// docs/architecture.md follows a request through all of this, and contains the diagram of the states, which is generated.
//
// # Ownership
//
// A loop's goroutine owns its connections, buffers and kernel. The loops of a server share the cache of open files, the
// handler, the connection limits and the total rate, which are safe for that. Memory that the kernel may access after a call
// has returned is never on the Go heap. A connection that is over keeps its slot until the kernel has returned its last buffer.
//
// # Caveats
//
// Loop.Shutdown, and the methods of Server that say so, may be called from any goroutine; nothing else may.
//
// A failure of one connection closes that connection. A failure of the loop itself, such as an error of epoll_wait, ends the
// server with that error. A programming error panics.
package goloop
