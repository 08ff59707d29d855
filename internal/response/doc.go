// Package response contains the HTTP semantics of a file server's responses (RFC 9110, RFC 9112): status lines,
// header fields, dates and entity tags, conditional requests, ranges, content negotiation and media types.
//
// # Ownership
//
// The package is pure: it does no I/O, reads no clock and starts no goroutine. Functions append to the
// caller's slice, as the Append functions of the standard library do, and do not allocate if the slice has
// room. Arguments are values of request fields without surrounding whitespace. If a field is a list that may
// have several lines, the argument is the lines.
//
// # Guarantees
//
// No value from a file name or a configuration can end a line early, because AppendField replaces the
// bytes that a field must not contain. So response splitting is impossible.
//
// # Caveats
//
// Malformed conditions and preferences are not errors. RFC 9110 defines the effect of each, in most cases
// that it is ignored; the doc comments state it.
package response
