// Package docroot contains the mounts, which map URL paths to directories, the cache of open files, and the
// access rules of paths.
//
// A Mount maps a path prefix to a directory. Table finds the mount of a path. Cache keeps files open
// between requests, together with the prepared part of their responses.
//
// # Ownership
//
// Several loops may share a Cache. Get and Add return a file with a reference, which the caller must release
// with Release. When the cache has removed a file, its last Release returns the file's descriptors; the
// caller closes them, because closing is a call into the kernel.
//
// # Caveats
//
// The package opens no files. The kernel confines names to a root (openat2, RESOLVE_BENEATH); this package
// only splits names.
package docroot
