// Package docroot knows which files may be served: the mounts, and the files that are open.
//
// A Mount ties a path prefix to a directory; Table finds the mount of a path. Cache keeps files open
// between requests, with what their responses have in common made ready once.
//
// # Ownership
//
// A Cache may be shared by loops. Get and Add return a file with a reference that the caller gives
// back with Release. The last reference of a file that the cache has let go closes it: the
// descriptors to close are handed to the caller, because closing is a call into the kernel.
//
// # Caveats
//
// The package opens nothing itself. Confinement beneath a root is the kernel's (openat2,
// RESOLVE_BENEATH); this package only takes names apart.
package docroot
