// Package netio binds the C library's socket calls and epoll as a batch: Go code fills an array of
// operations in C memory, makes one cgo call, and finds the result of each operation in the array.
//
// # Cost
//
// A cgo call costs about 30 ns, and more if the Go runtime's monitor notices it. A batch has this cost
// once for all of its operations.
//
// # Ownership
//
// Operations and all their buffers must be outside the Go heap (Map). The package keeps no address
// after a call has returned.
//
// # Caveats
//
// Signals can interrupt accept4, recv, send, sendfile and close. The C code retries all of them except
// close, as signal(7) describes. A short count is a normal result and does not mean that
// the socket is full: only -EAGAIN means that.
package netio
