// Package command holds what the programs aws and awsd have in common: the drop-in with its options, the run of a
// server within the process with its start, its observers, its signals and its graceful shutdown, and the exit
// statuses.
//
// # Ownership
//
// Run owns the server, the signals and the files of the Unix sockets that the server binds; the observers that Open returns
// belong to the caller, who closes them after Run.
//
// # Caveats
//
// It must stay small. aws links all of it, and each package that it imports has to be initialised before aws
// listens; cmd/aws has a test that holds the worst of them out. What needs net/http, TLS or Prometheus comes from
// outside as a value (NewAdmin).
package command
