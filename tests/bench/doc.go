// Command bench measures aws beside its peers and writes docs/benchmarks.md, or compares two binaries
// of aws.
//
// Every server runs alone, pinned to one core, and the client to another. Most scenarios run on every
// network: between two network namespaces that a veth pair joins, under cubic and under bbr, where a
// client is a remote one; and on loopback. Only root can make the namespaces, with ip(8); a network
// that can't be had is left out, by name, and loopback is always there.
//
// The rounds are interleaved: each server is measured once, then each a second time, and so on, so
// that what the machine does besides is shared by all. A figure is the median of the rounds, with the
// smallest and the largest. Before a server is measured, what it serves is compared byte for byte.
// Processor time is counted twice: that of the server's threads, and that of both cores, because a
// server can leave work to the client's core. Other programs count there, too: the machine has to be
// quiet. A second run waits until the first has ended.
//
// What it compares with is installed from Debian when it is missing and the user is root; a peer
// that is not to be had is left out, by name. It changes nothing that it does not restore: cgroups
// are removed, processes are ended by their own number, and the namespaces have no names, so that the
// kernel removes them and all that is in them when the process ends, in whatever way.
//
// Scenarios over TLS and HTTP/2 have all servers use one certificate, which is made for the run, and one
// cipher suite. Their clients are h2load and tlsclient/.
//
// The client in C (client/), the floor (peers/cloop) and the peers in Go (peers/gopeers, a module
// of its own) are built into build/bench, where the site lies, too.
package main
