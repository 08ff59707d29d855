// Package http2 is the server's side of HTTP/2 connections (RFC 9113, RFC 7541, RFC 9218) for a server of files. It does no I/O:
// Conn.Receive takes in what a client has sent, and the caller asks for the next frames and sends them.
//
// # Requests
//
// A request is handed on in the form of an HTTP/1.1 head, so that a server of both has one parser and one set of rules. What
// HTTP/2 demands besides is checked before that (RFC 9113, sections 8.2 and 8.3), and nothing gets into the head that could end one of its lines. The content of
// requests is discarded. A request whose content is small is handed on when that is complete.
//
// # Faults
//
// A fault of the client ends its stream by RST_STREAM, or its connection by GOAWAY, as RFC 9113, section 5.4, says. So does what exceeds Limits. The
// table of header compression is kept in step with the client's whatever becomes of a request.
//
// # Responses
//
// Fields that responses have in common go into the client's dynamic table, if that has the default size at least. Therefore frames are to be sent in the
// order in which they were made, all of them.
package http2
