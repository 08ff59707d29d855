// Package handler says what decides about the response to a request, and how.
//
// A Handler is one of the modes of the server: internal/handler/dropin and internal/handler/fileserver are the two that there
// are. The event loop asks its Responder about each request. The Responder decides on the request, and on what a
// Finder knows of the names that it needs; it never waits. What has to be waited for, the Finder has looked up off the loop,
// and the Responder is asked again.
//
// A Response belongs to the loop, which resets it for each request. The files in it are references, which the
// loop releases.
package handler
