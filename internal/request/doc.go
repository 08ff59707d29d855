// Package request turns the bytes of an HTTP/1.x request into a Request: the request line, the fields
// that a file server needs, and the framing of the body that follows (RFC 9112).
//
// The package is pure. It owns no memory, does no I/O, starts no goroutine and never allocates: a Request
// holds offsets into the caller's receive buffer, and the buffer may grow and move between two calls as
// long as the bytes stay the same. One Request is reused for any number of heads by Reset.
//
// Parsing is incremental. Parse keeps its position, so a head that arrives byte by byte costs no more than
// one that arrives whole, and every verdict depends on the bytes alone, never on how they were cut: each
// defect is tied to the first byte that proves it. A defect is therefore reported as early as it can be,
// without waiting for the end of a line or of the head.
//
// What is ambiguous is refused, because a message that two parties frame differently is how requests are
// smuggled: see Defect for the list. What is merely sloppy and cannot be misread (a bare LF as a line end,
// leading empty lines, raw bytes above 0x7f in the target) is tolerated.
//
// ResolvePath turns the path of a target into a clean file path, and Body finds the end of a request body
// that nobody wants to read.
package request
