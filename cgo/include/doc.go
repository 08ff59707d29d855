// Package include contains the C headers of the cgo packages, and makes the build cache notice changes to them.
//
// The go command hashes the C files in a package's own directory, but not a header in another
// directory that a cgo CFLAGS line refers to. Without this package, a change of a header here would leave stale
// objects in the cache. The package embeds the headers, and every package that includes one imports it. A changed
// header then changes this package, and the go command compiles all packages that depend on it again. The linker
// drops the embedded text, because nothing reads it.
//
// # Ownership
//
// The package owns nothing and has no functions.
//
// # Caveats
//
// If the blank import is forgotten, the build works until a header changes.
package include
