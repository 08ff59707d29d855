// Package include holds the C headers of the cgo shims, and makes the build cache notice them.
//
// The go command hashes the C files in a package's own directory, but not a header that a cgo CFLAGS
// line reaches in another one: without help, editing a header here would leave stale objects in the
// cache. So this package embeds the headers and every package that includes one imports it; a
// changed header then changes this package, and everything that depends on it is compiled again.
// The linker drops the embedded text, since nothing reads it.
//
// The package owns nothing and does nothing. Caveat: the blank import is easily forgotten, and the
// build then works until a header changes.
package include
