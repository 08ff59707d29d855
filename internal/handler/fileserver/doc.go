// Package fileserver is the handler of `aws serve`: HTTP/1.1 for files, after RFC 9110 and RFC 9112.
//
// Options describe a single site, and SiteOptions several. New and NewSites make a fileServer from them, which the loops share
// and which does not change: it has a policy for each route. Each loop has a responder with memory of its own. A request is
// decided by a decision, which lives as long as one call of the responder:
//
//	chooseSite  the site, by the host
//	refusal     what is refused without looking at the path
//	policyOf    what applies to the path: a policy
//	admits      whether the client's address may have what is at the path
//	authorize   whether the client has shown the password of a user who may
//	redirectTo, respondFixed  what is sent without a file
//	lookUp      what is at the path: a file, an index, a listing, another attempt, or nothing
//	refuseFile  whether the client may have the file, which has a path and a policy of its own
//	negotiate   which of the file's precompressed siblings is sent instead
//	evaluate    the conditions and ranges of the request
//
// # Ownership
//
// A decision holds references of the files that it is about. It gives one of them to the response and releases all others,
// also when it can't be made yet.
//
// # Memory
//
// With the table of internal/sites, a site with 15 prefixes and 5 patterns takes 60 kB. A decision for one of a thousand such
// sites takes some 60 ns more than for a single one (BenchmarkSites).
package fileserver
