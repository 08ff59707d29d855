// Package soak loads the drop-in, and the file server without and with https, for as long as DURATION says (default 20s, of which
// each gets a third), with faults of the system, clients that leave and files that change; over https with resumed sessions,
// KeyUpdates and certificates that are loaded again. It compares what each of them holds at the end with what it held after
// prefetching up: memory, descriptors, threads and AIO contexts.
//
//	DURATION=10m go test -count=1 -timeout 15m -v ./tests/soak
package soak
