// Package tls tests the https of the server under test as a client sees it: programs with several TLS libraries fetch files, a
// scanner looks for weaknesses, records are cut, changed, repeated and left out on their way, and certificates are replaced under load.
// A program that is not installed is skipped by its name.
//
//	AWS_TLS_SPLITS=all go test -count=1 -v -run TestSplit ./tests/tls # cuts at every byte instead of a sample
package tls
