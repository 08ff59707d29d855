// Package simkernel is a simulated kernel.Kernel that is determined by a seed. Sockets, peers, files,
// pages, reads and worker threads are simulated in memory, in virtual time; whatever chance decides is
// drawn from Config.Seed. The same seed and the same caller give the same run, byte for byte: the
// package reads no clock, starts no goroutine and depends on no order of a map.
//
// # Parity
//
// A batch means here what it means in package netio: Link, IfAgain and Accepted are decided as the
// C code decides them, accepts stop after a refusal, and what was not run says ECANCELED. Epoll is
// level-triggered and serves the descriptor first that has waited longest. Descriptors are numbered
// lowest first, so that an event for a number that has changed hands is as likely as on Linux.
// Closing a socket with unread bytes resets it, and a reset loses what was not delivered yet.
//
// # Faults
//
// A Profile gives each Fault a ratio. What a fault does to a connection or a file is remembered
// beside it (Peer.Excuses, File.Faulted), so that a test can distinguish a loss that was caused from one
// that was not.
//
// # Ledger
//
// Everything that the loop must not do is written down when it happens, with the history of the
// descriptor concerned: closing twice, using what is closed, sending a buffer that a read is still
// filling, sleeping on a disk, iterating without progress, leaving something alone for longer than
// its design has to (Kernel.Wants). Audit adds what was not given back.
package simkernel
