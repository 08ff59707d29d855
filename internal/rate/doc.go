// Package rate bounds bytes per second with token buckets.
//
// # Ownership
//
// A Bucket belongs to one goroutine. A Total may be used by several at once, and a Limit is shared and does not change.
//
// # Caveats
//
// A bucket gives what it holds at the time of the call, and does not wait. Who takes bytes and does not send them puts them back.
package rate
