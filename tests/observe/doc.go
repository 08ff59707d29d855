// Package observe runs the binary and looks at what it reports about itself: access logs through a rotation,
// into a pipe that nobody reads and onto a full disk; readiness through a drain; a trace file that is
// whole after SIGTERM.
package observe
