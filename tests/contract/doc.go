// Package contract holds what a drop-in for the classic C server has to keep (DESIGN section 2), point by
// point, against the built binary and with the tools that its users have: nm, lsof, nc, wget, curl and
// valgrind.
//
// What happens on the wire is tested three times: plainly, with every send, recv and sendfile cut short
// (tests/preload/shorten.c), and with that under valgrind, which must find no error and no lost block.
//
// Nothing here waits for a fixed time: conditions are polled, and the deadlines are ones that only a
// server that is stuck will miss. AWS_BIN and AWS_VALGRIND_BIN name other binaries than the ones in the
// repository's root.
package contract
