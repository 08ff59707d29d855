// Command bench measures aws beside its peers and writes docs/benchmarks.md.
//
// Every server runs alone, pinned to one core, and the client to another. The rounds are
// interleaved: each server is measured once, then each a second time, and so on, so that what the
// machine does besides is shared by all. A figure is the median of the rounds, with the smallest
// and the largest. Before a server is measured, what it serves is compared byte for byte.
//
// What it compares with is installed from Debian when it is missing and the user is root; a peer
// that is not to be had is left out, by name. It changes nothing that it does not restore: cgroups
// are removed, processes are ended by their own number.
//
// The client (client/load.c), the floor (peers/cloop) and the peers in Go (peers/gopeers, a module
// of its own) are built into build/bench, where the site lies, too.
package main
