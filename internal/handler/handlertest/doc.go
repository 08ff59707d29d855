// Package handlertest has what the unit tests of handlers need: a Site, which implements handler.Files with files that are
// made up, and Exchange, which has a handler decide about a request and checks what holds for every response.
//
// # Caveats
//
// It is for tests. Nothing is read from a disk: the body of a response is known by its length only, unless it is in memory.
package handlertest
