// Package kernel is the interface between the event loop and the operating system. Kernel is the interface
// that the loop uses. Linux implements it with cgo/netio, cgo/libaio and golang.org/x/sys/unix.
// internal/simkernel implements it for the tests of the loop.
//
// # Ownership
//
// Each loop has its own Kernel, and only the loop's goroutine calls its methods, except Wake, which may
// be called from any goroutine. Memory that the kernel may access comes from Map and Ops, and Close frees
// it. A descriptor belongs to the caller that received it from Open or from an accept.
//
// # Errors
//
// An expected outcome is a Class, which is a value. Only class.go switches on an errno. An error value means
// that the loop cannot continue.
package kernel
