// Package archive makes an archive of a directory, as .tar.gz or as .zip, piece by piece.
//
// # Ownership
//
// An Archive has one open file at a time, which Close closes. It belongs to one goroutine at a time.
//
// # Caveats
//
// The content of an archive is what the files are when they are read. What cannot be read in full, or becomes shorter meanwhile,
// ends the archive with an error, so that it has no end. Memory grows with the number of entries, which is limited.
package archive
