// Package crosscheck sends the same requests to the reference server (tests/reference) and to aws, and
// compares what comes back: status, lengths, every byte of the body, and how the connection ends.
//
// The two are meant to differ where the reference server is careless. Those differences stand in the
// table of differences_test.go, each with its reason. A difference that is not in the table fails the
// test, and so does an entry of the table that no request brings about any more.
//
// Agreement with a careless server proves little by itself, so each request also says what aws has to
// response, and the bodies are compared with the files.
//
// The whole comparison is repeated with preload libraries (tests/preload) that cut every call short or
// make a share of the calls fail, and a sample of it under valgrind:
//
//	go test ./tests/crosscheck                          everything
//	go test ./tests/crosscheck -run 'CrossCheck/plain'  one of plain, shorten, faults, valgrind
//
// AWS_BIN and AWS_VALGRIND_BIN name other binaries than the ones in the repository's root, and
// AWS_FAULT_SEED another seed for the faults.
package crosscheck
