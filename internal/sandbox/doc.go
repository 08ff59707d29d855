// Package sandbox takes away from a process what serving does not need: another user's rights (setuid(2)), and all files
// but those that are served (landlock(7), Linux 5.13). It is applied once, after the addresses are bound and the files
// of the observers are open, and can't be undone.
package sandbox
