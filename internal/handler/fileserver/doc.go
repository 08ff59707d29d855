// Package fileserver is the handler of `aws serve`: HTTP/1.1 for files, after RFC 9110 and RFC 9112.
//
// Options say what is served and how. A fileServer is made from them once, is shared by the loops and does not change; each
// loop has a responder, which decides about one request after the other.
package fileserver
