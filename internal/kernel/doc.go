// Package kernel is the door between the loop and the operating system. Kernel is the interface
// that the loop lives on; Linux is its implementation over cgo/netio, cgo/libaio and
// golang.org/x/sys/unix. Another implementation may stand behind the same interface, which is how
// the loop is tested.
//
// # Ownership
//
// Each loop has a Kernel of its own, and only that loop's goroutine calls its methods; Wake alone
// may be called from anywhere. Memory that the kernel may touch comes from Map and Ops and is
// given back by Close. A descriptor belongs to anyone who received it from Open or from an accept.
//
// # Errors
//
// What can be expected to happen is a Class, a value. class.go is the only file that switches on
// an errno. An error value means that the loop itself can't go on.
package kernel
