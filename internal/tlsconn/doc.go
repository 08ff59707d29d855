// Package tlsconn is what the event loop knows of TLS: the handshake and the records of a connection, as interfaces, and what they
// return. Package tlsserver implements them by crypto/tls, which a program that speaks no TLS, such as the drop-in, does not link.
//
// # Ownership
//
// The package owns nothing. A Handshake and its Records belong to one goroutine at a time; Facts may be kept by others.
//
// # Caveats
//
// Step and Stop of the handshakes of one loop are called on one thread.
package tlsconn
