// Package supervisor keeps a worker process running that serves, and replaces it without losing a request.
//
// The supervisor owns the listening sockets and starts a worker, which confines itself and serves. When it is asked to
// reload, it starts another worker, from the program and the configuration as they are then, with the same sockets. Once
// that one serves, the one before it drains and ends. If it fails, its message is shown and the one before it stays. So a
// reload, or an upgrade, loses no request and no connection that waits in a backlog, and a worker may give up whatever it
// likes. A worker that dies is started again, later each time. One whose event loops hang is killed, unless the service
// manager does that.
//
// The package has both ends: Supervisor and Command are for the process that supervises, Inherit and Handover for the
// worker.
//
// # Ownership
//
// A Supervisor owns its listeners.Set from New on, and its workers; all of it belongs to the goroutine that calls Run. A
// Handover owns the sockets and the two pipes that the worker has inherited.
//
// # Caveats
//
// What a supervisor and a worker have between them (protocol.go) may only be extended: they may be of different versions.
// The package knows no flags and catches no signals; both are the command's.
package supervisor
