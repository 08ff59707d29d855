// Package confine holds aws to what it may read and say: no spelling of a target, no race and no special
// file brings out a byte from outside the root; the process itself can't open anything else; and what a
// client sends never becomes a line of a header or of the log.
//
// Everything is done to the built binary. Some tests need root, mount namespaces or Landlock, and skip
// themselves by name without.
package confine
