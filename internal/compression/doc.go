// Package compression makes compressed forms of files and keeps them: in memory, and in a directory if one is given.
//
// A form belongs to one version of a file: its key has the file's device, inode, size, modification time and change time, and the
// coding. So a form is never sent for other content than that it was made from.
//
// # Ownership
//
// A Cache is shared by the loops of a server. A loop asks for forms with Get, and admits work with Begin. A worker thread does
// the work with Make, which ends what Begin began. A form is a file in memory without a name (memfd_create(2)).
// The references that Get returns belong to the caller.
//
// # Caveats
//
// Only Make and OpenDirectory do input and output. The bounds of a Cache hold at any time, forms in use and forms that are being
// made included, so Begin refuses what there is no room for.
//
// The bytes of a form depend on the compressors, which are in package encoders. Their version is part of the entity tags and of
// the names in the directory.
package compression
