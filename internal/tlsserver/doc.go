// Package tlsserver is the server's side of TLS on one connection, without input or output: it turns bytes that were received into application
// data, and data into bytes to be sent.
//
// A Handshake runs crypto/tls in steps, on a coroutine that goes on when the caller has more bytes for it. Once it is done, Records
// takes over: the records of TLS 1.3 are made by package tlsrecord, with the secrets that the handshake has logged and exactly behind
// what the handshake has sent; those of TLS 1.2 by crypto/tls itself.
//
// # Ownership
//
// A Handshake and its Records belong to one goroutine at a time. Buffers are the caller's; Records keeps none of them.
//
// # Caveats
//
// A coroutine is bound to the thread on which it began, if its goroutine is locked to that.
package tlsserver
