// Package netio binds the C library's socket calls and epoll as a batch: Go fills an array of
// operations in C memory, crosses into C once, and finds each operation's result beside it.
//
// # Cost
//
// A cgo call costs some 30 ns, and more when the Go runtime's monitor notices it; a batch pays
// that once for as many operations as it holds.
//
// # Ownership
//
// Operations and every buffer that one of them names live outside the Go heap (Map). The package
// never keeps an address after a call has returned.
//
// # Caveats
//
// accept4, recv, send, sendfile and close are interrupted by signals; all but close are tried
// again in C, as signal(7) has it. A short count is a result like any other and never means that
// the socket is full: only -EAGAIN does.
package netio
