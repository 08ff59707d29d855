// Package request parses HTTP/1.x requests (RFC 9112): the request line, the header fields that a file
// server needs, and the framing of the body.
//
// ResolvePath turns the path of a request target into a clean file path. Body finds the end of a request
// body that the server discards.
//
// # Ownership
//
// The package is pure. It does no I/O, starts no goroutine and never allocates. A Request holds offsets into
// the caller's receive buffer and no pointers. The buffer may grow and move between two calls, as long as the
// bytes stay the same. Reset makes a Request ready for the next head.
//
// # Guarantees
//
// Parsing is incremental. Parse keeps its position, so a head that arrives byte by byte costs no more than
// one that arrives whole. The verdict depends on the bytes only, not on how reads divide them: each
// defect belongs to the first byte that proves it. Parse reports a defect as soon as it has that byte,
// without waiting for the end of the line or of the head.
//
// # Caveats
//
// Ambiguous messages are refused, because two recipients that frame a message differently make request
// smuggling possible; see Defect for the list. Deviations that cannot be misread are accepted: a bare LF as
// a line end, leading empty lines, and raw bytes above 0x7f in the target.
package request
