// Package harness is what the tests of whole servers share: it builds the reference server and the
// preload libraries, starts and ends servers, and exchanges raw bytes with them.
//
// It belongs to tests alone. A test package that uses it hands its TestMain to Main, so that what was
// built is removed again.
package harness
