// Package reload replaces a supervised server's worker under load, by reloads and by upgrades to another
// program, and counts the requests that fail: there are to be none, also
// while listening addresses are added and removed. The rest is about the supervisor itself:
// what it does with a worker that hangs or dies, with a signal at a bad moment, and with a Unix socket's
// file, and what is reported a start and a drain that take long.
//
//	REQUESTS=1000000 go test -count=1 -v -run 'TestNoRequestIsLost|TestAddressesUnderLoad' ./tests/reload
package reload
