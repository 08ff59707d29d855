// Package dropin is the handler of the drop-in, `aws`: what the classic C server responds.
//
// It serves the directories static/ and dynamic/ beneath one root. It responds with 200 or 404 and closes the connection after
// one response. A request that is malformed, unknown or not allowed gets 404.
package dropin
