// Package fileserver is the handler of `aws serve`: HTTP/1.1 for files, after RFC 9110 and RFC 9112.
//
// Options say what is served and how. New makes a fileServer from them, which the loops share and which does not
// change. Each loop has a responder with memory of its own. A request is decided by a decision, which lives as long as
// one call of the responder:
//
//	refusal    what is refused without looking at files
//	authorize  who may have what is at the path
//	lookUp     what is at the path: a file, an index, a listing, the fallback, or nothing
//	negotiate  which of the file's precompressed siblings is sent instead
//	evaluate   the conditions and ranges of the request
//
// # Ownership
//
// A decision holds references of the files that it is about. It gives one of them to the response and releases all others,
// also when it can't be made yet.
package fileserver
