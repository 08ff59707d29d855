// Package sandbox takes away from a process what serving does not need: another user's rights (setuid(2)), and all files
// but those that are served (landlock(7), Linux 5.13).
//
// # Ownership
//
// Options belong to the caller, who adds what its parts need to the lists before Apply, and does not change them after.
//
// # Caveats
//
// Apply is called once, after the addresses are bound and the files of the observers are open, and can't be undone. It holds
// for all threads, and for processes that are started later.
package sandbox
