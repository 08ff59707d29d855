// Package acme tests internal/acme against Pebble, the ACME server that Let's Encrypt has for tests. It is a module of its own,
// with its own go.sum: the server's go.mod knows nothing of Pebble. `make acme` runs it, and `make test` too.
package acme
