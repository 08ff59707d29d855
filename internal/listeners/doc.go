// Package listeners holds the listening sockets of a server: a descriptor per event loop and address, whether this
// process has bound them, systemd has passed them (sd_listen_fds(3)), or a supervisor has.
//
// # Ownership
//
// A Set owns its descriptors, and the files of the Unix sockets that this process has bound. Close gives both back. A
// process that serves with a Set hands the descriptors to its loops, which close them, and does not call Close.
// Duplicates belong to the caller.
//
// # Caveats
//
// A Set is used by one goroutine. The file of a Unix socket is removed while the socket is open: until then no other file
// can have its inode number, by which it is recognised.
package listeners
