// Package h2spec runs the conformance suite of that name (RFC 9113, RFC 7541) against `aws serve`. It is a module of its own, with its own go.sum:
// the server's go.mod knows nothing of it. `make h2spec` runs it, and `make test` too.
package h2spec
