// Package response decides what a file server answers and writes the head of the response: status lines,
// fields, dates and entity tags, conditional requests, ranges, content negotiation and media types
// (RFC 9110, RFC 9112).
//
// The package is pure: it does no I/O, reads no clock and starts no goroutine. What it writes it appends to
// the caller's slice, as the Append functions of the standard library do, and with room there it never
// allocates. What it parses are the values of request fields, given as the bytes between the whitespace;
// where a field is a list that may come in several lines, it takes the lines.
//
// No value, whatever a file or a configuration is called, can end a line early: AppendField replaces what
// may not stand in a field, so response splitting is impossible by construction.
//
// Malformed conditions and preferences are not errors: RFC 9110 says of each what it means, mostly nothing,
// and the doc comments here repeat it.
package response
