// Package stats holds what the server measures of itself: the counters and histograms of a loop, and a record of each
// exchange.
//
// A loop owns its Counters and changes them without a lock; it copies them for other goroutines now and then. A Record is
// filled by a loop and belongs to the Sink after that.
//
// The observers (access log, metrics, live page) read these types and nothing else of the server.
package stats
