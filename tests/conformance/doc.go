// Package conformance holds `aws serve` against RFC 9110, RFC 9111 and RFC 9112, over real connections: a
// table for every rule, with the section in the name of the test; a corpus of ambiguous messages, none of
// which may smuggle a request; and a comparison with net/http.ServeContent.
//
// The client is strict: it refuses whatever in a response is not as the RFCs have it, in every test.
package conformance
